"""What the benchmarks that train have in common: corpora, and runs of spaCy's commands
in processes of their own. What is already in the work folder is not done again.
"""

import os
import statistics
import sys
from collections.abc import Sequence
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, NamedTuple

import srsly
from spacy import blank
from spacy.cli import setup_cli
from spacy.tokens import DocBin
from wasabi import msg

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
WORK = Path("/tmp/crf-benchmarks")
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


class Regrouped(NamedTuple):
    """The sentences of another corpus, several to a document."""

    corpus: str
    n_sents: int


# In the order of their abstracts, and so with a context.
REGROUPED = {"ncbi-documents": Regrouped("ncbi-disease", n_sents=8)}
CORPORA |= {name: CORPORA[source.corpus] for name, source in REGROUPED.items()}
PARTS = ("train", "dev", "test")


class Budget(NamedTuple):
    """How many steps a training has, and after how many F on dev is taken."""

    steps: int
    eval_frequency: int


# Without early stopping, so that it favours neither; the best on dev is kept. crf_ner
# has larger batches at first, and reads no more words than ner.
BUDGETS = {
    "crf_ner": {
        "ncbi-disease": Budget(4000, 200),
        "wnut17": Budget(4000, 200),
        "astronomy": Budget(400, 50),
    },
    "ner": {
        "ncbi-disease": Budget(6000, 200),
        "wnut17": Budget(6000, 200),
        "astronomy": Budget(1100, 50),
    },
}


def budget_of(corpus: str, budgets: dict[str, Budget]) -> Budget:
    """RETURNS (Budget): The budget of a corpus, which is the same for the same
    sentences.
    """
    return budgets[REGROUPED[corpus].corpus if corpus in REGROUPED else corpus]


def convert(corpus: str, folder: Path) -> None:
    """Convert the three parts of a corpus, unless that is done."""
    for part, source in zip(PARTS, CORPORA[corpus], strict=True):
        target = folder / f"{part}.spacy"
        if not target.exists():
            if not source.exists():
                raise SystemExit(f"The corpus {corpus} is not there: {source}")
            n_sents = REGROUPED[corpus].n_sents if corpus in REGROUPED else 1
            spacy("crf", "convert", source, target, "--n-sents", n_sents)


def texts_of(folder: Path, part: str) -> list[str]:
    """RETURNS (list[str]): The text of each document of a part of a corpus."""
    docs = DocBin().from_disk(folder / f"{part}.spacy")
    return [doc.text for doc in docs.get_docs(blank("en").vocab)]


def budgeted(budget: Budget, seed: int) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The settings of a training with a budget."""
    return {
        "training.max_steps": budget.steps,
        "training.eval_frequency": budget.eval_frequency,
        "training.patience": 0,
        "system.seed": seed,
    }


def train(
    config: Path,
    out: Path,
    corpus: Path,
    folder: Path,
    overrides: dict[str, Any],
    code: Path | None = None,
) -> None:
    """Train a model, unless that is done.

    config (Path): The config.
    out (Path): Where the model is written.
    corpus (Path): The training documents.
    folder (Path): Where the dev documents are.
    overrides (dict[str, Any]): Settings that differ from the config.
    code (Path | None): A file with what the config refers to.
    """
    if (out / "done").exists():
        return
    flags = {"paths.train": corpus, "paths.dev": folder / "dev.spacy", **overrides}
    options = [f"--{name}={value}" for name, value in flags.items()]
    if code is not None:
        options.append(f"--code={code}")
    spacy("train", config, "--output", out, *options)
    (out / "done").touch()


def train_and_score(
    config: Path, out: Path, corpus: Path, folder: Path, overrides: dict[str, Any]
) -> dict[str, float]:
    """Train a model and score its best version on dev and test, unless that is done.

    config (Path): The config.
    out (Path): Where the model is written.
    corpus (Path): The training documents.
    folder (Path): Where the dev and test documents are.
    overrides (dict[str, Any]): Settings that differ from the config.
    RETURNS (dict[str, float]): Precision, recall and F on dev and test.
    """
    scores: dict[str, float] = {}
    for part in ("dev", "test"):
        metrics = out / f"{part}.json"
        if not metrics.exists():
            train(config, out, corpus, folder, overrides)
            documents = folder / f"{part}.spacy"
            spacy("evaluate", out / "model-best", documents, "--output", metrics)
        found = srsly.read_json(metrics)
        scores |= {f"{part}_{key}": found[f"ents_{key}"] for key in "prf"}
    return scores


def make_vectors(
    folder: Path,
    encoder: Path,
    name: str = "vectors",
    options: Sequence[object] = (),
    parts: Sequence[str] = PARTS,
    pieces: bool = False,
) -> Path:
    """RETURNS (Path): Vectors of an encoder for the words of parts of a corpus, and for
    pieces if they are wanted. They are made if they are not there.
    """
    vectors = folder / name
    if not vectors.exists():
        documents = [folder / f"{part}.spacy" for part in parts]
        more = [*options, "--pieces" if pieces else "--no-pieces"]
        spacy("crf", "vectors", encoder, vectors, *documents, *more)
    return vectors


def mean(runs: list[Any], model: str, main: str = "test_f") -> dict[str, float]:
    """RETURNS (dict[str, float]): Means over the seeds, and the deviation of the main
    score.
    """
    own = [run for run in runs if run["model"] == model]
    keys = [key for key in own[0] if key not in ("model", "seed")]
    result = {key: statistics.fmean(run[key] for run in own) for key in keys}
    scores = [run[main] for run in own]
    result[f"{main}_sd"] = statistics.stdev(scores) if len(scores) > 1 else 0.0
    return result


def write_result(name: str, result: dict[str, Any], folder: Path = RESULTS) -> None:
    """Write what a benchmark has found to its file in `results`."""
    folder.mkdir(exist_ok=True)
    target = folder / f"{name}.json"
    srsly.write_json(target, result)
    msg.good(f"Wrote {target}")


def config_path(model: str) -> Path:
    """RETURNS (Path): The config of a model."""
    return ROOT / "configs" / f"{model}.cfg"


def spacy(*args: object) -> None:
    """Run a command of spaCy in a process of its own, on one thread."""
    words = ["-m", "spacy", *map(str, args)]
    msg.info(" ".join(words))
    process = _processes().Process(target=_run, args=(words,))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{' '.join(words)} ended with {process.exitcode}")


@cache
def _processes() -> ForkServerContext:
    """RETURNS (ForkServerContext): Processes that begin where all is imported, which
    takes longer than many a training of a test.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch", "spacy.cli", "spacy_crf_tagger.cli"])
    return context


def _run(words: list[str]) -> None:
    sys.argv = words[1:]
    setup_cli()
