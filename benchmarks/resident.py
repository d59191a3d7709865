"""Resident memory of a process that annotates one text at a time: crf_ner beside
spaCy's ner.

    python -m benchmarks.resident

writes `benchmarks/results/resident.json`. Each pipeline is loaded in a process of its
own, which calls `nlp(text)` in a memory zone for ten minutes, on sentences in which a
fifth of the words are new. Both run side by side: memory does not depend on what else
runs. Needs Linux, and the models of `python -m benchmarks.accuracy wnut17`.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import spacy
import srsly
import torch
import typer
from wasabi import msg

from .growth import CORPUS, MIB, memory, texts_with_fresh_words
from .harness.environment import describe
from .harness.options import Work
from .harness.training import WORK, texts_of, write_result
from .serve import READINGS, growth

MODELS = ("crf_ner", "ner")
BAR_MIB = 300


def main(
    minutes: Annotated[float, typer.Option(help="How long each process runs")] = 10,
    work: Work = WORK,
    model: Annotated[str, typer.Option(hidden=True)] = "",
    out: Annotated[Path, typer.Option(hidden=True)] = Path(),
) -> None:
    """Run both processes, and write what they need."""
    if model:
        srsly.write_json(out, serve(work, model, 60 * minutes))
        return
    outs = {name: work / f"resident-{name}.json" for name in MODELS}
    processes = [start(name, path, minutes, work) for name, path in outs.items()]
    if any(process.wait() for process in processes):
        raise SystemExit("A process has failed.")
    found = {name: srsly.read_json(path) for name, path in outs.items()}
    ours, theirs = (found[name]["memory"]["median MiB after it"] for name in MODELS)
    result = {
        **describe("resident", 1),
        "corpus": CORPUS,
        "minutes": minutes,
        "processes": found,
        "crf_ner - ner, MiB": ours - theirs,
        "bar, MiB": BAR_MIB,
    }
    msg.text(f"crf_ner {ours:.0f} MiB, ner {theirs:.0f} MiB: {ours - theirs:+.0f}")
    write_result("resident", result)


def start(
    model: str, out: Path, minutes: float, work: Path
) -> "subprocess.Popen[bytes]":
    """RETURNS (subprocess.Popen): A process that serves a model."""
    options = {"minutes": minutes, "work": work, "model": model, "out": out}
    words = [f"--{name}={value}" for name, value in options.items()]
    return subprocess.Popen([sys.executable, "-m", "benchmarks.resident", *words])


def serve(work: Path, model: str, seconds: float) -> dict[str, Any]:
    """Annotate texts one by one.

    work (Path): Where the models are.
    model (str): The name of one.
    seconds (float): How long.
    RETURNS (dict[str, Any]): How many texts there were, and the memory of this process
        at even intervals.
    """
    torch.set_num_threads(1)
    nlp = spacy.load(work / CORPUS / f"{model}-0" / "model-best")
    texts = texts_with_fresh_words(texts_of(work / CORPUS, "test"))
    mib: list[float] = []
    n_texts = 0
    begin = time.monotonic()
    while len(mib) < READINGS:
        for text in texts:
            with nlp.memory_zone():
                nlp(text)
            n_texts += 1
            if time.monotonic() - begin > (len(mib) + 1) * seconds / READINGS:
                mib.append(memory() / MIB)
                break
    return {"texts": n_texts, "memory": growth(mib)}


if __name__ == "__main__":
    typer.run(main)
