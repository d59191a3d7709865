"""Load on the service of `examples/serve`, over loopback: does it answer everything,
how long does an answer take, and does its memory stay flat?

    python -m benchmarks.serve

writes `benchmarks/results/serve.json`. Clients, each a thread with a connection of its
own, send one request after the other, so that the service always has something to do. A
fifth of the words were never seen before, and would fill a vocab. Every answer is
checked: its entities must be where the text has them. Needs the extra `serve`, Linux,
which tells how much memory a process has, the first model of
`python -m benchmarks.accuracy astronomy` (or another one, by `--pipeline`), and a
machine on which nothing else runs.
"""

import http.client
import itertools
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import srsly
import typer
from wasabi import msg

from .harness.environment import describe
from .harness.options import Work
from .harness.training import CORPORA, ROOT, WORK, write_result

MODEL = Path("astronomy") / "crf_ner-0" / "model-best"
SHARE_OF_FRESH_WORDS = 0.2
SHARE_OF_WARM_UP = 0.2
READINGS = 120
SECONDS_TO_START = 120
DEVIATION = "largest deviation from median"
MIB = 2**20


@dataclass
class Seen:
    """What a client has seen.

    seconds (list[float]): How long each good answer took.
    entities (int): How many entities there were.
    errors (Counter[str]): What was no good answer, and how often.
    """

    seconds: list[float] = field(default_factory=list)
    entities: int = 0
    errors: Counter[str] = field(default_factory=Counter)


def main(
    pipeline: Annotated[
        Path | None, typer.Option(help="Pipeline to serve, if not that of --work")
    ] = None,
    minutes: Annotated[float, typer.Option(help="How long")] = 10,
    clients: Annotated[int, typer.Option(help="Clients at the same time")] = 8,
    texts: Annotated[int, typer.Option(help="Texts of a request")] = 1,
    work: Work = WORK,
) -> None:
    """Measure, and write the result. Exits with 1 if a request had no good answer."""
    path = pipeline or work / MODEL
    if not path.exists():
        raise SystemExit(
            f"There is no pipeline in {path}. Run python -m benchmarks.accuracy "
            "astronomy, or give one by --pipeline."
        )
    with service(path) as (process, port):
        end = time.monotonic() + 60 * minutes
        seen = [Seen() for _ in range(clients)]
        with ThreadPoolExecutor(clients) as threads:
            asking = [
                threads.submit(ask, port, texts, end, each, seed)
                for seed, each in enumerate(seen)
            ]
            resident = watch(process.pid, end, 60 * minutes / READINGS)
        for each in asking:
            each.result()  # raises what a client has not expected
    errors = sum((each.errors for each in seen), Counter[str]())
    result = {
        **describe("serve"),
        "pipeline": path.name if pipeline else str(MODEL),
        "minutes": minutes,
        "clients": clients,
        "texts of a request": texts,
        **summary(seen, 60 * minutes),
        "errors": dict(errors),
        "memory": growth(resident),
    }
    msg.table(
        {
            "answers/s": f"{result['answers/s']:.0f}",
            **{name: f"{ms:.0f} ms" for name, ms in result["milliseconds"].items()},
            "memory off its median": f"{100 * result['memory'][DEVIATION]:.1f}%",
            "errors": errors.total(),
        }
    )
    write_result("serve", result)
    if errors:
        raise SystemExit(1)


@contextmanager
def service(pipeline: Path) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    """YIELDS (tuple[Popen[bytes], int]): The process of a service that takes requests,
    and its port.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory"]
    command += ["examples.serve.app:make_app", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--log-level", "warning"],
        cwd=ROOT,
        env={"OMP_NUM_THREADS": "1", **os.environ, "PIPELINE": str(pipeline.resolve())},
    )
    try:
        wait_for(port, process)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a service says that it is healthy."""
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    raise RuntimeError(f"The service has not started in {SECONDS_TO_START} seconds.")


def ask(port: int, n_texts: int, end: float, seen: Seen, seed: int) -> None:
    """Send requests until the end, and note what comes back."""
    texts = fresh_texts(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json"}
    while time.monotonic() < end:
        asked = list(itertools.islice(texts, n_texts))
        body = json.dumps({"texts": asked})
        start = time.perf_counter()
        try:
            connection.request("POST", "/entities", body, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            seen.errors[type(error).__name__] += 1
            continue
        seconds = time.perf_counter() - start
        if response.status != 200:
            seen.errors[f"status {response.status}"] += 1
            continue
        documents = json.loads(answer)["documents"]
        if not is_right(asked, documents):
            seen.errors["wrong answer"] += 1
            continue
        seen.seconds.append(seconds)
        seen.entities += sum(len(document["entities"]) for document in documents)
    connection.close()


def fresh_texts(seed: int) -> Iterator[str]:
    """YIELDS (str): Sentences of the demo corpus, in which some words are new."""
    rng = random.Random(seed)
    notes = [note["text"] for path in CORPORA["astronomy"] for note in read(path)]
    sentences = [part for note in notes for part in note.split(". ")]
    while True:
        words = rng.choice(sentences).split()
        for number in range(len(words)):
            if rng.random() < SHARE_OF_FRESH_WORDS:
                words[number] = f"{rng.getrandbits(40):x}"
        yield " ".join(words)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """YIELDS (dict[str, Any]): The documents of a file."""
    yield from srsly.read_jsonl(path)


def is_right(texts: list[str], documents: list[dict[str, Any]]) -> bool:
    """RETURNS (bool): Whether each text has an answer of its own, and each entity its
    probability.
    """
    return len(documents) == len(texts) and all(
        document["error"] is None
        and all(
            text[found["start"] : found["end"]] == found["text"]
            and 0 < (found["probability"] or 0) <= 1
            for found in document["entities"]
        )
        for text, document in zip(texts, documents, strict=True)
    )


def watch(pid: int, end: float, pause: float) -> list[float]:
    """RETURNS (list[float]): The MiB that a process has in memory, at even intervals
    until the end.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    found = []
    while time.monotonic() < end:
        time.sleep(max(0, min(pause, end - time.monotonic())))
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        found.append(pages * page / MIB)
    return found


def growth(resident: list[float]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What was read, and how far a reading after the warm-up
    is from their median.
    """
    warm = resident[int(SHARE_OF_WARM_UP * len(resident)) :]
    middle = statistics.median(warm)
    return {
        "resident MiB": [round(each, 1) for each in resident],
        "readings of warm-up": len(resident) - len(warm),
        "median MiB after it": middle,
        "last MiB / median": warm[-1] / middle,
        DEVIATION: max(abs(x / middle - 1) for x in warm),
    }


def summary(seen: list[Seen], seconds: float) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): How many answers there were, and how long they took."""
    latency = np.array([each for client in seen for each in client.seconds])
    if not len(latency):
        raise RuntimeError("No request had a good answer.")
    median, p95, p99 = np.quantile(latency, [0.5, 0.95, 0.99])
    return {
        "answers": len(latency),
        "answers/s": len(latency) / seconds,
        "entities": sum(client.entities for client in seen),
        "milliseconds": {
            "median": 1000 * float(median),
            "95th percentile": 1000 * float(p95),
            "99th percentile": 1000 * float(p99),
            "longest": 1000 * float(latency.max()),
        },
    }


if __name__ == "__main__":
    typer.run(main)
