"""Words per second of `spacy train`: crf_ner beside spaCy's ner.

    python -m benchmarks.training_speed

writes `benchmarks/results/training-speed-<kind of processor>.json`. Both train on
NCBI-disease with the same batches, in alternation, each time in a process of its own
and on one thread. The clock runs from one score on the dev part to the next, so that
starting is not in it, and evaluation is. Batches have 1,000 words, to which those of
the configs grow in the first 2,300 steps. Needs a machine on which nothing else runs.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import srsly
import typer
from wasabi import msg

from .harness.environment import describe, processor_kind
from .harness.options import Rounds
from .harness.spread import medians
from .harness.training import WORK, config_path, convert, spacy, write_result

MODELS = ("crf_ner", "ner")
CORPUS = "ncbi-disease"
LOGGER = Path(__file__).parent / "harness" / "timing_logger.py"


def main(
    steps: Annotated[int, typer.Option(help="Training steps that are timed")] = 200,
    rounds: Rounds = 3,
    work: Annotated[Path, typer.Option(help="Folder with corpora")] = WORK,
) -> None:
    """Train, and write medians and their ratio."""
    folder = work / CORPUS
    convert(CORPUS, folder)
    speeds: dict[str, list[float]] = {model: [] for model in MODELS}
    for _ in range(rounds):
        for model in MODELS:
            speeds[model].append(words_per_second(model, folder, steps))
    median = medians(speeds)
    result = {
        **describe("training_speed"),
        "corpus": CORPUS,
        "steps": steps,
        "words/s": speeds,
        "median words/s": median,
        "crf_ner / ner": median["crf_ner"] / median["ner"],
    }
    msg.text(f"{result['crf_ner / ner']:.2f} × the words/s of ner in training")
    write_result(f"training-speed-{processor_kind()}", result)


def words_per_second(
    model: str,
    folder: Path,
    steps: int,
    overrides: dict[str, Any] | None = None,
    code: Path = LOGGER,
) -> float:
    """RETURNS (float): The speed of one training between its scores on dev."""
    settings = {
        "training.batcher.size.start": 1000,
        "training.eval_frequency": steps,
        "training.max_steps": 2 * steps,
        "training.patience": 0,
        **(overrides or {}),
    }
    with TemporaryDirectory() as scratch:
        log = Path(scratch) / "log.jsonl"
        _, first, second = timed_training(model, folder, settings, log, code)
    seconds = second["seconds"] - first["seconds"]
    return float((second["words"] - first["words"]) / seconds)


def timed_training(
    model: str,
    folder: Path,
    settings: dict[str, Any],
    log: Path,
    code: Path = LOGGER,
) -> list[dict[str, Any]]:
    """Train in a process of its own.

    model (str): Whose config.
    folder (Path): Where the documents are.
    settings (dict[str, Any]): What differs from the config.
    log (Path): A file that is not there yet.
    code (Path): What the training imports, the logger among it.
    RETURNS (list[dict[str, Any]]): A line of `timing_logger` for each score on dev.
    """
    flags = {
        "paths.train": folder / "train.spacy",
        "paths.dev": folder / "dev.spacy",
        "training.logger.@loggers": "benchmarks.harness.timing_logger",
        "training.logger.path": log,
        **settings,
    }
    options = [f"--{name}={value}" for name, value in flags.items()]
    spacy("train", config_path(model), "--code", code, *options)
    return list(srsly.read_jsonl(log))


if __name__ == "__main__":
    typer.run(main)
