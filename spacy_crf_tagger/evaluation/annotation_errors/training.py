"""Train the models of folds by spaCy, from a config for `spacy train`."""

import io
import sys
from pathlib import Path
from typing import Any, Dict, Sequence

from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST, train
from thinc.api import Config

from .folds import FoldFiles

_LOGGER = {
    "@loggers": "spacy.ConsoleLogger.v3",
    "progress_bar": "train",
    "console_output": False,
}


def fold_config(
    config: Config, files: FoldFiles, seed: int, labels: Dict[str, Sequence[str]]
) -> Config:
    """Make the config of a fold's model.

    config (Config): A config for `spacy train`, not interpolated.
    files (FoldFiles): What it learns from.
    seed (int): The seed of the training.
    labels (Dict[str, Sequence[str]]): The labels of components, so that models of all
        folds have the same, in the same order.
    RETURNS (Config): The config.
    RAISES (ValueError): If the config does not read its documents from `paths.train`
        and `paths.dev`.
    """
    paths = {"train": str(files.train), "dev": str(files.dev)}
    changed = Config(config).copy()
    if not {*paths} <= {*changed.get("paths", {})}:
        raise ValueError(
            "the config has no paths.train and paths.dev, which the folds are read "
            "from. Make one by `python -m spacy crf init-config`, or name them so."
        )
    changed["paths"].update(paths)
    changed["training"].update({"seed": seed, "logger": dict(_LOGGER)})
    sections: Dict[str, Any] = changed.setdefault("initialize", {})
    components = sections.setdefault("components", {})
    for name, own in labels.items():
        components[name] = {**components.get(name, {}), "labels": list(own)}
    read = changed.interpolate().get("corpora", {}).get("train", {}).get("path")
    if read != paths["train"]:
        raise ValueError(
            "the config does not read its training documents from ${paths.train}: "
            f"corpora.train.path is {read!r}."
        )
    return changed


def train_fold(config: Config, output: Path, use_gpu: int = -1) -> Path:
    """Train a model, with a progress bar on a terminal.

    config (Config): The config of the fold.
    output (Path): The folder to write to.
    use_gpu (int): The number of the GPU, which has been chosen already, or -1.
    RETURNS (Path): The pipeline of the best step.
    """
    output.mkdir(parents=True, exist_ok=True)
    nlp = init_nlp(config, use_gpu=use_gpu)
    train(nlp, output, use_gpu=use_gpu, stdout=io.StringIO(), stderr=sys.stderr)
    return output / DIR_MODEL_BEST
