"""How time and memory grow: with the length of a document, the size of a corpus, the
number of labels, and with new words inside of memory zones.

    python -m benchmarks.growth
    python -m benchmarks.growth --part labels

writes `benchmarks/results/growth.json`; one part alone replaces its own entry there,
and `--plot-only` draws `docs/growth.svg` again from what is there.
Every size is measured in a fresh process. Needs Linux, which tells a process's peak
memory, the first model of `python -m benchmarks.accuracy wnut17`, and a machine on
which nothing else runs.
"""

import gc
import itertools
import multiprocessing
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import spacy
import srsly
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed
from wasabi import msg

from .harness.environment import describe
from .harness.options import PlotOnly, Rounds, Threads, Work
from .harness.plots import plot_growth
from .harness.training import RESULTS, ROOT, WORK, texts_of, write_result

CORPUS = "wnut17"
TOKENS = (1_000, 10_000, 100_000, 1_000_000)
DOCUMENTS = (1_000, 10_000, 100_000)
LABELS = (1, 4, 18, 62, 125, 250)
SENTENCES_FOR_LABELS = 200
# About a thousand words, as in an ordinary training batch.
SENTENCES_OF_A_BATCH = 50
ZONED_TEXTS, TEXTS_OF_A_ZONE, TEXTS_BETWEEN_READINGS = 200_000, 1_000, 10_000
READINGS_OF_WARM_UP = 10
SEED = 0
SHARE_OF_FRESH_WORDS = 0.2
MIB = 2**20


class Part(str, Enum):
    """What grows."""

    document = "document"
    corpus = "corpus"
    labels = "labels"
    memory_zone = "memory_zone"


def main(
    part: Annotated[Part | None, typer.Option(help="Only this part")] = None,
    threads: Threads = 1,
    rounds: Rounds = 5,
    work: Work = WORK,
    plot_only: PlotOnly = False,
) -> None:
    """Measure, write medians, and plot the time that long documents take."""
    measured: dict[Part, Callable[[], dict[str, Any]]] = {
        Part.document: lambda: grow(one_document, TOKENS, threads, rounds, work),
        Part.corpus: lambda: grow(one_corpus, DOCUMENTS, threads, rounds, work),
        Part.labels: lambda: grow(some_labels, LABELS, threads, rounds, work),
        Part.memory_zone: lambda: in_fresh_process(memory_zones, threads, work),
    }
    target = RESULTS / "growth.json"
    result = srsly.read_json(target) if target.exists() else {}
    for name in [] if plot_only else [part] if part else Part:
        result[name.value] = {
            **describe("growth", threads),
            "seed": SEED,
            **measured[name](),
        }
        write_result("growth", result)
    if Part.document.value in result:
        plot_growth(result[Part.document.value]["rows"], ROOT / "docs" / "growth.svg")


def grow(
    measure: Callable[..., dict[str, Any]],
    sizes: tuple[int, ...],
    threads: int,
    rounds: int,
    work: Path,
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What is found at each size."""
    rows = []
    for size in sizes:
        rows.append(in_fresh_process(measure, threads, work, size, rounds))
        msg.text(f"{measure.__name__}: {rows[-1]}")
    return {"rounds": rounds, "rows": rows}


def in_fresh_process(
    measure: Callable[..., dict[str, Any]], threads: int, *args: object
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What the function finds in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, torch.set_num_threads, (threads,)) as pool:
        return pool.apply(measure, args)


def one_document(work: Path, n_tokens: int, rounds: int) -> dict[str, Any]:
    """Annotate one document that the tokenizer has made already."""
    nlp = load(work)
    sentences = texts_of(work / CORPUS, "test")
    list(nlp.pipe(sentences[:100]))  # loads the kernels
    words = [word for text in sentences for word in text.split()]
    rng = random.Random(SEED)
    text = " ".join(rng.choices(words, k=n_tokens))
    nlp.max_length = len(text)
    [(_, component)] = nlp.pipeline
    seconds, mib = [], []
    for _ in range(rounds):
        whole = nlp.make_doc(text)
        # A tokenizer splits some words; the component gets the number that is said.
        doc = whole[:n_tokens].as_doc()
        del whole
        before = reset_peak()
        start = time.perf_counter()
        doc = component(doc)
        seconds.append(time.perf_counter() - start)
        mib.append((peak_memory() - before) / MIB)
    return {
        "tokens": len(doc),
        "entities": len(doc.ents),
        "median seconds": statistics.median(seconds),
        "words/s": len(doc) / statistics.median(seconds),
        # What is freed need not go back to the system: later rounds may seem to
        # need less.
        "peak MiB over the Doc": max(mib),
        "peak MiB of the process": peak_memory() / MIB,
    }


def one_corpus(work: Path, n_documents: int, rounds: int) -> dict[str, Any]:
    """Read sentences by `nlp.pipe`, and keep none."""
    nlp = load(work)
    sentences = texts_of(work / CORPUS, "test")
    for _ in nlp.pipe(sentences):  # loads the kernels, and meets all words
        pass
    seconds, mib = [], []
    for _ in range(rounds):
        rng = random.Random(SEED)
        texts = (rng.choice(sentences) for _ in range(n_documents))
        before = reset_peak()
        start = time.perf_counter()
        n_words = sum(len(doc) for doc in nlp.pipe(texts))
        seconds.append(time.perf_counter() - start)
        mib.append((peak_memory() - before) / MIB)
    return {
        "documents": n_documents,
        "words": n_words,
        "median seconds": statistics.median(seconds),
        "words/s": n_words / statistics.median(seconds),
        "peak MiB over the loaded pipeline": max(mib),
        "peak MiB of the process": peak_memory() / MIB,
    }


def some_labels(work: Path, n_labels: int, rounds: int) -> dict[str, Any]:
    """Predict and update with many labels. A new network finds no entities: it gets
    random weights, so that there are some, whose probabilities are computed.
    """
    nlp = spacy.blank("en")
    texts = texts_of(work / CORPUS, "test")[:SENTENCES_FOR_LABELS]
    fix_random_seed(SEED)
    ner = nlp.add_pipe("crf_ner", config={"scheme": "biluo"})
    labels = [f"LABEL{number}" for number in range(n_labels)]
    for label in labels:
        ner.add_label(label)
    examples = random_examples(nlp, texts, labels)
    optimizer = nlp.initialize(lambda: examples[:10])
    network = ner.model.layers[-1].shims[0].built
    for weights in (network.emission.weight, network.transitions):
        torch.nn.init.normal_(weights, std=0.1)
    n_words = sum(len(example.x) for example in examples)

    def update() -> None:
        for first in range(0, len(examples), SENTENCES_OF_A_BATCH):
            batch = examples[first : first + SENTENCES_OF_A_BATCH]
            nlp.update(batch, sgd=optimizer, losses={})

    n_entities = sum(len(doc.ents) for doc in nlp.pipe(texts))  # loads the kernels
    predicting = median_seconds(lambda: list(nlp.pipe(texts)), rounds)
    update()
    updating = median_seconds(update, rounds)
    return {
        "labels": n_labels,
        "tags": ner.scheme.n_tags,
        "words": n_words,
        "entities": n_entities,
        "prediction words/s": n_words / predicting,
        "update words/s": n_words / updating,
        "peak MiB of the process": peak_memory() / MIB,
    }


def memory_zones(work: Path) -> dict[str, Any]:
    """Annotate texts with words that were never seen inside of memory zones."""
    nlp = load(work)
    texts = texts_with_fresh_words(texts_of(work / CORPUS, "test"))
    strings_before = len(nlp.vocab.strings)
    mib = []
    start = time.perf_counter()
    n_words = 0
    for number in range(0, ZONED_TEXTS, TEXTS_OF_A_ZONE):
        with nlp.memory_zone():
            zone = itertools.islice(texts, TEXTS_OF_A_ZONE)
            n_words += sum(len(doc) for doc in nlp.pipe(zone))
        if (number + TEXTS_OF_A_ZONE) % TEXTS_BETWEEN_READINGS == 0:
            mib.append(memory() / MIB)
    warm = mib[READINGS_OF_WARM_UP:]
    middle = statistics.median(warm)
    return {
        "texts": ZONED_TEXTS,
        "texts of a zone": TEXTS_OF_A_ZONE,
        "texts between readings": TEXTS_BETWEEN_READINGS,
        "words": n_words,
        "words/s": n_words / (time.perf_counter() - start),
        "strings before": strings_before,
        "strings after": len(nlp.vocab.strings),
        "resident MiB": mib,
        "readings of warm-up": READINGS_OF_WARM_UP,
        "largest deviation from the median": max(
            abs(each / middle - 1) for each in warm
        ),
    }


def load(work: Path) -> Language:
    """RETURNS (Language): The pipeline with crf_ner that WNUT 2017 has trained."""
    return spacy.load(work / CORPUS / "crf_ner-0" / "model-best")


def texts_with_fresh_words(sentences: list[str]) -> Iterator[str]:
    """YIELDS (str): Sentences, in each of which some words are random letters."""
    rng = random.Random(SEED)
    letters = "abcdefghijklmnopqrstuvwxyz"
    while True:
        words = [
            "".join(rng.choices(letters, k=8))
            if rng.random() < SHARE_OF_FRESH_WORDS
            else word
            for word in rng.choice(sentences).split()
        ]
        yield " ".join(words)


def random_examples(
    nlp: Language, texts: list[str], labels: list[str]
) -> list[Example]:
    """RETURNS (list[Example]): Texts with an entity of one to three tokens, of any
    label, at about every tenth.
    """
    rng = random.Random(SEED)
    examples = []
    for text in texts:
        reference = nlp.make_doc(text)
        spans, start = [], rng.randrange(10)
        while start < len(reference):
            end = min(start + rng.randint(1, 3), len(reference))
            spans.append(Span(reference, start, end, label=rng.choice(labels)))
            start = end + rng.randrange(16)
        reference.set_ents(spans)
        words, spaces = zip(
            *((t.text, bool(t.whitespace_)) for t in reference), strict=True
        )
        examples.append(Example(Doc(nlp.vocab, words, spaces), reference))
    return examples


def median_seconds(task: Callable[[], object], rounds: int) -> float:
    """RETURNS (float): The median time of a task."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def memory() -> int:
    """RETURNS (int): Bytes of this process that are resident."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def peak_memory() -> int:
    """RETURNS (int): Most bytes that were resident since the last reset."""
    status = Path("/proc/self/status").read_text()
    kibibytes = status.partition("VmHWM:")[2].split()[0]
    return 1024 * int(kibibytes)


def reset_peak() -> int:
    """Forget the peak so far. RETURNS (int): Bytes that are resident now."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return memory()


if __name__ == "__main__":
    typer.run(main)
