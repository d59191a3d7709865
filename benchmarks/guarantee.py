"""Whether the promise of `spacy crf guarantee` is kept, and what it costs: 100 random
splits of the dev and test documents into those that the floor is found on and those
that the entities are looked for in, with exact span probabilities and, by the same
procedure, with mean scores of tokens. And a corpus whose parts are not exchangeable.

    python -m benchmarks.guarantee ncbi-disease

writes `benchmarks/results/guarantee-ncbi-disease.json`; wnut17 is the corpus whose
parts are not exchangeable. Takes the model of `python -m benchmarks.accuracy`, or
trains it, which takes seven minutes; the rest takes one.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import spacy
import typer
from numpy.typing import NDArray
from spacy.training import Corpus, Example
from wasabi import msg

from spacy_crf_tagger.evaluation.guarantee import LEAST_FLOOR, entity_probabilities
from spacy_crf_tagger.evaluation.risk_control import UncontrollableError, control_floor
from spacy_crf_tagger.pipeline.ner.component import CRFEntityRecognizer

from .harness.environment import describe
from .harness.options import CorpusName, Work
from .harness.training import (
    BUDGETS,
    RESULTS,
    WORK,
    Budget,
    budgeted,
    config_path,
    convert,
    train,
    write_result,
)

EXACT = "span probability"
# Spans that are longer have no mean score of tokens, and count as missed. Of exact
# probabilities no span is left out but by the floor.
WIDEST = 30
LEAST_SCORE = 1e-4  # of mean scores of tokens

Floats = NDArray[np.float64]


class Scored(NamedTuple):
    """The scores of a document's annotated entities, and of all candidates."""

    gold: Floats
    candidates: Floats


class Split(NamedTuple):
    """What was missed in documents that a floor was not found on."""

    missed: float  # mean over documents with entities of the share missed
    missed_of_all: float  # share of all entities
    candidates: float  # per document


def main(
    corpus: CorpusName = "ncbi-disease",
    n_splits: Annotated[int, typer.Option("--splits", help="Random splits")] = 100,
    seed: Annotated[int, typer.Option(help="Random seed of the training")] = 0,
    steps: Annotated[
        int | None, typer.Option(help="Steps of the training, if not the usual ones")
    ] = None,
    work: Work = WORK,
    rates: Annotated[str, typer.Option(help="Miss rates")] = "0.2,0.1,0.05",
    least_floor: Annotated[
        float, typer.Option(help="As of spacy crf guarantee")
    ] = LEAST_FLOOR,
    results: Annotated[Path, typer.Option(help="Folder for the result")] = RESULTS,
) -> None:
    """Measure, print and write the result."""
    folder = work / corpus
    convert(corpus, folder)
    model = trained(corpus, folder, seed, steps)
    dev, test = (
        score(model, folder / f"{part}.spacy", least_floor) for part in ("dev", "test")
    )
    measured = measure(dev, test, n_splits, rates, least_floor)
    show(corpus, measured)
    result = {
        **describe("guarantee"),
        "corpus": corpus,
        "splits": n_splits,
        "least floor": least_floor,
        "widest span with a mean score of tokens": WIDEST,
        "measured": measured,
    }
    write_result(f"guarantee-{corpus}", result, results)


def trained(corpus: str, folder: Path, seed: int, steps: int | None) -> Path:
    """RETURNS (Path): A model, which is trained if it is not there."""
    budget, suffix = BUDGETS["crf_ner"][corpus], ""
    if steps is not None:
        budget, suffix = Budget(steps, min(budget.eval_frequency, steps)), f"-{steps}"
    out = folder / f"crf_ner-{seed}{suffix}"
    overrides = budgeted(budget, seed)
    train(config_path("crf_ner"), out, folder / "train.spacy", folder, overrides)
    return out / "model-best"


def score(model: Path, path: Path, least_floor: float) -> dict[str, list[Scored]]:
    """RETURNS (dict[str, list[Scored]]): By the kind of score, that of each document's
    annotated entities and candidates.
    """
    nlp = spacy.load(model)
    ner = nlp.get_pipe("crf_ner")
    assert isinstance(ner, CRFEntityRecognizer)
    examples = list(Corpus(path)(nlp))
    docs = [example.x for example in examples]
    exact = [
        Scored(found.probabilities, np.array([p for _, p in candidates]))
        for found, candidates in zip(
            entity_probabilities(nlp, examples),
            ner.candidates(docs, least_floor),
            strict=True,
        )
    ]
    scored = {EXACT: exact}
    for kind, of_document in KINDS.items():
        scored[kind] = [
            of_document(ner, example, marginals.tags, marginals.labels)
            for example, marginals in zip(examples, ner.marginals(docs), strict=True)
        ]
    return scored


def mean_label_scores(
    ner: CRFEntityRecognizer, example: Example, tags: Floats, labels: Floats
) -> Scored:
    """A span's score is the mean probability of its tokens to be in an entity of its
    label.
    """
    return mean_scores(ner, example, labels, labels, labels)


def mean_tag_scores(
    ner: CRFEntityRecognizer, example: Example, tags: Floats, labels: Floats
) -> Scored:
    """A span's score is the mean probability of the tags of its tokens."""
    by_label = tags[:, 1:].reshape(len(tags), len(ner.labels), 4)
    begin, inside, last, unit = np.moveaxis(by_label, 2, 0)
    return mean_scores(ner, example, inside, begin, last, unit)


Scorer = Callable[[CRFEntityRecognizer, Example, Floats, Floats], Scored]
KINDS: dict[str, Scorer] = {
    "mean P(label of token)": mean_label_scores,
    "mean P(tag of token)": mean_tag_scores,
}


def mean_scores(
    ner: CRFEntityRecognizer,
    example: Example,
    inside: Floats,
    begin: Floats,
    last: Floats,
    unit: Floats | None = None,
) -> Scored:
    """Score the entities of a document and all spans up to a width, by the scores of
    tokens [N, L] inside of a span, at its ends, and alone.
    """
    n_tokens, numbers = len(inside), {label: n for n, label in enumerate(ner.labels)}
    sums = np.concatenate([np.zeros((1, inside.shape[1])), np.cumsum(inside, axis=0)])
    by_width = [inside if unit is None else unit]
    for width in range(2, min(WIDEST, n_tokens) + 1):
        first = np.arange(n_tokens - width + 1)
        middle = sums[first + width - 1] - sums[first + 1]
        by_width.append((begin[first] + middle + last[first + width - 1]) / width)
    gold = [
        by_width[span.end - span.start - 1][span.start, numbers[ent.label_]]
        if (span := example.x.char_span(ent.start_char, ent.end_char)) is not None
        and ent.label_ in numbers
        and len(span) <= WIDEST
        else 0.0
        for ent in example.y.ents
    ]
    every = np.concatenate([scores.ravel() for scores in by_width])
    return Scored(np.array(gold), every[every > LEAST_SCORE])


def measure(
    dev: dict[str, list[Scored]],
    test: dict[str, list[Scored]],
    n_splits: int,
    rates: str,
    least_floor: float,
) -> dict[str, Any]:
    """Split the documents of both parts at random, and as they are."""
    result: dict[str, Any] = {}
    for kind in dev:
        pooled = [*dev[kind], *test[kind]]
        least = least_floor if kind == EXACT else LEAST_SCORE
        for rate in map(float, rates.split(",")):
            found = []
            for seed in range(n_splits):
                order = np.random.default_rng(seed).permutation(len(pooled))
                half = len(pooled) // 2
                halves = [[pooled[n] for n in own] for own in np.split(order, [half])]
                found.append(try_split(*halves, rate, least))
            result[f"{kind}, {rate:g}"] = {
                "random": summarise(found),
                "dev to test": summarise(
                    [try_split(dev[kind], test[kind], rate, least)]
                ),
            }
    return result


def try_split(
    calibration: Sequence[Scored], new: Sequence[Scored], rate: float, least: float
) -> Split | None:
    """RETURNS (Split | None): What is missed; None if nothing can be promised."""
    gold = [each.gold for each in calibration]
    try:
        floor = control_floor(gold, rate, least_floor=least).floor
    except UncontrollableError:
        return None
    missed = [(each.gold <= floor) for each in new if len(each.gold)]
    return Split(
        float(np.mean([each.mean() for each in missed])),
        float(np.concatenate(missed).mean()),
        float(np.mean([(each.candidates > floor).sum() for each in new])),
    )


def summarise(splits: Sequence[Split | None]) -> dict[str, float]:
    """RETURNS (dict[str, float]): Means over the splits with a promise, and the
    standard errors of these.
    """
    kept = [split for split in splits if split is not None]
    summary: dict[str, float] = {"splits with a promise": len(kept)}
    for name in Split._fields if kept else ():
        values = [getattr(split, name) for split in kept]
        summary[name] = statistics.fmean(values)
        if len(values) > 1:
            error = statistics.stdev(values) / len(values) ** 0.5
            summary[f"{name}_standard_error"] = error
    return summary


def show(corpus: str, result: dict[str, Any]) -> None:
    """Print what was missed, and how many candidates there were."""
    msg.divider(corpus)
    rows = []
    for name, found in result.items():
        for how, summary in found.items():
            figures = [summary.get(key) for key in Split._fields]
            cells = ["–" if each is None else f"{each:.3f}" for each in figures]
            rows.append([name, how, summary["splits with a promise"], *cells])
    header = ["score, miss rate", "split", "n", *Split._fields]
    msg.table(rows, header=header, divider=True)


if __name__ == "__main__":
    typer.run(main)
