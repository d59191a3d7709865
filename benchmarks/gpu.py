"""What `scripts/gpu-check.sh` measures on a GPU: the CRF beside pytorch-crf and
torch-struct, training and inference of crf_ner beside spaCy's ner.

    python -m benchmarks.gpu --prepare --work folder
    python -m benchmarks.gpu --work folder --out gpu-check.json

The first command converts the corpora, and the second one measures, in about five
minutes. `--cpu` rehearses it in small sizes on the CPU. Each of the trainings has a
process of its own, and all else is in one, in alternation. What is found is written
after each part; an error in one part is written in its place, and does not keep the
others from being measured.
"""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple
from xml.etree import ElementTree

import spacy
import srsly
import torch
import typer
from wasabi import msg

from spacy_crf_tagger.crf import Lattice
from spacy_crf_tagger.crf.backends.choice import backend_for

from . import crf
from .harness.environment import describe
from .harness.options import Work
from .harness.training import PARTS, WORK, convert, texts_of
from .inference import latency, throughput
from .training_speed import MODELS, timed_training

CORPORA = ("ncbi-disease", "wnut17")


class Sizes(NamedTuple):
    """How much is measured.

    shapes (list): Sequences, tokens of each, and tags, for the CRF.
    seconds (float): What each shape of the CRF may take.
    steps (int): Training steps that are timed, after as many that are not.
    texts (int): Texts that pipelines read.
    rounds (int): Times that they read them.
    """

    shapes: list[tuple[int, int, int]]
    seconds: float
    steps: int
    texts: int
    rounds: int


ON_GPU = Sizes(
    [
        (32, 30, 9),
        (128, 40, 17),
        (1024, 40, 17),
        (32, 40, 73),
        (8, 500, 17),
        (1, 2000, 17),
        (4, 30, 401),
    ],
    seconds=0.7,
    steps=60,
    texts=1000,
    rounds=5,
)
REHEARSAL = Sizes([(4, 6, 9)], seconds=0.01, steps=2, texts=20, rounds=2)


def main(
    work: Work = WORK,
    out: Annotated[Path, typer.Option(help="Where the result is written")] = Path(
        "gpu-check.json"
    ),
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Convert the corpora, measure nothing")
    ] = False,
    cpu: Annotated[
        bool, typer.Option("--cpu", help="Rehearse in small sizes on the CPU")
    ] = False,
    tests: Annotated[
        Path | None, typer.Option(help="JUnit's report of the tests on the GPU")
    ] = None,
) -> None:
    """Measure all, and write it."""
    if prepare:
        for corpus in CORPORA:
            convert(corpus, work / corpus)
        return
    device = torch.device("cpu" if cpu else "cuda")
    sizes = REHEARSAL if cpu else ON_GPU
    result = {**describe("gpu"), "device": describe_device(device)}
    if tests is not None:
        result["tests"] = read_report(tests)
    parts: dict[str, Callable[[], Any]] = {
        "crf": lambda: measure_crf(device, sizes),
        **{
            f"training {corpus}": lambda corpus=corpus: measure_training(
                work, corpus, device, sizes
            )
            for corpus in CORPORA
        },
        **{
            f"inference {corpus}": lambda corpus=corpus: measure_inference(
                work, corpus, device, sizes
            )
            for corpus in CORPORA
        },
    }
    for name, measure in parts.items():
        began = time.perf_counter()
        try:
            result[name] = measure()
        except (Exception, SystemExit):
            result[name] = {"error": traceback.format_exc()}
            msg.fail(f"{name} ended with an error")
        result[name]["seconds of this part"] = time.perf_counter() - began
        srsly.write_json(out, result)
        msg.good(f"{name}: {result[name]['seconds of this part']:.0f} s")


def describe_device(device: torch.device) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What the GPU is, and what drives it."""
    if device.type == "cpu":
        return {"name": "cpu"}
    import cupy
    import triton

    properties = torch.cuda.get_device_properties(device)
    return {
        "name": properties.name,
        "capability": [properties.major, properties.minor],
        "GiB": properties.total_memory / 2**30,
        "cuda": torch.version.cuda,
        "triton": triton.__version__,
        "cupy": cupy.__version__,
    }


def read_report(path: Path) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): How many tests there were, and what failed."""
    if not path.exists():
        return {"error": "the tests did not end in time"}
    [suite] = ElementTree.parse(path).getroot().iter("testsuite")
    counts = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors")}
    failed = {
        f"{case.get('classname')}.{case.get('name')}": (problem.text or "")[-2000:]
        for case in suite.iter("testcase")
        for problem in (*case.findall("failure"), *case.findall("error"))
    }
    return {**counts, "skipped": int(suite.get("skipped", 0)), "failed": failed}


def measure_crf(device: torch.device, sizes: Sizes) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Seconds of each engine for each shape and task."""
    rows: list[dict[str, Any]] = []
    backend = None
    for shape in sizes.shapes:
        problem = crf.make_problem(shape, "biluo", seed=0, device=device)
        lattice = Lattice.build(problem.potentials, problem.constraints)
        backend = backend_for(lattice).__name__
        for name, tasks in crf.TASKS.items():
            found = crf.measure(tasks, problem, sizes.seconds)
            rows.append({"shape": shape, "task": name, **found})
    crf.show(rows)
    return {"backend": backend, "rows": rows}


def measure_training(
    work: Path, corpus: str, device: torch.device, sizes: Sizes
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Words per second of both in training between two scores
    on dev, and the F of these.
    """
    folder = work / corpus
    convert(corpus, folder)
    speeds: dict[str, float] = {}
    scores: dict[str, list[float]] = {}
    for model in MODELS:
        settings = {
            "training.batcher.size.start": 1000,
            "training.eval_frequency": sizes.steps,
            "training.max_steps": 2 * sizes.steps,
            "training.patience": 0,
            "output": folder / model,
        }
        if device.type == "cuda":
            settings |= {"gpu-id": 0, "system.gpu_allocator": "pytorch"}
        with TemporaryDirectory() as scratch:
            lines = timed_training(model, folder, settings, Path(scratch) / "log.jsonl")
        _, first, second = lines
        seconds = second["seconds"] - first["seconds"]
        speeds[model] = (second["words"] - first["words"]) / seconds
        scores[model] = [line["f"] for line in lines]
    own, peer = MODELS
    return {
        "steps": sizes.steps,
        "words/s": speeds,
        f"{own} / {peer}": speeds[own] / speeds[peer],
        "dev F": scores,
    }


def measure_inference(
    work: Path, corpus: str, device: torch.device, sizes: Sizes
) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Words per second of both, and milliseconds of a text by
    itself.
    """
    if device.type == "cuda":
        spacy.require_gpu(0)  # type: ignore[attr-defined]
    pipelines = {
        model: spacy.load(work / corpus / model / "model-last") for model in MODELS
    }
    texts = texts_of(work / corpus, PARTS[-1])[: sizes.texts]
    return {
        **throughput(pipelines, texts, sizes.rounds),
        "latency": latency(pipelines, texts[: sizes.texts // 5]),
    }


if __name__ == "__main__":
    typer.run(main)
