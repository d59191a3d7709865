"""Words per second of pipelines from text to entities or tags: crf_ner beside spaCy's
ner, crf_tagger beside spaCy's tagger.

    python -m benchmarks.inference wnut17
    python -m benchmarks.inference ncbi-disease
    python -m benchmarks.inference ewt-xpos

writes `benchmarks/results/inference-<corpus>-<kind of processor>.json`. Both read the
texts of the test part by `nlp.pipe`, in alternation in one process, as sentences and as
one long document for each hundred of them; and one by one for the latency of
`nlp(text)`. Where the processor knows bfloat16, `crf_ner` reads the sentences in it as
well, with the F of both precisions. Needs the models of `python -m benchmarks.accuracy`
or `benchmarks.tagging` (for the speed, ones that were trained for fewer steps will do:
the result says how many entities each finds), and a machine on which nothing else runs.
"""

import statistics
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import spacy
import torch
import typer
from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc
from spacy.training import Corpus
from wasabi import msg

from spacy_crf_tagger.evaluation.calibration import analyse_examples
from spacy_crf_tagger.models.isolation import has_instructions

from .harness.environment import describe, processor_kind
from .harness.options import CorpusName, Rounds, Threads, Work
from .harness.spread import medians, quartiles, without_first
from .harness.training import WORK, texts_of, write_result
from .harness.treebanks import corpus_names
from .tagging import MODELS as TAGGERS

RECOGNIZERS = ("crf_ner", "ner")
SENTENCES_OF_A_DOCUMENT = 100


def main(
    corpus: CorpusName,
    threads: Threads = 1,
    rounds: Rounds = 9,
    work: Work = WORK,
) -> None:
    """Measure, and write medians and ratios."""
    torch.set_num_threads(threads)
    models = TAGGERS if corpus in corpus_names() else RECOGNIZERS
    pipelines = {
        model: spacy.load(work / corpus / f"{model}-0" / "model-best")
        for model in models
    }
    sentences = texts_of(work / corpus, "test")
    documents = [
        "\n".join(sentences[first : first + SENTENCES_OF_A_DOCUMENT])
        for first in range(0, len(sentences), SENTENCES_OF_A_DOCUMENT)
    ]
    result: dict[str, Any] = {
        **describe("inference", threads),
        "corpus": corpus,
        "rounds": rounds,
        "sentences": throughput(pipelines, sentences, rounds),
        "documents": throughput(pipelines, documents, rounds),
        "latency": latency(pipelines, sentences),
    }
    if models == RECOGNIZERS:
        result["entities"] = {
            model: sum(len(doc.ents) for doc in nlp.pipe(sentences))
            for model, nlp in pipelines.items()
        }
    units = ["sentences", "documents"]
    if models == RECOGNIZERS and has_instructions(torch.bfloat16):
        folder = work / corpus
        result["bfloat16"] = half_precision(pipelines, folder, sentences, rounds)
        units.append("bfloat16")
    own, peer = models
    for unit in units:
        ratio = result[unit][f"{own} / {peer}"]
        msg.text(f"{unit}: {ratio:.2f} × the words/s of {peer}")
    for measure in ("median ms", "99th percentile ms"):
        ratio = result["latency"][own][measure] / result["latency"][peer][measure]
        result["latency"][f"{own} / {peer}, {measure}"] = ratio
        msg.text(f"one text, {measure}: {ratio:.2f} × that of {peer}")
    write_result(f"inference-{corpus}-{processor_kind()}", result)


class HalfPrecision:
    """A pipeline whose network computes in bfloat16, where the processor knows it."""

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp

    def pipe(self, texts: Iterable[str]) -> Iterator[Doc]:
        """YIELDS (Doc): The documents of texts."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            yield from self.nlp.pipe(texts)


def half_precision(
    pipelines: dict[str, Language], folder: Path, texts: list[str], rounds: int
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What `throughput` returns of crf_ner in bfloat16, and F
    on test in both precisions.
    """
    nlp = pipelines["crf_ner"]
    readers = {"crf_ner": HalfPrecision(nlp), "ner": pipelines["ner"]}
    speeds = throughput(readers, texts, rounds)
    examples = list(Corpus(folder / "test.spacy")(nlp))
    single = analyse_examples(nlp, examples)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lower = analyse_examples(nlp, examples)
    read = {"float32": single, "bfloat16": lower}
    f = {name: get_ner_prf(own)["ents_f"] for name, own in read.items()}
    return {**speeds, "test F": f}


def words_per_second(
    pipelines: "Mapping[str, Language | HalfPrecision]", texts: list[str], rounds: int
) -> dict[str, list[float]]:
    """RETURNS (dict[str, list[float]]): The speed of each pipeline in each round."""
    speeds: dict[str, list[float]] = {name: [] for name in pipelines}
    for _ in range(rounds + 1):
        for name, nlp in pipelines.items():
            start = time.perf_counter()
            n_words = sum(len(doc) for doc in nlp.pipe(texts))
            speeds[name].append(n_words / (time.perf_counter() - start))
    return without_first(speeds)


def throughput(
    pipelines: "Mapping[str, Language | HalfPrecision]", texts: list[str], rounds: int
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Median words per second and quartiles of each of two
    pipelines, and their ratio.
    """
    speeds = words_per_second(pipelines, texts, rounds)
    median = medians(speeds)
    own, peer = pipelines
    return {
        "texts": len(texts),
        "median words/s": median,
        "quartiles": quartiles(speeds),
        f"{own} / {peer}": median[own] / median[peer],
    }


def latency(pipelines: dict[str, Language], texts: list[str]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Median and 99th percentile of the milliseconds that
    one text takes by itself.
    """
    milliseconds: dict[str, list[float]] = {name: [] for name in pipelines}
    for nlp in pipelines.values():
        for text in texts[:100]:
            nlp(text)
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
