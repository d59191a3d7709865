"""Seconds and memory of `spacy crf convert`, beside spaCy's own `spacy convert`.

    python -m benchmarks.convert

writes `benchmarks/results/convert.json`. Both convert columns, one sentence a document:
WNUT 2017 train, and the same repeated with other words each time, so that there are as
many more of them as in a larger corpus; that takes `spacy convert` too long. Each run
is a process of its own, in alternation. The processor's seconds include the import of
spaCy, which a file of a few lines shows; the memory is the most that was resident.
Shards are of 5,000 documents. Needs Linux, and the corpora in `../shared/data`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from wasabi import msg

from .harness.environment import describe
from .harness.options import Rounds
from .harness.spread import by_part, medians, quartiles
from .harness.training import ROOT, write_result

TRAIN = ROOT.parent / "shared" / "data" / "wnut17" / "wnut17train.conll"
SHARD_SIZE = 5000
_SMALL = 1e-6  # once
_KIB = 1024


class Cost(NamedTuple):
    """What a process has taken."""

    seconds: float
    mebibytes: float


def main(
    megabytes: Annotated[float, typer.Option(help="Size of the largest file")] = 4.0,
    rounds: Rounds = 2,
) -> None:
    """Measure, and write medians."""
    sizes = {"few lines": 0.0, "corpus": _SMALL, "repeated": megabytes}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {key: write_corpus(folder / key, size) for key, size in sizes.items()}
        runs: dict[str, dict[str, list[dict[str, float]]]] = {}
        for _ in range(rounds):
            for tool, arguments in COMMANDS.items():
                of_tool = runs.setdefault(tool, {})
                for key, path in files.items():
                    if key == "repeated" and tool == SPACY:
                        continue
                    cost = measure(path, folder, arguments)
                    of_tool.setdefault(key, []).append(cost._asdict())
        shares = {key: path.stat().st_size / 1e6 for key, path in files.items()}
    rows = {
        tool: {
            key: {
                "median": medians(by_part(each)),
                "quartiles": quartiles(by_part(each)),
            }
            for key, each in of_tool.items()
        }
        for tool, of_tool in runs.items()
    }
    for tool, of_tool in rows.items():
        whole, start = (of_tool[key]["median"] for key in ("corpus", "few lines"))
        net = whole["seconds"] - start["seconds"]
        msg.text(f"{tool}: {net:.1f} seconds for the corpus")
        for key, each in of_tool.items():
            msg.text(f"  {key}: {each['median']['mebibytes']:.0f} MiB")
    result: dict[str, Any] = {
        **describe("convert"),
        "megabytes": shares,
        "rounds": rounds,
        "processor's seconds and resident memory": rows,
    }
    write_result("convert", result)


SPACY = "spacy convert"
COMMANDS = {
    SPACY: ["convert", "{file}", "{folder}", "-c", "ner", "-n", "1"],
    "spacy crf convert": ["crf", "convert", "{file}", "{folder}/out.spacy"],
    "spacy crf convert, shards": [
        *("crf", "convert", "{file}", "{folder}/shards"),
        *("--shard-size", str(SHARD_SIZE)),
    ],
}


def write_corpus(stem: Path, megabytes: float) -> Path:
    """Write the corpus again and again, with other words each time.

    RETURNS (Path): The file.
    """
    path = stem.with_name(stem.name.replace(" ", "-")).with_suffix(".conll")
    lines = TRAIN.read_text("utf8").strip().split("\n")
    size, copy = 0, 0
    with path.open("w", encoding="utf8") as file:
        while size < megabytes * 1e6 or not copy:
            for line in lines if megabytes else lines[:50]:
                word, tab, tag = line.partition("\t")
                # A third of the words is new in each copy.
                is_new = bool(tab) and copy and len(word) % 3 == 0
                text = f"{word}{copy}" if is_new else word
                size += file.write(f"{text}\t{tag}\n" if tab else "\n")
            # spaCy wants no more than one blank line.
            if megabytes > size / 1e6:
                file.write("\n")
            copy += 1
    return path


def measure(path: Path, folder: Path, arguments: list[str]) -> Cost:
    """RETURNS (Cost): What a process has taken that converts a file."""
    filled = [each.format(file=path, folder=folder) for each in arguments]
    command = [sys.executable, "-m", "spacy", *filled]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"This has failed: {' '.join(command)}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _KIB)


if __name__ == "__main__":
    typer.run(main)
