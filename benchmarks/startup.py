"""Time from the start of a process to the first entities: crf_ner beside spaCy's ner.

    python -m benchmarks.startup

writes `benchmarks/results/startup.json`. Each time a new process imports spaCy, loads a
pipeline and annotates one text, in alternation; the time ends when the entities have
come. Kernels are compiled and cached, and files read once, before anything is measured.
Before that, what compiling takes, once after an install: CPU-seconds of a first
prediction and a first update of a small pipeline in a new process, with an empty folder
for kernels and with the one that the process before has filled, in alternation.
`--compiling-only` leaves the rest out, which needs trained models.
spaCy imports every plugin that it finds, whatever a pipeline needs: spacy-transformers,
which tests of this package want, would take longer than all else and is hidden. Needs
the models of `python -m benchmarks.accuracy`, and a machine on which nothing else runs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from wasabi import msg

from .harness.environment import describe
from .harness.options import Work
from .harness.spread import by_part, medians, quartiles
from .harness.training import WORK, write_result

MODELS = ("crf_ner", "ner")
TEXT = "Justin Bieber is flying from London to New York to see Kanye West ."
HIDDEN = "spacy-transformers"
SCRIPT = """
import importlib.metadata, json, sys, time
find = importlib.metadata.distributions
importlib.metadata.distributions = lambda **context: (
    found for found in find(**context) if found.name != sys.argv[3]
)
began = time.perf_counter()
import spacy
imported = time.perf_counter()
nlp = spacy.load(sys.argv[1])
loaded = time.perf_counter()
entities = nlp(sys.argv[2]).ents
found = time.perf_counter()
seconds = {
    "import spacy": imported - began,
    "spacy.load": loaded - imported,
    "first call": found - loaded,
}
print(json.dumps({"entities": len(entities), "seconds": seconds}), flush=True)
"""
COMPILING_SCRIPT = """
import json, spacy
from time import process_time
from spacy.training import Example
from spacy_crf_tagger.models.shim import ScoreShim

nlp = spacy.blank("en")
pipe = nlp.add_pipe("crf_ner")
pipe.add_label("PERSON")
text = "Ada Lovelace met Grace in Paris ."
example = Example.from_dict(nlp.make_doc(text), {"entities": [(0, 12, "PERSON")]})
nlp.initialize(lambda: [example])
# An entity, so that probabilities are computed as well.
shims = [shim for node in pipe.model.walk() for shim in node.shims]
[network] = [shim.network for shim in shims if isinstance(shim, ScoreShim)]
network.emission.bias.data[4] = 1.0
began = process_time()
assert nlp(text).ents
predicted = process_time()
nlp.update([example])
print(json.dumps({
    "first prediction": predicted - began,
    "first update after it": process_time() - predicted,
}))
"""
ALL = "process start to first entities"


def main(
    corpus: Annotated[str, typer.Option(help="wnut17 or ncbi-disease")] = "wnut17",
    rounds: Annotated[int, typer.Option(help="Times that each is started")] = 9,
    compile_rounds: Annotated[
        int, typer.Option(help="Times that kernels are compiled")
    ] = 5,
    compiling_only: Annotated[
        bool, typer.Option(help="Print what compiling takes, and write nothing")
    ] = False,
    work: Work = WORK,
) -> None:
    """Measure, and write medians and their difference."""
    compiling = compile_seconds(compile_rounds)
    for part, cost in compiling["median, compiling"].items():
        msg.text(f"{part}: kernels take {cost:.1f} CPU-seconds to compile")
    if compiling_only:
        return
    seconds: dict[str, list[dict[str, float]]] = {model: [] for model in MODELS}
    for _ in range(rounds + 1):
        for model in MODELS:
            path = work / corpus / f"{model}-0" / "model-best"
            seconds[model].append(first_entities(path))
    # The first round compiles kernels and reads files into the system's cache.
    rows = {model: summary(each[1:]) for model, each in seconds.items()}
    more = rows["crf_ner"]["median seconds"][ALL] - rows["ner"]["median seconds"][ALL]
    result = {
        **describe("startup"),
        "hidden plugin": HIDDEN,
        "corpus": corpus,
        "text": TEXT,
        "rounds": rounds,
        **rows,
        "crf_ner - ner, seconds": more,
        "CPU-seconds of compiling": compiling,
    }
    msg.text(f"crf_ner takes {more:.2f} s more than ner")
    write_result("startup", result)


def first_entities(model: Path) -> dict[str, float]:
    """RETURNS (dict[str, float]): The seconds that a new process takes to the first
    entities, and what parts of them are.
    """
    command = [sys.executable, "-c", SCRIPT, str(model), TEXT, HIDDEN]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.readline()
        total = time.perf_counter() - start
    if process.returncode != 0:
        raise RuntimeError(f"A process with {model} has failed.")
    report = json.loads(printed)
    if not report["entities"]:  # then no probabilities are computed
        raise ValueError(f"{model} finds no entity in: {TEXT}")
    parts: dict[str, float] = report["seconds"]
    interpreter = total - sum(parts.values())
    return {ALL: total, "interpreter": interpreter, **parts}


def compile_seconds(rounds: int) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Median CPU-seconds of a first prediction and a first
    update where kernels are compiled, where they were before, and the difference.
    """
    runs: dict[str, list[dict[str, float]]] = {"compiled": [], "loaded": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            for each in runs.values():
                done = subprocess.run(
                    [sys.executable, "-c", COMPILING_SCRIPT],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                each.append(json.loads(done.stdout))
    compiled, loaded = (medians(by_part(each)) for each in runs.values())
    return {
        "rounds": rounds,
        "median, kernels compiled": compiled,
        "median, kernels loaded": loaded,
        "median, compiling": {part: compiled[part] - loaded[part] for part in compiled},
    }


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Medians and quartiles of each part."""
    parts = by_part(runs)
    return {
        "median seconds": medians(parts),
        "quartiles": quartiles(parts),
    }


if __name__ == "__main__":
    typer.run(main)
