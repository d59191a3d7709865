"""How effective is a CRF on top of a BiLSTM? crf_ner and what is left of it without
the CRF, its constraints, the attention or the BiLSTM.

    python -m benchmarks.ablation
    python -m benchmarks.ablation --quick

trains each variant with five seeds on each corpus, scores the best model on dev once on
test, and writes `benchmarks/results/ablation-<corpus>.json`. Ninety trainings take an
hour and a half on one core; those that are in the work folder are not done again, and
`--jobs 2` does two at a time. `--quick` is a small form, for CI: little training on the
demo corpus, with results in the work folder. `benchmarks.ablation_speed` measures words
per second, and `benchmarks.ablation_report` writes `docs/how-effective-is-a-crf.md`.
"""

import statistics
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import spacy
import typer
from numpy.typing import NDArray
from spacy.language import Language
from spacy.training import Corpus, Example
from wasabi import msg

from spacy_crf_tagger.evaluation.bootstrap import f_score, paired_bootstrap
from spacy_crf_tagger.evaluation.calibration import analyse_examples, fit_temperature
from spacy_crf_tagger.evaluation.reliability import reliability, score_entities

from .harness.environment import describe
from .harness.free_tags import FACTORY, best_tags, is_valid
from .harness.training import (
    RESULTS,
    WORK,
    Budget,
    budgeted,
    config_path,
    convert,
    train,
    write_result,
)

COMPONENT = "crf_ner"
CODE = Path(__file__).parent / "harness" / "ablation_code.py"


class Variant(NamedTuple):
    """A recogniser.

    settings (dict[str, Any]): How its training differs from that of `crf_ner.cfg`.
    weights_of (str): The variant whose trained weights it takes; its own if empty.
    """

    settings: dict[str, Any]
    weights_of: str = ""


MODEL = f"components.{COMPONENT}.model"
WITHOUT_CONSTRAINTS = {f"components.{COMPONENT}.factory": FACTORY}
WITHOUT_CRF = {f"{MODEL}.output": "softmax"}
WITHOUT_ATTENTION = {f"{MODEL}.attention_heads": 0}
WITHOUT_BILSTM = {f"{MODEL}.depth": 0}

BASELINE = "BiLSTM + softmax"
VARIANTS = {
    BASELINE: Variant({**WITHOUT_ATTENTION, **WITHOUT_CRF, **WITHOUT_CONSTRAINTS}),
    "BiLSTM + softmax, constrained decoding": Variant({}, weights_of=BASELINE),
    "BiLSTM-CRF without constraints": Variant(
        {**WITHOUT_ATTENTION, **WITHOUT_CONSTRAINTS}
    ),
    "BiLSTM-CRF": Variant(WITHOUT_ATTENTION),
    "BiLSTM-attention-CRF": Variant({}),
    "attention-CRF": Variant(WITHOUT_BILSTM),
    "features-CRF": Variant({**WITHOUT_BILSTM, **WITHOUT_ATTENTION}),
}
# Whose learned transitions are shown.
CRFS = ("BiLSTM-CRF without constraints", "BiLSTM-CRF")
# All variants have the same number of steps; the best on dev is kept.
BUDGETS = {
    "astronomy": Budget(400, 50),
    "wnut17": Budget(1200, 200),
    "ncbi-disease": Budget(1600, 200),
}
QUICK = {"astronomy": Budget(50, 50)}


def main(
    corpora: Annotated[str, typer.Option(help="Names of corpora")] = ",".join(BUDGETS),
    seeds: Annotated[int, typer.Option(help="How many seeds, from 0")] = 5,
    jobs: Annotated[int, typer.Option(help="Trainings at a time")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="A small form")] = False,
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
) -> None:
    """Train and score every variant, and write the results."""
    if quick:
        corpora, seeds, work = "astronomy", 2, work / "quick"
    for corpus in corpora.split(","):
        budget = (QUICK if quick else BUDGETS)[corpus]
        folder = work / corpus
        convert(corpus, folder)
        train_all(folder, budget, range(seeds), jobs)
        runs = [score(folder, name, seed) for name in VARIANTS for seed in range(seeds)]
        result = {
            **describe("ablation"),
            "corpus": corpus,
            "budget": budget._asdict(),
            "mean": {name: summary(runs, name) for name in VARIANTS},
            "transitions": {
                name: mean_transitions(folder, name, seeds) for name in CRFS
            },
            "runs": [without_counts(run) for run in runs],
        }
        show(corpus, result["mean"])
        results = work if quick else RESULTS
        write_result(f"ablation-{corpus}", result, results)


def train_all(folder: Path, budget: Budget, seeds: Iterable[int], jobs: int) -> None:
    """Train every variant with every seed, unless that is done."""
    tasks = [
        (variant.settings, model_folder(folder, name, seed), seed)
        for seed in seeds
        for name, variant in VARIANTS.items()
        if not variant.weights_of
    ]

    def train_one(settings: dict[str, Any], out: Path, seed: int) -> None:
        flags = {**budgeted(budget, seed), **settings}
        corpus = folder / "train.spacy"
        train(config_path(COMPONENT), out, corpus, folder, flags, CODE)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda task: train_one(*task), tasks))


def model_folder(folder: Path, name: str, seed: int) -> Path:
    """RETURNS (Path): Where the training of a variant is."""
    trained = VARIANTS[name].weights_of or name
    return folder / "ablation" / f"{trained.replace(' ', '-')}-{seed}"


def load(folder: Path, name: str, seed: int) -> Language:
    """RETURNS (Language): The trained pipeline of a variant."""
    overrides = {}
    if VARIANTS[name].weights_of:
        overrides = {f"components.{COMPONENT}.factory": COMPONENT}
    return spacy.load(model_folder(folder, name, seed) / "model-best", config=overrides)


def score(folder: Path, name: str, seed: int) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What a trained variant is worth on test: for each
    document the entities that are right, predicted and annotated; F; the share of
    documents with a tag sequence that BILUO forbids; and the calibration errors of its
    entities before and after a temperature is fitted on dev.
    """
    nlp = load(folder, name, seed)
    dev, test = (
        list(Corpus(folder / f"{part}.spacy")(nlp)) for part in ("dev", "test")
    )
    component = nlp.get_pipe(COMPONENT)
    annotated = analyse_examples(nlp, test)
    counts = counts_of(annotated)
    right, predicted, gold = counts.sum(0)
    tags = best_tags(component, [example.x for example in test])
    valid = [is_valid(each, component.scheme) for each in tags]
    before = reliability(*score_entities(annotated, COMPONENT))
    component.temperature = fit_temperature(nlp, dev, COMPONENT)
    after = reliability(*score_entities(analyse_examples(nlp, test), COMPONENT))
    return {
        "variant": name,
        "seed": seed,
        "dev_f": float(f_score(counts_of(analyse_examples(nlp, dev)).sum(0))),
        "test_p": float(right / max(predicted, 1)),
        "test_r": float(right / max(gold, 1)),
        "test_f": float(f_score(counts.sum(0))),
        "invalid": 1 - statistics.fmean(valid),
        "ece_before": before.ece,
        "ece_after": after.ece,
        "parameters": parameters(nlp),
        "counts": counts,
    }


def counts_of(examples: list[Example]) -> NDArray[np.int64]:
    """RETURNS (NDArray[int]): Entities of each document that are right, predicted and
    annotated, [D, 3].
    """
    rows = []
    for example in examples:
        gold = {(e.start_char, e.end_char, e.label) for e in example.reference.ents}
        found = {(e.start_char, e.end_char, e.label) for e in example.predicted.ents}
        rows.append((len(gold & found), len(found), len(gold)))
    return np.array(rows, np.int64).reshape(-1, 3)


def parameters(nlp: Language) -> int:
    """RETURNS (int): How many numbers the model has learned."""
    model = nlp.get_pipe(COMPONENT).model
    arrays = [
        node.get_param(name)
        for node in model.walk()
        for name in node.param_names
        if node.has_param(name)
    ]
    network = model.layers[-1].shims[0].built
    return sum(array.size for array in arrays) + sum(
        parameter.numel() for parameter in network.parameters()
    )


def mean_transitions(folder: Path, name: str, seeds: int) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Tags, and the learned scores of one after the other as
    means over the seeds, [K, K]; null where a transition is forbidden.
    """
    scores = []
    for seed in range(seeds):
        component = load(folder, name, seed).get_pipe(COMPONENT)
        learned = component.model.layers[-1].shims[0].built.transitions
        scores.append(learned.detach().numpy())
    allowed = component.scheme.constraints.transitions
    mean = np.mean(scores, axis=0, dtype=float).round(3)
    return {
        "tags": component.scheme.tags,
        "scores": np.where(allowed, mean, None).tolist(),
    }


def summary(runs: list[dict[str, Any]], name: str) -> dict[str, float]:
    """RETURNS (dict[str, float]): Means over the seeds, the deviation of F, and the
    p-value of its difference from that of the baseline.
    """
    own = [run for run in runs if run["variant"] == name]
    base = [run for run in runs if run["variant"] == BASELINE]
    keys = [key for key in own[0] if key not in ("variant", "seed", "counts")]
    means = {key: statistics.fmean(run[key] or 0.0 for run in own) for key in keys}
    means["test_f_sd"] = statistics.stdev(run["test_f"] for run in own)
    if name != BASELINE:
        ours, theirs = (
            np.stack([run["counts"] for run in each]) for each in (own, base)
        )
        means["p_value"] = paired_bootstrap(ours, theirs)
    return means


def without_counts(run: dict[str, Any]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): A run without what is only there for the bootstrap."""
    return {key: value for key, value in run.items() if key != "counts"}


def show(corpus: str, means: dict[str, dict[str, float]]) -> None:
    """Print the means."""
    msg.divider(corpus)
    keys = ["test_f", "test_f_sd", "p_value", "invalid", "ece_before", "ece_after"]
    show_table(means, keys)


def show_table(means: dict[str, dict[str, float]], keys: list[str]) -> None:
    """Print some means of each variant, as far as it has them."""
    rows = [
        [name, *(f"{mean[key]:.4f}" if key in mean else "" for key in keys)]
        for name, mean in means.items()
    ]
    msg.table(rows, header=["", *keys], divider=True)


if __name__ == "__main__":
    typer.run(main)
