"""Seconds of training until the best F on dev that spaCy's ner reaches: crf_ner beside
ner.

    python -m benchmarks.time_to_score

writes `benchmarks/results/time-to-score.json`. For each seed both are trained as their
configs say, until F on dev has not risen for a while, at the same time, each in a
process of its own and on one thread. The clock runs from the score of the untrained
pipeline to the first one that is as good as ner's best, evaluations included. Needs a
machine with two cores on which nothing else runs.
"""

import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from wasabi import msg

from .harness.environment import describe
from .harness.training import WORK, convert, write_result
from .training_speed import MODELS, timed_training

CORPUS = "ncbi-disease"
EVAL_FREQUENCY = 100


def main(
    seeds: Annotated[int, typer.Option(help="How many seeds, from 0")] = 3,
    work: Annotated[Path, typer.Option(help="Folder with corpora")] = WORK,
) -> None:
    """Train, and write the times and their ratios."""
    folder = work / CORPUS
    convert(CORPUS, folder)
    runs: list[dict[str, Any]] = []
    for seed in range(seeds):
        runs.append(race(folder, seed))
        ratios = [run["crf_ner / ner"] for run in runs if run["crf_ner / ner"]]
        median = statistics.median(ratios) if ratios else None
        msg.text(f"crf_ner / ner: {median}, {ratios}")
        # After each seed, since each takes minutes.
        result = {
            **describe("time_to_score"),
            "corpus": CORPUS,
            "eval_frequency": EVAL_FREQUENCY,
            "runs": runs,
            "seeds that crf_ner got there": len(ratios),
            "median crf_ner / ner": median,
        }
        write_result("time-to-score", result)


def race(folder: Path, seed: int) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Step and seconds at which each was as good as the best
    of ner, and the ratio of the seconds; None where crf_ner was never.
    """
    settings = {"training.eval_frequency": EVAL_FREQUENCY, "system.seed": seed}
    with TemporaryDirectory() as scratch, ThreadPoolExecutor() as pool:
        ours, theirs = pool.map(
            lambda model: timed_training(
                model, folder, settings, Path(scratch) / f"{model}.jsonl"
            ),
            MODELS,
        )
    best = max(line["f"] for line in theirs)
    mine, its = arrival(ours, best), arrival(theirs, best)
    return {
        "seed": seed,
        "best dev F of ner": best,
        "best dev F of crf_ner": max(line["f"] for line in ours),
        "reached": {"crf_ner": mine, "ner": its},
        "crf_ner / ner": mine["seconds"] / its["seconds"] if mine and its else None,
    }


def arrival(curve: list[dict[str, Any]], f: float) -> dict[str, float] | None:
    """RETURNS (dict[str, float]): Step and seconds of the first F that is as good, or
    None.
    """
    for line in curve:
        if line["f"] >= f:
            seconds = line["seconds"] - curve[0]["seconds"]
            return {"step": line["step"], "seconds": seconds}
    return None


if __name__ == "__main__":
    typer.run(main)
