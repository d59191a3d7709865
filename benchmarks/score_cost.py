"""What writing scores costs: `nlp.pipe` over the texts of WNUT 2017 test, with and
without, in alternation in one process.

    python -m benchmarks.score_cost

writes `benchmarks/results/score-cost.json`. Needs the models of
`python -m benchmarks.accuracy wnut17`, and a machine on which nothing else runs.
"""

import time

import spacy
import torch
import typer
from wasabi import msg

from .harness.environment import describe
from .harness.options import Rounds, Work
from .harness.spread import medians, quartiles, without_first
from .harness.training import WORK, texts_of, write_result


def main(
    rounds: Rounds = 15,
    work: Work = WORK,
) -> None:
    """Measure, and write the ratio of the medians."""
    torch.set_num_threads(1)
    nlp = spacy.load(work / "wnut17" / "crf_ner-0" / "model-best")
    texts = texts_of(work / "wnut17", "test")
    variants = {"with scores": "crf_ner", "without": None}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds + 1):
        for name, key in variants.items():
            nlp.get_pipe("crf_ner").cfg["spans_key"] = key
            start = time.perf_counter()
            n_words = sum(len(doc) for doc in nlp.pipe(texts))
            seconds[name].append(time.perf_counter() - start)
    seconds = without_first(seconds)
    median = medians(seconds)
    result = {
        **describe("score_cost", 1),
        "texts": len(texts),
        "words": n_words,
        "rounds": rounds,
        "median seconds": median,
        "spread (quartiles)": quartiles(seconds),
        "ratio": median["with scores"] / median["without"],
    }
    msg.text(f"with scores / without: {result['ratio']:.3f}")
    write_result("score-cost", result)


if __name__ == "__main__":
    typer.run(main)
