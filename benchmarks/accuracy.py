"""Accuracy of crf_ner beside spaCy's ner: same data, same number of steps, several
seeds; the best model on dev is scored once on test.

    python -m benchmarks.accuracy ncbi-disease
    python -m benchmarks.accuracy wnut17
    python -m benchmarks.accuracy astronomy --steps 600 --eval-frequency 50

writes `benchmarks/results/accuracy-<corpus>.json`. A training takes up to 15 minutes on
one core; what is already in the work folder is not trained again, so that an
interrupted run goes on, and seeds may run side by side (--work).
"""

import hashlib
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from wasabi import msg

from .environment import describe

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
CORPORA = {
    "ncbi-disease": [
        DATA / "ncbi-disease" / f"{part}.txt" for part in ("train", "dev", "test")
    ],
    "wnut17": [
        DATA / "wnut17" / name
        for name in (
            "wnut17train.conll",
            "emerging.dev.conll",
            "emerging.test.annotated",
        )
    ],
    "astronomy": [
        ROOT / "assets" / "astronomy" / f"{part}.jsonl"
        for part in ("train", "dev", "test")
    ],
}
PARTS = ("train", "dev", "test")
# Both run for the same number of steps, so that early stopping favours neither.
PATIENCE = 0


def main(
    corpus: Annotated[str, typer.Argument(help=f"One of {sorted(CORPORA)}")],
    models: Annotated[str, typer.Option(help="Names of configs")] = "crf_ner,ner",
    seeds: Annotated[str, typer.Option(help="Random seeds")] = "0,1,2",
    steps: Annotated[int, typer.Option(help="Training steps")] = 6000,
    eval_frequency: Annotated[int, typer.Option(help="Steps between scores")] = 200,
    work: Annotated[Path, typer.Option(help="Folder for models")] = Path(
        "/tmp/crf-benchmarks"
    ),
) -> None:
    """Train and score every model with every seed, and write the result."""
    folder = work / corpus
    convert(corpus, folder)
    overrides = {
        "training.max_steps": steps,
        "training.eval_frequency": eval_frequency,
        "training.patience": PATIENCE,
    }
    runs = [
        run(model, int(seed), folder, overrides)
        for model in models.split(",")
        for seed in seeds.split(",")
    ]
    result = {
        "command": " ".join(["python -m benchmarks.accuracy", *sys.argv[1:]]),
        "environment": describe(),
        "corpus": corpus,
        "overrides": overrides,
        "configs": {
            model: hashlib.md5(config_path(model).read_bytes()).hexdigest()
            for model in models.split(",")
        },
        "runs": runs,
        "mean": {model: mean(runs, model) for model in models.split(",")},
    }
    target = ROOT / "benchmarks" / "results" / f"accuracy-{corpus}.json"
    target.parent.mkdir(exist_ok=True)
    srsly.write_json(target, result)
    rows = [
        [model, *(f"{100 * result['mean'][model][key]:.1f}" for key in KEYS)]
        for model in result["mean"]
    ]
    msg.table(rows, header=["", *KEYS], divider=True)
    msg.good(f"Wrote {target}")


KEYS = ["dev_f", "test_f", "test_p", "test_r", "test_f_sd"]


def convert(corpus: str, folder: Path) -> None:
    """Convert the three parts of a corpus, unless that is done."""
    for part, source in zip(PARTS, CORPORA[corpus], strict=True):
        target = folder / f"{part}.spacy"
        if not target.exists():
            spacy("crf", "convert", source, target)


def run(model: str, seed: int, folder: Path, overrides: dict[str, Any]) -> Any:
    """Train and score one model with one seed, unless that is done."""
    out = folder / f"{model}-{seed}"
    scores = {}
    for part in ("dev", "test"):
        metrics = out / f"{part}.json"
        if not metrics.exists():
            if not (out / "done").exists():
                flags = {
                    "paths.train": folder / "train.spacy",
                    "paths.dev": folder / "dev.spacy",
                    "system.seed": seed,
                    **overrides,
                }
                options = [f"--{name}={value}" for name, value in flags.items()]
                spacy("train", config_path(model), "--output", out, *options)
                (out / "done").touch()
            spacy(
                "evaluate",
                out / "model-best",
                folder / f"{part}.spacy",
                "--output",
                metrics,
            )
        scores[part] = srsly.read_json(metrics)
    return {
        "model": model,
        "seed": seed,
        **{
            f"{part}_{key[-1]}": scores[part][key]
            for part in scores
            for key in ("ents_p", "ents_r", "ents_f")
        },
    }


def mean(runs: list[Any], model: str) -> dict[str, float]:
    """RETURNS (dict[str, float]): Means over the seeds, and the deviation of test F."""
    own = [run for run in runs if run["model"] == model]
    keys = [key for key in own[0] if key not in ("model", "seed")]
    result = {key: statistics.fmean(run[key] for run in own) for key in keys}
    test_f = [run["test_f"] for run in own]
    result["test_f_sd"] = statistics.stdev(test_f) if len(test_f) > 1 else 0.0
    return result


def config_path(model: str) -> Path:
    """RETURNS (Path): The config of a model."""
    return ROOT / "configs" / f"{model}.cfg"


def spacy(*args: object) -> None:
    """Run a command of spaCy in a process of its own, on one thread."""
    command = [sys.executable, "-m", "spacy", *map(str, args)]
    msg.info(" ".join(command[1:]))
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    typer.run(main)
