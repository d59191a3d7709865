"""Where the microseconds of a word go, from text to entities, beside a floor.

    python -m benchmarks.breakdown wnut17
    python -m benchmarks.breakdown ncbi-disease

writes `benchmarks/results/breakdown-<corpus>.json`. The stages of `nlp.pipe` are timed
one after the other on the batches that it makes of the sentences of the test part. The
floor of a stage with weights is its multiplications at the best rate of torch's matrix
product, measured in the same run. Needs the models of `python -m benchmarks.accuracy`,
and a machine on which nothing else runs.
"""

import time
from collections.abc import Callable
from typing import Any

import spacy
import torch
import typer
from spacy.language import Language
from spacy.util import minibatch
from wasabi import msg

from spacy_crf_tagger.pipeline.ner.decoding import predict_entities

from .harness.environment import describe
from .harness.options import CorpusName, Rounds, Threads, Work
from .harness.spread import by_part, medians
from .harness.training import WORK, texts_of, write_result

# Shape of the matrix product that the floor is measured with: that of the projection
# of words to the gates of an LSTM, of as many words as fit into a core's cache.
PRODUCT = (1024, 128, 384)
PRODUCTS = 200


def main(
    corpus: CorpusName,
    threads: Threads = 1,
    rounds: Rounds = 9,
    work: Work = WORK,
) -> None:
    """Measure, print, and write the microseconds of each stage."""
    torch.set_num_threads(threads)
    nlp = spacy.load(work / corpus / "crf_ner-0" / "model-best")
    texts = texts_of(work / corpus, "test")
    n_words = sum(len(doc) for doc in nlp.pipe(texts))  # loads the kernels
    stages = medians(by_part([time_stages(nlp, texts) for _ in range(rounds)]))
    rate = product_rate(rounds)
    result: dict[str, Any] = {
        **describe("breakdown", threads),
        "corpus": corpus,
        "rounds": rounds,
        "words": n_words,
        "multiplications/s": rate,
        "median us/word": {
            stage: 1e6 * seconds / n_words for stage, seconds in stages.items()
        },
        "floor us/word": {
            stage: 1e6 * number / rate / n_words
            for stage, number in multiplications(nlp, texts, n_words).items()
        },
    }
    for stage, microseconds in result["median us/word"].items():
        floor = result["floor us/word"].get(stage)
        note = "" if floor is None else f", floor {floor:.2f}"
        msg.text(f"{stage}: {microseconds:.2f} us/word{note}")
    write_result(f"breakdown-{corpus}", result)


def time_stages(nlp: Language, texts: list[str]) -> dict[str, float]:
    """RETURNS (dict[str, float]): The seconds of each stage for all texts, and those of
    `nlp.pipe`, which does the same.
    """
    component = nlp.get_pipe("crf_ner")
    tok2vec, network = component.model.layers
    seconds: dict[str, float] = {}

    def timed(stage: str, function: Callable[..., Any], *args: Any) -> Any:
        start = time.perf_counter()
        done = function(*args)
        elapsed = time.perf_counter() - start
        seconds[stage] = seconds.get(stage, 0.0) + elapsed
        return done

    for batch in minibatch(texts, nlp.batch_size):
        docs = timed("tokenizer", lambda texts: list(map(nlp.make_doc, texts)), batch)
        vectors = timed("token vectors", tok2vec.predict, docs)
        scores = timed("network", network.predict, vectors)
        how = (component.scheme, docs, component.settings)
        predictions = timed("decoding", predict_entities, scores, *how)
        timed("writing", component.set_annotations, docs, predictions)
    timed("nlp.pipe", lambda: sum(1 for _ in nlp.pipe(texts)))
    return seconds


def product_rate(rounds: int) -> float:
    """RETURNS (float): Most multiplications per second of torch's matrix product."""
    rows, inner, columns = PRODUCT
    left, right = torch.randn(rows, inner), torch.randn(inner, columns)
    out = torch.empty(rows, columns)
    rates = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(PRODUCTS):
            torch.mm(left, right, out=out)
        seconds = time.perf_counter() - start
        rates.append(PRODUCTS * rows * inner * columns / seconds)
    return max(rates)


def multiplications(nlp: Language, texts: list[str], n_words: int) -> dict[str, float]:
    """RETURNS (dict[str, float]): The multiplications of the stages with weights: one
    of each weight of a matrix for each word, and for token vectors one for each type
    of word in a batch.
    """
    tok2vec, tagger = nlp.get_pipe("crf_ner").model.layers
    attrs = tok2vec.attrs["attrs"]
    n_types = sum(
        len({tuple(row) for doc in batch for row in doc.to_array(attrs).tolist()})
        for batch in minibatch(map(nlp.make_doc, texts), nlp.batch_size)
    )
    network = tagger.shims[0].network
    matrices = [p for name, p in network.named_parameters() if name != "transitions"]
    return {
        "token vectors": n_types * tok2vec.layers[1].layers[0].get_param("W").size,
        "network": n_words * sum(p.numel() for p in matrices if p.dim() == 2),
    }


if __name__ == "__main__":
    typer.run(main)
