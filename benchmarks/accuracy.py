"""Accuracy of crf_ner beside spaCy's ner: same data, same number of steps, several
seeds; the best model on dev is scored once on test.

    python -m benchmarks.accuracy ncbi-disease
    python -m benchmarks.accuracy wnut17
    python -m benchmarks.accuracy astronomy

writes `benchmarks/results/accuracy-<corpus>.json`. A training takes up to 10 minutes on
one core; what is already in the work folder is not trained again, so that an
interrupted run goes on, and seeds may run side by side (--seeds).
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from .environment import describe
from .options import TakeOver
from .training import (
    BUDGETS,
    CORPORA,
    WORK,
    Setup,
    config_path,
    convert,
    mean,
    train_and_score_all,
    write_result,
)

KEYS = ["dev_f", "test_f", "test_p", "test_r", "test_f_sd"]


def main(
    corpus: Annotated[str, typer.Argument(help=f"One of {sorted(CORPORA)}")],
    models: Annotated[str, typer.Option(help="Names of configs")] = "crf_ner,ner",
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2",
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
    take_over: TakeOver = False,
) -> None:
    """Train and score every model with every seed, and write the result."""
    folder = work / corpus
    convert(corpus, folder)
    setups = {
        model: Setup(config_path(model), BUDGETS[corpus], {})
        for model in models.split(",")
    }
    name = f"accuracy-{corpus}"
    numbers = [*map(int, seeds.split(","))]
    runs = [
        run
        for model, setup in setups.items()
        for run in train_and_score_all(
            name, model, setup, folder / model, numbers, take_over
        )
    ]
    means = {model: mean(runs, model) for model in setups}
    result = {
        "command": " ".join(["python -m benchmarks.accuracy", *sys.argv[1:]]),
        "environment": describe(),
        "corpus": corpus,
        "setups": {model: setup.fingerprint() for model, setup in setups.items()},
        "runs": runs,
        "mean": means,
    }
    show(means)
    write_result(name, result)


def show(means: dict[str, dict[str, float]]) -> None:
    """Print the means of each model."""
    rows = [
        [name, *(f"{100 * mean[key]:.1f}" for key in KEYS)]
        for name, mean in means.items()
    ]
    msg.table(rows, header=["", *KEYS], divider=True)


if __name__ == "__main__":
    typer.run(main)
