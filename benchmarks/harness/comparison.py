"""Models beside each other: trained on the same corpus with several seeds, the best of
each training on dev scored once on test.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import srsly
from wasabi import msg

from .environment import describe, versions
from .training import RESULTS, Budget, budgeted, mean, train_and_score, write_result

KEYS = ["dev_f", "test_f", "test_p", "test_r", "test_f_sd"]


class Setup(NamedTuple):
    """How a model is trained.

    config (Path): The config.
    budget (Budget): How long.
    settings (dict[str, Any]): What differs from the config.
    out (Path): Where models are written; the seed is added.
    """

    config: Path
    budget: Budget
    settings: dict[str, Any]
    out: Path

    def fingerprint(self) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): All that the result depends on, but the seed."""
        return {
            "config": hashlib.md5(self.config.read_bytes()).hexdigest(),
            "budget": self.budget._asdict(),
            "settings": {name: str(value) for name, value in self.settings.items()},
            "packages": versions(),
        }


def compare(
    module: str,
    name: str,
    folder: Path,
    setups: dict[str, Setup],
    seeds: str,
    take_over: bool,
) -> None:
    """Train and score every model with every seed, print the means, and write the
    result.

    module (str): The benchmark that was called.
    name (str): The name of the result.
    folder (Path): Where the corpus is.
    setups (dict[str, Setup]): How each model is trained, by its name.
    seeds (str): The seeds, with commas between.
    take_over (bool): Whether runs of spaCy's own `ner`, which no change of ours
        touches, are taken from the committed result if they were made in the same way.
    """
    runs = []
    for model, setup in setups.items():
        known = {}
        if take_over and model == "ner":
            known = committed_runs(name, model, setup)
        for seed in map(int, seeds.split(",")):
            runs.append(known.get(seed) or run(model, setup, folder, seed))
    means = {model: mean(runs, model) for model in setups}
    result = {
        **describe(module),
        "corpus": folder.name,
        "setups": {model: setup.fingerprint() for model, setup in setups.items()},
        "runs": runs,
        "mean": means,
    }
    show(means)
    write_result(name, result)


def committed_runs(name: str, model: str, setup: Setup) -> dict[int, dict[str, Any]]:
    """RETURNS (dict[int, dict[str, Any]]): By seed, the runs of a model in a committed
    result; none if they were made in another way.
    """
    path = RESULTS / f"{name}.json"
    before = srsly.read_json(path) if path.exists() else {}
    if before.get("setups", {}).get(model) != setup.fingerprint():
        return {}
    return {run["seed"]: run for run in before["runs"] if run["model"] == model}


def run(model: str, setup: Setup, folder: Path, seed: int) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The model, the seed, and the scores on dev and test."""
    scores = train_and_score(
        setup.config,
        setup.out.with_name(f"{setup.out.name}-{seed}"),
        folder / "train.spacy",
        folder,
        {**budgeted(setup.budget, seed), **setup.settings},
    )
    return {"model": model, "seed": seed, **scores}


def show(means: dict[str, dict[str, float]]) -> None:
    """Print the means of each model."""
    rows = [
        [name, *(f"{100 * mean[key]:.1f}" for key in KEYS)]
        for name, mean in means.items()
    ]
    msg.table(rows, header=["", *KEYS], divider=True)
