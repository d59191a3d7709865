"""Accuracy of crf_ner beside spaCy's ner: same data, same number of steps, several
seeds; the best model on dev is scored once on test.

    python -m benchmarks.accuracy ncbi-disease
    python -m benchmarks.accuracy wnut17
    python -m benchmarks.accuracy astronomy

writes `benchmarks/results/accuracy-<corpus>.json`. A training takes up to 10 minutes on
one core; what is already in the work folder is not trained again, so that an
interrupted run goes on, and seeds may run side by side (--work).
"""

import hashlib
import sys
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from .environment import describe
from .training import (
    BUDGETS,
    CORPORA,
    WORK,
    budgeted,
    config_path,
    convert,
    mean,
    train_and_score,
    write_result,
)

KEYS = ["dev_f", "test_f", "test_p", "test_r", "test_f_sd"]


def main(
    corpus: Annotated[str, typer.Argument(help=f"One of {sorted(CORPORA)}")],
    models: Annotated[str, typer.Option(help="Names of configs")] = "crf_ner,ner",
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2",
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
) -> None:
    """Train and score every model with every seed, and write the result."""
    folder = work / corpus
    convert(corpus, folder)
    budget = BUDGETS[corpus]
    runs = [
        {
            "model": model,
            "seed": int(seed),
            **train_and_score(
                config_path(model),
                folder / f"{model}-{seed}",
                folder / "train.spacy",
                folder,
                budgeted(budget, int(seed)),
            ),
        }
        for model in models.split(",")
        for seed in seeds.split(",")
    ]
    means = {model: mean(runs, model) for model in models.split(",")}
    result = {
        "command": " ".join(["python -m benchmarks.accuracy", *sys.argv[1:]]),
        "environment": describe(),
        "corpus": corpus,
        "budget": budget._asdict(),
        "configs": {
            model: hashlib.md5(config_path(model).read_bytes()).hexdigest()
            for model in models.split(",")
        },
        "runs": runs,
        "mean": means,
    }
    show(means)
    write_result(f"accuracy-{corpus}", result)


def show(means: dict[str, dict[str, float]]) -> None:
    """Print the means of each model."""
    rows = [
        [name, *(f"{100 * mean[key]:.1f}" for key in KEYS)]
        for name, mean in means.items()
    ]
    msg.table(rows, header=["", *KEYS], divider=True)


if __name__ == "__main__":
    typer.run(main)
