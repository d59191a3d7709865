"""Words per second of the variants of the ablation, in training and in prediction, as
multiples of those of BiLSTM + softmax.

    python -m benchmarks.ablation_speed

writes `benchmarks/results/ablation-speed.json`. Needs the models of
`benchmarks.ablation`, and a machine on which nothing else runs. Prediction is
`nlp.pipe` from the sentences of a test part to entities with probabilities, in
alternation in one process. Training is `spacy train` with batches of 1,000 words, each
time in a process of its own. One thread.
"""

from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from wasabi import msg

from .ablation import BASELINE, CODE, COMPONENT, VARIANTS, load
from .harness.environment import describe
from .harness.options import Rounds
from .harness.spread import medians
from .harness.training import RESULTS, WORK, texts_of, write_result
from .inference import words_per_second as speed_of_prediction
from .training_speed import words_per_second as speed_of_training


def main(
    corpus: Annotated[str, typer.Option(help="Whose texts")] = "ncbi-disease",
    steps: Annotated[int, typer.Option(help="Training steps that are timed")] = 60,
    rounds: Rounds = 3,
    quick: Annotated[bool, typer.Option("--quick", help="A small form")] = False,
    work: Annotated[Path, typer.Option(help="Folder with models")] = WORK,
) -> None:
    """Measure, and write medians and ratios."""
    if quick:
        corpus, steps, rounds, work = "astronomy", 5, 1, work / "quick"
    torch.set_num_threads(1)
    folder = work / corpus
    trained: dict[str, list[float]] = {
        name: [] for name, variant in VARIANTS.items() if not variant.weights_of
    }
    for _ in range(rounds):
        for name, speeds in trained.items():
            settings = VARIANTS[name].settings
            speed = speed_of_training(COMPONENT, folder, steps, settings, CODE)
            speeds.append(speed)
    pipelines = {name: load(folder, name, 0) for name in VARIANTS}
    predicted = speed_of_prediction(pipelines, texts_of(folder, "test"), rounds)
    result: dict[str, Any] = {
        **describe("ablation_speed"),
        "corpus": corpus,
        "steps": steps,
        "training": compared(trained),
        "prediction": compared(predicted),
    }
    for part in ("training", "prediction"):
        ratios = result[part]["times baseline"]
        msg.divider(part)
        msg.table({name: f"{ratio:.2f}" for name, ratio in ratios.items()})
    write_result("ablation-speed", result, work if quick else RESULTS)


def compared(speeds: dict[str, list[float]]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Words per second, their medians, and the ratios to that
    of the baseline.
    """
    median = medians(speeds)
    return {
        "words/s": speeds,
        "median words/s": median,
        "times baseline": {
            name: speed / median[BASELINE] for name, speed in median.items()
        },
    }


if __name__ == "__main__":
    typer.run(main)
