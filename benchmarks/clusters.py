"""Seconds, memory and mutual information of `spacy crf clusters`.

    python -m benchmarks.clusters

writes `benchmarks/results/clusters.json`. The texts are 1.4 million words of PubMed,
and the same again and again, with a third of the words changed in each copy, so that
vocabulary and pairs of words grow as well. Each run is a process of its own, whose time
includes the import of spaCy and the tokenizer; the kernels were compiled before. The
memory is the most that was resident. Needs Linux, and the texts in `../shared/data`.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from wasabi import msg

from .harness.environment import describe
from .harness.training import DATA, write_result

TEXTS = DATA / "unlabelled" / "pubmed.txt"
_KIB = 1024
_EVERY = 3  # words


def main(
    copies: Annotated[int, typer.Option(help="Of the texts, in the larger run")] = 8,
    classes: Annotated[str, typer.Option(help="How many to make")] = "500,1000",
) -> None:
    """Measure, and write what was found."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure(write_texts(folder / "few.txt", 1, most_lines=200), 50)  # compiles
        for n_copies in (1, copies):
            path = write_texts(folder / f"{n_copies}.txt", n_copies)
            for n_classes in map(int, classes.split(",")):
                row = {"copies": n_copies, "classes": n_classes}
                row |= measure(path, n_classes)
                msg.text(", ".join(f"{key}: {value}" for key, value in row.items()))
                rows.append(row)
    write_result("clusters", {**describe("clusters"), "runs": rows})


def write_texts(path: Path, copies: int, most_lines: int | None = None) -> Path:
    """Write the texts again and again, with other words each time.

    RETURNS (Path): The file.
    """
    lines = TEXTS.read_text("utf8").splitlines()[:most_lines]
    with path.open("w", encoding="utf8") as file:
        for copy in range(copies):
            for line in lines:
                words = line.split(" ")
                if copy:
                    words = [
                        f"{word}x{copy}" if len(word) % _EVERY == 0 else word
                        for word in words
                    ]
                file.write(" ".join(words) + "\n")
    return path


def measure(path: Path, n_classes: int) -> dict[str, float]:
    """RETURNS (dict[str, float]): What a process has taken, and what came of it."""
    options = ["--classes", str(n_classes)]
    command = ["-m", "spacy", "crf", "clusters", str(path), str(path.parent / "paths")]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, *command, *options],
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = " ".join(output.read().split())
    if process.returncode:
        raise RuntimeError(f"This has failed: {' '.join(command)}: {printed}")
    seconds = usage.ru_utime + usage.ru_stime
    words, different, bits = find_numbers(printed)
    return {
        "words": words,
        "different": different,
        "bits": bits,
        "processor's seconds": round(seconds, 1),
        "words a second": round(words / seconds),
        "MiB": round(usage.ru_maxrss / _KIB),
    }


def find_numbers(printed: str) -> tuple[float, float, float]:
    """RETURNS (tuple[float, float, float]): How many words there are, how many
    different ones in classes, and their mutual information.
    """
    patterns = (r"([\d,]+) words in", r"([\d,]+) different", r"([\d.]+) bits")
    found = [re.search(pattern, printed) for pattern in patterns]
    values = [float(each[1].replace(",", "")) for each in found if each is not None]
    words, different, bits = values
    return words, different, bits


if __name__ == "__main__":
    typer.run(main)
