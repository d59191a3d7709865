"""Random questions with random arguments, right and wrong, to both backends.

    python -m benchmarks.fuzz --minutes 30

writes `benchmarks/results/fuzz.json`: how often each question of `tests/crf/questions`
was answered as brute force does, or refused (or passed over) because an argument means
nothing, and all that went otherwise. The kernels check where they read and write. Each
minute has a process of its own; if one dies, what it was asked last is kept. Ends with
1 if anything went wrong. One question is asked again with

    python -m benchmarks.fuzz --again "k_best 12345 numba"
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from wasabi import msg

from .harness.environment import describe

RESULT = Path(__file__).parent / "results" / "fuzz.json"
CACHE = Path(tempfile.gettempdir()) / "spacy-crf-tagger-fuzz"
# Each process works for so many seconds, and then the next begins.
WORKER_SECONDS = 60.0
MOST_FAILURES = 20


def main(
    minutes: Annotated[float, typer.Option(help="How long to ask")] = 30.0,
    seed: Annotated[int, typer.Option(help="Of all questions")] = 0,
    bounds: Annotated[bool, typer.Option(help="Let kernels check bounds")] = True,
    output: Annotated[Path, typer.Option(help="Where the result goes")] = RESULT,
    again: Annotated[str, typer.Option(help="One question, to ask again")] = "",
    worker: Annotated[bool, typer.Option(hidden=True)] = False,
    last: Annotated[Path, typer.Option(hidden=True)] = Path(os.devnull),
) -> None:
    """Ask questions until the time is over, and write how they were answered."""
    if again:
        name, number, kind = again.split()
        _ask(name, int(number), kind)
    elif worker:
        print(json.dumps(_work(minutes * 60, seed, last)))
    else:
        _supervise(minutes * 60, seed, bounds, output)


def _supervise(seconds: float, seed: int, bounds: bool, output: Path) -> None:
    result = {
        **describe("fuzz"),
        "seed": seed,
        "bounds checked": bounds,
        "seconds": 0.0,
        "processes": 0,
        "questions": {},
        "failures": [],
        "crashes": [],
    }
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        left = min(WORKER_SECONDS, seconds - (time.monotonic() - began))
        _run_worker(left, [seed, result["processes"]], bounds, result)
        result["processes"] += 1
        result["seconds"] = round(time.monotonic() - began, 1)
        output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf8")
        if len(result["failures"]) + len(result["crashes"]) >= MOST_FAILURES:
            break
    asked = sum(counts["asked"] for counts in result["questions"].values())
    wrong = len(result["failures"]) + len(result["crashes"])
    msg.info(f"{asked} questions, of which {wrong} went wrong: {output}")
    if wrong or not asked:
        raise SystemExit(1)


def _run_worker(
    seconds: float, seed: list[int], bounds: bool, result: dict[str, Any]
) -> None:
    """Run a process, and add what it finds out to a result."""
    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    environment = {**os.environ}
    if bounds:
        # Numba's cache does not know whether bounds were checked.
        environment |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(CACHE)}
    with tempfile.TemporaryDirectory() as folder:
        last = Path(folder) / "last"
        command = [sys.executable, "-X", "faulthandler", "-m", "benchmarks.fuzz"]
        command += ["--worker", "--minutes", str(seconds / 60), "--seed", str(number)]
        process = subprocess.run(
            [*command, "--last", str(last)],
            env=environment,
            capture_output=True,
            text=True,
        )
        if process.returncode == 0:
            _add(json.loads(process.stdout), result)
            return
        code = process.returncode
        result["crashes"].append(
            {
                "seed": number,
                "end": signal.Signals(-code).name if code < 0 else f"exit {code}",
                "asked last": last.read_text("utf8").strip() if last.exists() else "",
                "output": process.stderr[-2000:],
            }
        )


def _add(found: dict[str, Any], result: dict[str, Any]) -> None:
    for name, counts in found["questions"].items():
        own = result["questions"].setdefault(name, dict.fromkeys(counts, 0))
        for key, count in counts.items():
            own[key] += count
    result["failures"] += found["failures"]


def _work(seconds: float, seed: int, last: Path) -> dict[str, Any]:
    """Ask questions until the time is over."""
    from tests.crf import questions

    rng = np.random.default_rng(seed)
    names, kinds = list(questions.QUESTIONS), questions.KINDS
    empty = {"asked": 0, "answered": 0, "refused": 0, "failed": 0}
    counts = {name: dict(empty) for name in names}
    failures: list[dict[str, str]] = []
    began = time.monotonic()
    with last.open("w", encoding="utf8") as file:
        while time.monotonic() - began < seconds:
            name, kind = names[rng.integers(len(names))], kinds[rng.integers(3)]
            number = int(rng.integers(2**63))
            question = f"{name} {number} {kind}"
            # If the process dies, this is what it was asked.
            file.seek(0)
            file.write(f"{question:<60}\n")
            file.flush()
            counts[name]["asked"] += 1
            try:
                is_answered = _ask(name, number, kind)
                counts[name]["answered" if is_answered else "refused"] += 1
            except Exception:
                counts[name]["failed"] += 1
                trace = traceback.format_exc(limit=-4)[-1500:]
                failures.append({"question": question, "error": trace})
                if len(failures) == MOST_FAILURES:
                    break
    return {"questions": counts, "failures": failures}


def _ask(name: str, number: int, kind: str) -> bool:
    """RETURNS (bool): Whether the question was answered, and not refused."""
    from tests.crf import bounds, questions  # noqa: F401 (checks what lanes do)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return questions.run(name, number, kind)


if __name__ == "__main__":
    typer.run(main)
