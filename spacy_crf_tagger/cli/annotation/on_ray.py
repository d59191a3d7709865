"""Annotate shards on the machines of a Ray cluster, by the extra `ray`.

Every machine reads the inputs and writes the folder itself, on a disk that all share.
What goes through Ray are the places of shards and their receipts.
"""

import logging
import pickle
from importlib.util import find_spec
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional

from ...data.shards.annotation import Report
from ...data.shards.plan import Shard
from ...data.shards.receipts import Receipt
from .errors import sendable
from .job import Job, Worker, give_up

MISSING = "--ray needs Ray, which is not installed: pip install 'spacy-crf-tagger[ray]'"
# How often a shard is begun that ends its process, or whose machine goes.
_MOST_ATTEMPTS = 3


class RayError(ValueError):
    """Ray could not annotate; the message says why."""


def require_ray() -> None:
    """Check that Ray is installed.

    RAISES (ValueError): If it is not.
    """
    if find_spec("ray") is None:
        raise ValueError(MISSING)


def run_on_ray(
    job: Job,
    shards: Iterable[Shard],
    address: str,
    n_actors: Optional[int],
    shapes: Mapping[str, Any],
    report: Report,
) -> Iterator[Receipt]:
    """Annotate shards, each actor with a pipeline of its own. All rows of a shard that
    has ended three processes fail.

    job (Job): What to do, with paths that all machines know.
    shards (Iterable[Shard]): The shards.
    address (str): The cluster, as `ray.init` takes it: "local" for one on this machine.
        If Ray is connected already, that is used.
    n_actors (Optional[int]): How many actors there are; as many as Ray finds room for
        if None.
    shapes (Mapping[str, Any]): The shapes of the columns of the annotation.
    report (Report): Is told how far it is.
    YIELDS (Receipt): The receipts, in the order in which shards are done.
    RAISES (RayError): If Ray cannot.
    RAISES (Exception): Whatever ends the work of an actor.
    """
    items = [{"shard": pickle.dumps(shard)} for shard in shards]
    if not items:
        return
    import ray
    from ray.exceptions import RayError as AnyRayError

    try:
        if not ray.is_initialized():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        for row in _annotated(items, job, n_actors, shapes):
            answer = pickle.loads(row["answer"])
            if isinstance(answer, BaseException):
                raise answer
            report(answer.documents, answer.words)
            yield answer
    except (AnyRayError, ConnectionError) as error:
        raise RayError(f"Ray: {error}") from error


def _annotated(
    items: "list[Dict[str, bytes]]",
    job: Job,
    n_actors: Optional[int],
    shapes: Mapping[str, Any],
) -> Iterator[Dict[str, Any]]:
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    strategy = ray.data.ActorPoolStrategy
    pool = strategy(min_size=1) if n_actors is None else strategy(size=n_actors)
    dataset = ray.data.from_items(items, override_num_blocks=len(items))
    annotated = dataset.map_batches(
        _Actor,
        fn_constructor_args=(job, dict(shapes)),
        batch_size=1,
        compute=pool,
        num_cpus=1,
        num_gpus=1 if job.gpu_id >= 0 else 0,
    )
    yield from annotated.iter_rows()


class _Actor:
    """Annotates shards one after another. Errors are answers, for Ray would try again:
    it does so for ever when a process ends or cannot be reached, whatever the cause.
    """

    def __init__(self, job: Job, shapes: Mapping[str, Any]) -> None:
        self._job = job
        self._shapes = shapes
        self._worker: Optional[Worker] = None

    def __call__(self, batch: Dict[str, Any]) -> Dict[str, "list[bytes]"]:
        return {"answer": [self._answer(bytes(shard)) for shard in batch["shard"]]}

    def _answer(self, pickled: bytes) -> bytes:
        try:
            return pickle.dumps(self._annotate(pickle.loads(pickled)))
        except Exception as error:
            return pickle.dumps(sendable(error))

    def _annotate(self, shard: Shard) -> Receipt:
        attempts = self._job.folder.attempts(shard.number)
        with attempts.open("ab") as file:
            file.write(b".")
            n_attempts = file.tell()
        if n_attempts > _MOST_ATTEMPTS:
            error = (
                "the process that annotated this row's shard has ended "
                f"{_MOST_ATTEMPTS} times"
            )
            receipt = give_up(self._job, self._shapes, shard, error)
        else:
            if self._worker is None:
                self._worker = Worker(self._job)
            receipt = self._worker.run(shard)
        attempts.unlink(missing_ok=True)
        return receipt
