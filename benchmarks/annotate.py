"""`spacy crf annotate` beside `nlp.pipe`: words per second, and memory and time of
many documents.

    python -m benchmarks.annotate
    python -m benchmarks.annotate --texts 1000000 --ray

writes `benchmarks/results/annotate.json`. Each way is a process of its own, from JSON
lines to JSON lines, after another one has compiled the kernels. The clock runs from the
moment at which everything is imported: loading the pipeline and starting processes
count. `nlp.pipe` gets all texts as one list, and nothing of what it finds is written.
Needs Linux, the pipeline of `python -m spacy project run all` or another one, and a
machine on which nothing else runs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from wasabi import msg

from spacy_crf_tagger.cli.annotate import annotate

from .harness.annotating import MODEL, write_texts
from .harness.environment import describe
from .harness.training import RESULTS, write_result

WARM_UP = 0.2  # the share of the documents after which memory is looked at
MIB = 2**20
OPTIONS: dict[str, dict[str, Any]] = {
    "annotate": {},
    "annotate, 2 processes": {"processes": 2},
    "annotate, Ray, 1 actor": {"processes": 1, "ray": "local"},
    "annotate, Ray, 2 actors": {"processes": 2, "ray": "local"},
}
BARS = {
    "annotate / nlp.pipe": 0.9,
    "2 processes / 1": 1.7,
    "Ray, 2 actors / 1": 1.5,
}


def main(
    texts: Annotated[int, typer.Option(help="How many short texts")] = 200_000,
    rounds: Annotated[int, typer.Option(help="Times that each is measured")] = 3,
    ray: Annotated[bool, typer.Option("--ray", help="Measure Ray as well")] = False,
    model: Annotated[Path, typer.Option(help="The pipeline")] = MODEL,
    folder: Annotated[Path, typer.Option(help="Where to write results")] = RESULTS,
    way: Annotated[str, typer.Option(hidden=True)] = "",
    work: Annotated[Path, typer.Option(hidden=True)] = Path(),
) -> None:
    """Measure, and write medians, ratios and the course of one run."""
    if way:
        print(json.dumps(measure(way, model, work / "texts.jsonl", work / "out")))
        return
    ways = ["nlp.pipe", *OPTIONS]
    if not ray:
        ways = [name for name in ways if "Ray" not in name]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        write_texts(work / "texts.jsonl", 100)
        in_process("nlp.pipe", model, work)
        write_texts(work / "texts.jsonl", texts)
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name in ways:
                runs[name].append(in_process(name, model, work))
                msg.text(f"{name}: {runs[name][-1]['words/s']:,.0f} words/s")
    speeds = {
        name: statistics.median(run["words/s"] for run in own)
        for name, own in runs.items()
    }
    result = {
        **describe("annotate", int(os.environ.get("OMP_NUM_THREADS", "0")) or None),
        "model": model.parent.parent.name,
        "texts": texts,
        "rounds": rounds,
        "words": runs["annotate"][0]["words"],
        "median words/s": speeds,
        "ratios": ratios(speeds),
        "course": runs["annotate"][-1]["course"],
    }
    for name, ratio in result["ratios"].items():
        msg.text(f"{name}: {ratio:.2f} (bar {BARS[name]})")
    msg.text(json.dumps({k: v for k, v in result["course"].items() if "MiB" not in k}))
    write_result("annotate", result, folder)


def ratios(speeds: dict[str, float]) -> dict[str, float]:
    """RETURNS (dict[str, float]): What the bars are about."""
    found = {
        "annotate / nlp.pipe": speeds["annotate"] / speeds["nlp.pipe"],
        "2 processes / 1": speeds["annotate, 2 processes"] / speeds["annotate"],
    }
    if "annotate, Ray, 2 actors" in speeds:
        single = speeds["annotate, Ray, 1 actor"]
        found["Ray, 2 actors / 1"] = speeds["annotate, Ray, 2 actors"] / single
    return found


def in_process(way: str, model: Path, work: Path) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What `measure` returns in a new process."""
    arguments = ["--way", way, "--model", str(model), "--work", str(work)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.annotate", *arguments],
        check=True,
        capture_output=True,
        encoding="utf8",
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(way: str, model: Path, source: Path, output: Path) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Words, words per second, and how time and memory went
    on.
    """
    course = Course(output)
    began = time.perf_counter()
    if way == "nlp.pipe":
        with source.open(encoding="utf8") as lines:
            texts = [json.loads(line)["text"] for line in lines]
        n_words = sum(len(doc) for doc in spacy.load(model).pipe(texts))
    else:
        with course:
            options = OPTIONS[way]
            summary = annotate(model, [source], output, resume=False, **options)
        n_words = summary.words
    seconds = time.perf_counter() - began
    return {
        "words": n_words,
        "words/s": n_words / seconds,
        "course": course.result(),
    }


class Course:
    """Reads the memory of this process whenever a shard is done.

    output (Path): The folder of the run.
    """

    def __init__(self, output: Path) -> None:
        self._receipts = output / "receipts"
        self._readings: list[tuple[float, int, float]] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _read(self) -> None:
        began, last = time.perf_counter(), 0
        while not self._ends.wait(0.05):
            n_shards = len(list(self._receipts.glob("[!.]*")))
            if n_shards > last:
                seconds = time.perf_counter() - began
                self._readings.append((seconds, n_shards, resident_mib()))
                last = n_shards

    def result(self) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): The readings, and after the warm-up the least and
        most memory by its mean, and the most seconds by which time is off a straight
        line, by the whole time.
        """
        warm = self._readings[int(len(self._readings) * WARM_UP) :]
        if len(warm) < 3:
            return {"seconds, shards, MiB": self._readings}
        memory = [mib for _, _, mib in warm]
        mean = statistics.mean(memory)
        times = [seconds for seconds, _, _ in warm]
        shards = [n for _, n, _ in warm]
        slope, intercept = statistics.linear_regression(shards, times)
        off = [t - (slope * n + intercept) for n, t in zip(shards, times, strict=True)]
        return {
            "seconds, shards, MiB": self._readings,
            "least memory / mean": min(memory) / mean,
            "most memory / mean": max(memory) / mean,
            "off a straight line": max(map(abs, off)) / (times[-1] - times[0]),
        }


def resident_mib() -> float:
    """RETURNS (float): The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


if __name__ == "__main__":
    typer.run(main)
