"""Learning from NCBI-disease with 70% of its training entities unannotated: what
missing annotation is taken for, beside full annotation.

    python -m benchmarks.partial_annotation

writes `benchmarks/results/partial-annotation.json`. Entities to keep are drawn anew for
each seed. Of a training document only these are known; all other tokens are missing
annotation. The dev documents, which choose the best model, are fully annotated. A
training takes two minutes on one core; what is in the work folder is not trained again.
"""

import random
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from spacy.tokens import DocBin
from wasabi import msg

from .harness.environment import describe
from .harness.training import (
    WORK,
    Budget,
    budgeted,
    config_path,
    convert,
    mean,
    train_and_score,
    write_result,
)

CORPUS = "ncbi-disease"
KEPT = 0.3
BUDGET = Budget(2000, 200)
# The ratio is that of the dev documents (0.078), rounded; margin and weight were chosen
# on dev with one seed, and a network without dropout of forms.
VARIANTS: dict[str, dict[str, Any]] = {
    "full annotation": {},
    "outside": {"missing": "outside"},
    "latent": {"missing": "latent"},
    "expected_entity_ratio": {
        "missing": "expected_entity_ratio",
        "entity_ratio": 0.08,
        "entity_ratio_margin": 0.02,
        "entity_ratio_weight": 10,
    },
}


def main(
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2",
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
) -> None:
    """Train and score every variant with every seed, and write the result."""
    folder = work / CORPUS
    convert(CORPUS, folder)
    runs = []
    for variant, settings in VARIANTS.items():
        for seed in map(int, seeds.split(",")):
            own = {f"components.crf_ner.{k}": v for k, v in settings.items()}
            train, out = folder / "train.spacy", folder / f"partial-full-{seed}"
            if settings:
                train = folder / f"train-partial-{seed}.spacy"
                out = folder / f"partial-{settings['missing']}-{seed}"
                leave_out(folder / "train.spacy", train, seed)
            overrides = {**budgeted(BUDGET, seed), **own}
            scores = train_and_score(
                config_path("crf_ner"), out, train, folder, overrides
            )
            runs.append({"model": variant, "seed": seed, **scores})
    means = {variant: mean(runs, variant) for variant in VARIANTS}
    full, outside = (means[name]["test_f"] for name in ("full annotation", "outside"))
    result = {
        **describe("partial_annotation"),
        "corpus": CORPUS,
        "share of entities kept": KEPT,
        "budget": BUDGET._asdict(),
        "settings": VARIANTS,
        "runs": runs,
        "mean": means,
        "share of lost test F recovered": {
            variant: (means[variant]["test_f"] - outside) / (full - outside)
            for variant in VARIANTS
        },
    }
    rows = []
    for variant, share in result["share of lost test F recovered"].items():
        keys = ("dev_f", "test_p", "test_r", "test_f", "test_f_sd")
        figures = [f"{100 * means[variant][key]:.1f}" for key in keys]
        rows.append([variant, *figures, f"{share:.0%}"])
    header = ["", "dev F", "test P", "test R", "test F", "±", "recovered"]
    msg.table(rows, header=header, divider=True)
    write_result("partial-annotation", result)


def leave_out(source: Path, target: Path, seed: int) -> None:
    """Keep a share of all entities, and say nothing about any other token."""
    vocab = spacy.blank("en").vocab
    docs = list(DocBin().from_disk(source).get_docs(vocab))
    n_entities = sum(len(doc.ents) for doc in docs)
    kept = set(random.Random(seed).sample(range(n_entities), round(KEPT * n_entities)))
    partial = DocBin()
    first = 0
    for doc in docs:
        ents = [ent for n, ent in enumerate(doc.ents, start=first) if n in kept]
        first += len(doc.ents)
        doc.set_ents(ents, default="missing")
        partial.add(doc)
    partial.to_disk(target)


if __name__ == "__main__":
    typer.run(main)
