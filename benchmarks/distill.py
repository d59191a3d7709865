"""Distillation: one network that learns the mean of several, and one of half the width,
beside a network that was trained on the annotation alone.

    python -m benchmarks.distill ncbi-disease
    python -m benchmarks.distill wnut17
    python -m benchmarks.distill wnut17 --vectors
    python -m benchmarks.distill wnut17 --clusters

writes `benchmarks/results/distill-<corpus>.json`: F on dev and test, the calibration
error on test without any temperature, words per second, and what has changed. Teachers
are five seeds of `configs/crf_ner.cfg` (with `--vectors` of `crf_ner_vectors.cfg`, with
vectors of an encoder; with `--clusters` teachers, students and the single network have
word clusters), trained as `benchmarks.accuracy` and `benchmarks.pretrained` do it; what
is already in the work folder is not trained again. Students learn the training
documents in as many steps as a single network, and those of `--text` beside them. The
best on dev is scored once on test. Speeds want a machine on which nothing else runs.
"""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import spacy as spacy_library
import typer
from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.training import Corpus, Example
from spacy.util import minibatch
from wasabi import msg

from spacy_crf_tagger.evaluation.calibration import analyse_examples
from spacy_crf_tagger.evaluation.reliability import reliability, score_entities
from spacy_crf_tagger.pipeline.teachers import Member, ScoringTeacher

from .harness.comparison import Setup
from .harness.environment import describe
from .harness.options import Rounds
from .harness.spread import medians
from .harness.training import (
    BUDGETS,
    CORPORA,
    ROOT,
    WORK,
    Budget,
    budget_of,
    budgeted,
    config_path,
    convert,
    mean,
    spacy,
    texts_of,
    train,
    write_result,
)
from .inference import words_per_second
from .pretrained import with_clusters, with_vectors

COMPONENT = "crf_ner"
MODEL = f"components.{COMPONENT}.model"
HALF_WIDTH = {
    f"{MODEL}.hidden_width": 128,
    f"{MODEL}.attention_width": 32,
    f"{MODEL}.tok2vec.width": 64,
}
STUDENTS: dict[str, dict[str, Any]] = {"distilled": {}, "distilled-half": HALF_WIDTH}


class Lesson(NamedTuple):
    """How students are taught.

    teachers (list[Path]): The pipelines that teach.
    options (dict[str, Any]): Options of `spacy crf distill`.
    name (str): Tells their folders from those of others.
    """

    teachers: list[Path]
    options: dict[str, Any]
    name: str


def main(
    corpus: Annotated[str, typer.Argument(help=f"One of {sorted(CORPORA)}")],
    seeds: Annotated[str, typer.Option(help="Random seeds of students")] = "0,1,2",
    teachers: Annotated[int, typer.Option(help="How many networks teach")] = 5,
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Teachers have vectors of an encoder")
    ] = False,
    clusters: Annotated[
        bool, typer.Option("--clusters", help="All have word clusters")
    ] = False,
    weight: Annotated[float, typer.Option(help="Share of the teacher")] = 1.0,
    temperature: Annotated[float, typer.Option(help="Of the comparison")] = 1.0,
    text: Annotated[
        Path | None, typer.Option(help="Texts without annotation to learn as well")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of every training, if not the usual")
    ] = None,
    encoder: Annotated[Path, typer.Option(help="Folder of the encoder")] = (
        ROOT / "assets" / "minilm"
    ),
    rounds: Rounds = 9,
    work: Annotated[Path, typer.Option(help="Folder for models")] = WORK,
) -> None:
    """Train, distil, measure, and write the result."""
    folder = work / corpus
    convert(corpus, folder)
    single = Setup(
        config_path(COMPONENT),
        budget_of(corpus, BUDGETS[COMPONENT]),
        {},
        folder / COMPONENT,
    )
    knowledge = "vectors" if vectors else "clusters" if clusters else "plain"
    if clusters:
        single = with_clusters(COMPONENT, corpus, folder, encoder)
    taught = with_vectors(COMPONENT, corpus, folder, encoder) if vectors else single
    parts = [f"{teachers}x{knowledge}"]
    if steps is not None:
        single, taught = (shortened(setup, steps) for setup in (single, taught))
        parts.append(f"{steps}-steps")
    budget = single.budget
    ensemble = [train_seed(taught, folder, seed) for seed in range(teachers)]
    options: dict[str, Any] = {"weight": weight, "temperature": temperature}
    if text is not None:
        options["text"] = text
        parts.append(text.stem)
    parts += [f"{value:g}" for value in (weight, temperature)]
    lesson = Lesson(ensemble, options, "-".join(parts))
    runs: list[dict[str, Any]] = []
    for seed in map(int, seeds.split(",")):
        model = spacy_library.load(train_seed(single, folder, seed))
        runs.append({"model": "single", "seed": seed, **measure(model, folder)})
        for name, settings in STUDENTS.items():
            overrides = {**budgeted(budget, seed), **single.settings, **settings}
            out = folder / f"{name}-{lesson.name}-{seed}"
            path = distil(lesson, single.config, out, folder, overrides)
            model = spacy_library.load(path)
            runs.append({"model": name, "seed": seed, **measure(model, folder)})
    means = {name: mean(runs, name) for name in ("single", *STUDENTS)}
    pipelines = one_of_each(single, lesson, folder, runs[0]["seed"])
    speeds = medians(words_per_second(pipelines, texts_of(folder, "test"), rounds))
    result = {
        **describe("distill"),
        "corpus": corpus,
        "budget": budget._asdict(),
        "lesson": {"teachers": teachers, "knowledge": knowledge, **options},
        "runs": runs,
        "ensemble": measure_ensemble(ensemble, folder),
        "mean": means,
        "median words/s": speeds,
        "change": {name: change(means, speeds, name) for name in STUDENTS},
    }
    show(result)
    ending = "" if knowledge == "plain" else f"-{knowledge}"
    write_result(f"distill-{corpus}{ending}", result)


def shortened(setup: Setup, steps: int) -> Setup:
    """RETURNS (Setup): The same with another number of steps, beside the usual one."""
    out = setup.out.with_name(f"{setup.out.name}-{steps}-steps")
    budget = Budget(steps, min(steps, setup.budget.eval_frequency))
    return setup._replace(budget=budget, out=out)


def train_seed(setup: Setup, folder: Path, seed: int) -> Path:
    """RETURNS (Path): The best model of a training, which is done if need be."""
    out = setup.out.with_name(f"{setup.out.name}-{seed}")
    overrides = {**budgeted(setup.budget, seed), **setup.settings}
    # Those of `benchmarks.accuracy` have been scored, and bear no other mark.
    if not (out / "test.json").exists():
        train(setup.config, out, folder / "train.spacy", folder, overrides)
    return out / "model-best"


def distil(
    lesson: Lesson, config: Path, out: Path, folder: Path, overrides: dict[str, Any]
) -> Path:
    """RETURNS (Path): The best student of a training, which is done if it is not
    there.
    """
    if not (out / "done").exists():
        flags = {
            **lesson.options,
            "paths.train": folder / "train.spacy",
            "paths.dev": folder / "dev.spacy",
            **overrides,
        }
        options = [f"--{name}={value}" for name, value in flags.items()]
        names = ",".join(map(str, lesson.teachers))
        spacy("crf", "distill", names, config, out, *options)
        (out / "done").touch()
    return out / "model-best"


def examples_of(nlp: Language, folder: Path, part: str) -> list[Example]:
    """RETURNS (list[Example]): The examples of a part of the corpus."""
    return list(Corpus(folder / f"{part}.spacy")(nlp))


def measure(nlp: Language, folder: Path) -> dict[str, float | None]:
    """RETURNS (dict[str, float | None]): What a pipeline scores."""
    return {
        key: value
        for part in ("dev", "test")
        for key, value in scores_of(
            analyse_examples(nlp, examples_of(nlp, folder, part)), part
        ).items()
    }


def measure_ensemble(paths: list[Path], folder: Path) -> dict[str, float | None]:
    """RETURNS (dict[str, float | None]): What the mean of networks scores."""
    members = [Member(str(path), spacy_library.load(path), COMPONENT) for path in paths]
    teacher = ScoringTeacher(members)
    pipe = members[0].pipe
    found: dict[str, float | None] = {}
    for part in ("dev", "test"):
        examples = examples_of(members[0].nlp, folder, part)
        for batch in minibatch(examples, 256):
            docs = [example.x for example in batch]
            pipe.set_annotations(docs, pipe.analyse(docs, teacher.score(docs)))
        found |= scores_of(examples, part)
    return found


def scores_of(analysed: list[Example], part: str) -> dict[str, float | None]:
    """RETURNS (dict[str, float | None]): Precision, recall, F and calibration error."""
    found = get_ner_prf(analysed)
    scores = {f"{part}_{key}": found[f"ents_{key}"] for key in "prf"}
    measured = reliability(*score_entities(analysed, COMPONENT))
    return {**scores, f"{part}_ece": measured.ece, f"{part}_brier": measured.brier}


def one_of_each(
    single: Setup, lesson: Lesson, folder: Path, seed: int
) -> dict[str, Language]:
    """RETURNS (dict[str, Language]): One pipeline of each kind, for its speed."""
    paths = {"single": single.out.with_name(f"{single.out.name}-{seed}")}
    for name in STUDENTS:
        paths[name] = folder / f"{name}-{lesson.name}-{seed}"
    return {
        name: spacy_library.load(path / "model-best") for name, path in paths.items()
    }


def change(
    means: dict[str, dict[str, float]], speeds: dict[str, float], name: str
) -> dict[str, float]:
    """RETURNS (dict[str, float]): A student beside the single network."""
    before, after = means["single"], means[name]
    return {
        "test F": 100 * (after["test_f"] - before["test_f"]),
        "test ECE, ratio": after["test_ece"] / before["test_ece"],
        "words/s, ratio": speeds[name] / speeds["single"],
    }


def show(result: dict[str, Any]) -> None:
    """Print means and changes."""
    keys = ["dev_f", "test_f", "test_ece", "test_brier"]
    rows = [
        [name, *(f"{100 * found[key]:.1f}" for key in keys)]
        for name, found in {**result["mean"], "ensemble": result["ensemble"]}.items()
    ]
    msg.table(rows, header=["", *keys], divider=True)
    for name, changes in result["change"].items():
        msg.text(name)
        msg.table({key: f"{value:.2f}" for key, value in changes.items()})


if __name__ == "__main__":
    typer.run(main)
