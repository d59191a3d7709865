"""Accuracy of crf_ner beside spaCy's ner: same data, no more words read, several
seeds; the best model on dev is scored once on test.

    python -m benchmarks.accuracy ncbi-disease
    python -m benchmarks.accuracy wnut17
    python -m benchmarks.accuracy astronomy

writes `benchmarks/results/accuracy-<corpus>.json`. A training takes up to 10 minutes on
one core; what is already in the work folder is not trained again, so that an
interrupted run goes on, and seeds may run side by side (--seeds).
"""

from pathlib import Path
from typing import Annotated

import typer

from .harness.comparison import Setup, compare
from .harness.options import TakeOver
from .harness.training import BUDGETS, CORPORA, WORK, budget_of, config_path, convert


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
        model: Setup(
            config_path(model), budget_of(corpus, BUDGETS[model]), {}, folder / model
        )
        for model in models.split(",")
    }
    compare("accuracy", f"accuracy-{corpus}", folder, setups, seeds, take_over)


if __name__ == "__main__":
    typer.run(main)
