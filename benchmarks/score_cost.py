"""What writing scores costs: `nlp.pipe` over the texts of WNUT 2017 test, with and
without, in alternation in one process.

    python -m benchmarks.score_cost

writes `benchmarks/results/score-cost.json`. Needs the models of
`python -m benchmarks.accuracy wnut17`, and a machine on which nothing else runs.
"""

import statistics
import sys
import time
from pathlib import Path
from typing import Annotated

import spacy
import torch
import typer
from spacy.tokens import DocBin
from wasabi import msg

from .environment import describe
from .training import WORK, write_result


def main(
    rounds: Annotated[int, typer.Option(help="Times that each is measured")] = 15,
    work: Annotated[Path, typer.Option(help="Folder with models")] = WORK,
) -> None:
    """Measure, and write the ratio of the medians."""
    torch.set_num_threads(1)
    nlp = spacy.load(work / "wnut17" / "crf_ner-0" / "model-best")
    docs = DocBin().from_disk(work / "wnut17" / "test.spacy").get_docs(nlp.vocab)
    texts = [doc.text for doc in docs]
    variants = {"with scores": "crf_ner", "without": None}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds + 1):
        for name, key in variants.items():
            nlp.get_pipe("crf_ner").cfg["spans_key"] = key
            start = time.perf_counter()
            n_words = sum(len(doc) for doc in nlp.pipe(texts))
            seconds[name].append(time.perf_counter() - start)
    # The first round loads and compiles.
    medians = {name: statistics.median(each[1:]) for name, each in seconds.items()}
    result = {
        "command": " ".join(["python -m benchmarks.score_cost", *sys.argv[1:]]),
        "environment": {**describe(), "torch threads": 1},
        "texts": len(texts),
        "words": n_words,
        "rounds": rounds,
        "median seconds": medians,
        "spread (quartiles)": {
            name: statistics.quantiles(each[1:], n=4) for name, each in seconds.items()
        },
        "ratio": medians["with scores"] / medians["without"],
    }
    msg.text(f"with scores / without: {result['ratio']:.3f}")
    write_result("score-cost", result)


if __name__ == "__main__":
    typer.run(main)
