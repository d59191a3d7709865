"""Kill `spacy crf annotate` at random moments: is anything lost, or there twice?

    python -m benchmarks.annotate_kills

writes `benchmarks/results/annotate-kills.json`. Each try starts the command with two
processes and kills by SIGKILL one of these, the process that leads them, or all at
once; then the command is started again until it ends by itself. What is in the folder
must then be, byte for byte, what an uninterrupted run writes. Needs Linux.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.training import Example
from wasabi import msg

from .harness.annotating import write_texts
from .harness.environment import describe
from .harness.training import RESULTS, write_result

VICTIMS = ("worker", "driver", "whole run")
TEXT = "Ada Lovelace met Grace in Paris."
GOLD = {"entities": [(0, 12, "PERSON"), (17, 22, "PERSON"), (26, 31, "PLACE")]}


def main(
    tries: Annotated[int, typer.Option(help="Kills of each kind")] = 10,
    texts: Annotated[int, typer.Option(help="How many short texts")] = 20_000,
    seed: Annotated[int, typer.Option(help="Chooses the moments")] = 0,
    folder: Annotated[Path, typer.Option(help="Where to write results")] = RESULTS,
) -> None:
    """Kill, go on, and compare."""
    rng = random.Random(seed)
    counts = {victim: {"killed": 0, "right": 0} for victim in VICTIMS}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        save_pipeline(work / "model")
        write_texts(work / "texts.jsonl", texts)
        began = time.monotonic()
        assert start(work, "expected").wait() == 0
        seconds = time.monotonic() - began
        expected = content_of(work / "expected")
        for victim in VICTIMS:
            # A run may end before the moment comes.
            while counts[victim]["killed"] < tries:
                shutil.rmtree(work / "out", ignore_errors=True)
                process = start(work, "out")
                time.sleep(rng.uniform(0.2, 1.0) * seconds)
                is_killed = kill(victim, process, rng)
                if process.wait() != 0:
                    assert start(work, "out").wait() == 0
                is_right = content_of(work / "out") == expected
                counts[victim]["killed"] += is_killed
                counts[victim]["right"] += is_killed and is_right
            msg.text(f"{victim}: {counts[victim]}")
    result = {**describe("annotate_kills"), "seed": seed, "tries": tries, **counts}
    write_result("annotate-kills", result, folder)


def save_pipeline(path: Path) -> None:
    """Train a pipeline for some seconds."""
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_ner")
    examples = [Example.from_dict(nlp.make_doc(TEXT), GOLD)] * 4
    nlp.initialize(lambda: examples)
    for _ in range(20):
        nlp.update(examples)
    nlp.to_disk(path)


def start(work: Path, name: str) -> "subprocess.Popen[bytes]":
    """RETURNS (Popen): The command, as the first of a session of its own."""
    arguments = [str(work / "model"), str(work / "texts.jsonl"), str(work / name)]
    options = ["--processes", "2", "--shard-rows", "500"]
    return subprocess.Popen(
        [sys.executable, "-m", "spacy", "crf", "annotate", *arguments, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(victim: str, driver: "subprocess.Popen[bytes]", rng: random.Random) -> bool:
    """RETURNS (bool): Whether there was anything to kill."""
    while driver.poll() is None:
        with suppress(ProcessLookupError):
            if victim == "whole run":
                os.killpg(driver.pid, signal.SIGKILL)
                return True
            if victim == "driver":
                driver.kill()
                return True
            # Those that annotate are children of the server that forks them.
            servers = children(driver.pid)
            workers = [worker for server in servers for worker in children(server)]
            if workers:
                os.kill(rng.choice(workers), signal.SIGKILL)
                return True
        time.sleep(0.01)
    return False


def children(parent: int) -> list[int]:
    """RETURNS (list[int]): The numbers of the child processes of a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name before it may hold spaces, but is in brackets.
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(path.parent.name))
    return found


def content_of(folder: Path) -> dict[str, bytes]:
    """RETURNS (dict[str, bytes]): All files of a folder but its lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


if __name__ == "__main__":
    typer.run(main)
