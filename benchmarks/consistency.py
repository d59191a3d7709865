"""What it is worth to read each batch twice under different dropout and to draw both
passes to each other: accuracy and probabilities with distilled word vectors, for as
many words read.

    python -m benchmarks.consistency

writes `benchmarks/results/consistency.json`. The models with two passes are those of
`python -m benchmarks.pretrained vectors` for ncbi-disease and wnut17; what is in the
work folder is not trained again.
"""

import statistics
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from spacy.training import Corpus
from wasabi import msg

from .comparison import Setup, run
from .environment import describe
from .options import Work
from .pretrained import with_vectors
from .probabilities import NAMES, calibrate
from .training import ROOT, WORK, Budget, convert, write_result

# What is shown of each, as means over the seeds.
KEYS = [
    "dev_f",
    "test_f",
    "ece_before",
    "ece_after",
    "brier_before",
    "brier_after",
    "temperature",
]


def main(
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2",
    corpora: Annotated[str, typer.Option(help="Names of corpora")] = ",".join(NAMES),
    encoder: Annotated[Path, typer.Option(help="Folder of the encoder")] = (
        ROOT / "assets" / "minilm"
    ),
    work: Work = WORK,
) -> None:
    """Train, measure, and write the result."""
    runs: list[dict[str, Any]] = []
    setups: dict[str, Any] = {}
    for corpus in corpora.split(","):
        folder = work / corpus
        convert(corpus, folder)
        twice = with_vectors("crf_ner", corpus, folder, encoder)
        for passes, setup in {"two": twice, "one": in_one_pass(twice)}.items():
            setups[f"{corpus}, {passes}"] = setup.fingerprint()
            for seed in map(int, seeds.split(",")):
                scores = run(passes, setup, folder, seed)
                model = setup.out.with_name(f"{setup.out.name}-{seed}") / "model-best"
                found = probabilities(model, corpus, folder)
                runs.append({"corpus": corpus, **scores, **found})
    result = {
        **describe("consistency"),
        "setups": setups,
        "runs": runs,
        "mean": means(runs),
    }
    rows = [
        [name, *(f"{mean[key]:.3f}" for key in KEYS)]
        for name, mean in result["mean"].items()
    ]
    msg.table(rows, header=["", *KEYS], divider=True)
    write_result("consistency", result)


def in_one_pass(setup: Setup) -> Setup:
    """RETURNS (Setup): The same for batches that are read once, twice as many."""
    return Setup(
        setup.config,
        Budget(2 * setup.budget.steps, 2 * setup.budget.eval_frequency),
        {**setup.settings, "components.crf_ner.consistency": 0.0},
        setup.out.with_name(f"{setup.out.name}-once"),
    )


def probabilities(model: Path, corpus: str, folder: Path) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): How far the probabilities on test are from the truth,
    before and after a temperature is fitted on dev.
    """
    nlp = spacy.load(model)
    parts = {
        part: list(Corpus(folder / f"{part}.spacy")(nlp)) for part in ("dev", "test")
    }
    return calibrate(nlp, parts, {corpus: {"before": [], "after": []}})


def means(runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """RETURNS (dict[str, dict[str, float]]): Means over the seeds, by corpus and number
    of passes.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in runs:
        groups.setdefault(f"{each['corpus']}, {each['model']}", []).append(each)
    return {
        name: {key: statistics.fmean(each[key] for each in own) for key in KEYS}
        for name, own in groups.items()
    }


if __name__ == "__main__":
    typer.run(main)
