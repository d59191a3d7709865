"""How effective is a CRF on top of a BiLSTM, for parts of speech? crf_tagger, what is
left of it without the CRF or the BiLSTM, and what attention adds.

    python -m benchmarks.tag_ablation
    python -m benchmarks.tag_ablation --corpora ewt-upos

trains each variant with five seeds for the same number of steps, scores the best model
on dev once on test, and writes `benchmarks/results/ablation-<corpus>.json`.
Twenty-five trainings take two hours on one core; those that are in the work folder are
not done again. `benchmarks.ablation_report` puts the results into
`docs/how-effective-is-a-crf.md`.
"""

import statistics
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import spacy
import typer
from numpy.typing import NDArray
from spacy.training import Corpus, Example

from spacy_crf_tagger.evaluation.bootstrap import f_score, paired_bootstrap
from spacy_crf_tagger.evaluation.calibration import analyse_examples, fit_temperature

from .ablation import BASELINE, show_table
from .harness.environment import describe
from .harness.training import WORK, Budget, budgeted, config_path, train, write_result
from .harness.treebanks import convert

MODEL = "components.crf_tagger.model"
# The attention of `crf_ner`.
WITH_ATTENTION = {f"{MODEL}.attention_heads": 4}
WITHOUT_BILSTM = {f"{MODEL}.depth": 0}
VARIANTS: dict[str, dict[str, Any]] = {
    BASELINE: {f"{MODEL}.output": "softmax"},
    "BiLSTM-CRF": {},
    "BiLSTM-attention-CRF": WITH_ATTENTION,
    "attention-CRF": {**WITHOUT_BILSTM, **WITH_ATTENTION},
    "features-CRF": WITHOUT_BILSTM,
}
BUDGET = Budget(1000, 100)
SHOWN = ["dev_acc", "test_acc", "test_acc_sd", "p_value", "ece_before", "ece_after"]
Counts = NDArray[np.int64]


def main(
    corpora: Annotated[str, typer.Option(help="Names of corpora")] = "ewt-xpos",
    seeds: Annotated[int, typer.Option(help="How many seeds, from 0")] = 5,
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
) -> None:
    """Train and score every variant, and write the results."""
    for corpus in corpora.split(","):
        folder = work / corpus
        convert(corpus, folder)
        counts: dict[str, list[Counts]] = {name: [] for name in VARIANTS}
        runs = []
        for seed in range(seeds):
            for name in VARIANTS:
                out = train_variant(folder, name, seed)
                run, of_run = score(out, folder)
                runs.append({"variant": name, "seed": seed, **run})
                counts[name].append(of_run)
        means = {name: summary(runs, counts, name) for name in VARIANTS}
        result = {
            **describe("tag_ablation"),
            "corpus": corpus,
            "budget": BUDGET._asdict(),
            "mean": means,
            "runs": runs,
        }
        show_table(means, SHOWN)
        write_result(f"ablation-{corpus}", result)


def train_variant(folder: Path, name: str, seed: int) -> Path:
    """RETURNS (Path): Where the trained pipeline of a variant is."""
    out = folder / "ablation" / f"{name.replace(' ', '-')}-{seed}"
    flags = {**budgeted(BUDGET, seed), **VARIANTS[name]}
    config = config_path("crf_tagger")
    train(config, out, folder / "train.spacy", folder, flags)
    return out / "model-best"


def score(path: Path, folder: Path) -> tuple[dict[str, float], Counts]:
    """RETURNS (tuple): Accuracies and calibration of a pipeline, and counts on test."""
    nlp = spacy.load(path)
    dev, test = (
        list(Corpus(folder / f"{part}.spacy")(nlp)) for part in ("dev", "test")
    )
    nlp.get_pipe("crf_tagger").scores_key = "probabilities"
    counts = counts_of(analyse_examples(nlp, test))
    run = {
        "dev_acc": accuracy(counts_of(analyse_examples(nlp, dev))),
        "test_acc": accuracy(counts),
        "ece_before": nlp.evaluate(test)["tag_ece"],
    }
    nlp.get_pipe("crf_tagger").temperature = fit_temperature(nlp, dev)
    return {**run, "ece_after": nlp.evaluate(test)["tag_ece"]}, counts


def counts_of(examples: list[Example]) -> Counts:
    """RETURNS (NDArray[int]): Tags of each document that are right, predicted and
    annotated, [D, 3]. Their F is the accuracy, since all are predicted.
    """
    rows = []
    for example in examples:
        pairs = zip(example.x, example.y, strict=True)
        right = [token.tag == gold.tag for token, gold in pairs if gold.tag]
        rows.append((sum(right), len(right), len(right)))
    return np.array(rows, np.int64).reshape(-1, 3)


def accuracy(counts: Counts) -> float:
    """RETURNS (float): The share of tags that are right."""
    return float(f_score(counts.sum(0)))


def summary(
    runs: list[dict[str, Any]], counts: dict[str, list[Counts]], name: str
) -> dict[str, float]:
    """RETURNS (dict[str, float]): Means over the seeds, the deviation of the accuracy,
    and the p-value of its difference from that of the baseline.
    """
    own = [run for run in runs if run["variant"] == name]
    keys = [key for key in own[0] if key not in ("variant", "seed")]
    means = {key: statistics.fmean(run[key] for run in own) for key in keys}
    accuracies = [run["test_acc"] for run in own]
    means["test_acc_sd"] = statistics.stdev(accuracies) if len(own) > 1 else 0.0
    if name != BASELINE:
        ours, theirs = np.stack(counts[name]), np.stack(counts[BASELINE])
        means["p_value"] = paired_bootstrap(ours, theirs)
    return means


if __name__ == "__main__":
    typer.run(main)
