"""Words per second of pipelines from text to entities: crf_ner beside spaCy's ner.

    python -m benchmarks.inference wnut17
    python -m benchmarks.inference ncbi-disease

writes `benchmarks/results/inference-<corpus>.json`. Both read the texts of the test
part by `nlp.pipe`, in alternation in one process, as sentences and as one long document
for each hundred of them; and one by one for the latency of `nlp(text)`. Needs the
models of `python -m benchmarks.accuracy`, and a machine on which nothing else runs.
"""

import statistics
import sys
import time
from typing import Any

import spacy
import torch
import typer
from spacy.language import Language
from wasabi import msg

from .environment import describe
from .options import CorpusName, Rounds, Threads, Work
from .spread import medians, quartiles, without_first
from .training import WORK, texts_of, write_result

MODELS = ("crf_ner", "ner")
SENTENCES_OF_A_DOCUMENT = 100


def main(
    corpus: CorpusName,
    threads: Threads = 1,
    rounds: Rounds = 9,
    work: Work = WORK,
) -> None:
    """Measure, and write medians and ratios."""
    torch.set_num_threads(threads)
    pipelines = {
        model: spacy.load(work / corpus / f"{model}-0" / "model-best")
        for model in MODELS
    }
    sentences = texts_of(work / corpus, "test")
    documents = [
        "\n".join(sentences[first : first + SENTENCES_OF_A_DOCUMENT])
        for first in range(0, len(sentences), SENTENCES_OF_A_DOCUMENT)
    ]
    result: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.inference", *sys.argv[1:]]),
        "environment": {**describe(), "torch threads": threads},
        "corpus": corpus,
        "rounds": rounds,
        "sentences": throughput(pipelines, sentences, rounds),
        "documents": throughput(pipelines, documents, rounds),
        "latency": latency(pipelines, sentences),
    }
    for unit in ("sentences", "documents"):
        msg.text(f"{unit}: {result[unit]['crf_ner / ner']:.2f} × the words/s of ner")
    write_result(f"inference-{corpus}", result)


def throughput(
    pipelines: dict[str, Language], texts: list[str], rounds: int
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Median words per second and quartiles of each
    pipeline, and their ratio.
    """
    speeds: dict[str, list[float]] = {name: [] for name in pipelines}
    for _ in range(rounds + 1):
        for name, nlp in pipelines.items():
            start = time.perf_counter()
            n_words = sum(len(doc) for doc in nlp.pipe(texts))
            speeds[name].append(n_words / (time.perf_counter() - start))
    speeds = without_first(speeds)
    median = medians(speeds)
    return {
        "texts": len(texts),
        "words": n_words,
        "median words/s": median,
        "quartiles": quartiles(speeds),
        "crf_ner / ner": median["crf_ner"] / median["ner"],
    }


def latency(pipelines: dict[str, Language], texts: list[str]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Median and 99th percentile of the milliseconds that
    one text takes by itself.
    """
    milliseconds: dict[str, list[float]] = {name: [] for name in pipelines}
    for text in texts:
        for name, nlp in pipelines.items():
            start = time.perf_counter()
            nlp(text)
            milliseconds[name].append(1000 * (time.perf_counter() - start))
    return {
        name: {
            "median ms": statistics.median(each),
            "99th percentile ms": statistics.quantiles(each, n=100)[98],
        }
        for name, each in milliseconds.items()
    }


if __name__ == "__main__":
    typer.run(main)
