"""Annotate shards on the machines of a Ray cluster, by the extra `ray`.

Every machine reads the inputs and writes the folder itself, on a disk that all share.
What goes through Ray are the places of shards and their receipts.
"""

import logging
import pickle
from importlib.util import find_spec
from typing import Any, Dict, Iterable, Iterator, Optional

from ...data.shards.annotation import Report
from ...data.shards.plan import Shard
from ...data.shards.receipts import Receipt
from .errors import sendable
from .job import Job, Worker

MISSING = "--ray needs Ray, which is not installed: pip install 'spacy-crf-tagger[ray]'"
# How often an actor is tried on a shard that ends its process.
_MOST_RETRIES = 3


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
    report: Report,
) -> Iterator[Receipt]:
    """Annotate shards, each actor with a pipeline of its own.

    job (Job): What to do, with paths that all machines know.
    shards (Iterable[Shard]): The shards.
    address (str): The cluster, as `ray.init` takes it: "local" for one on this machine.
        If Ray is connected already, that is used.
    n_actors (Optional[int]): How many actors there are; as many as Ray finds room for
        if None.
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
        for row in _annotated(items, job, n_actors):
            answer = pickle.loads(row["answer"])
            if isinstance(answer, BaseException):
                raise answer
            report(answer.documents, answer.words)
            yield answer
    except (AnyRayError, ConnectionError) as error:
        raise RayError(f"Ray: {error}") from error


def _annotated(
    items: "list[Dict[str, bytes]]", job: Job, n_actors: Optional[int]
) -> Iterator[Dict[str, Any]]:
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    strategy = ray.data.ActorPoolStrategy
    pool = strategy(min_size=1) if n_actors is None else strategy(size=n_actors)
    dataset = ray.data.from_items(items, override_num_blocks=len(items))
    annotated = dataset.map_batches(
        _Actor,
        fn_constructor_args=(job,),
        batch_size=1,
        compute=pool,
        num_cpus=1,
        num_gpus=1 if job.gpu_id >= 0 else 0,
        ray_remote_args_fn=_remote_arguments,
    )
    yield from annotated.iter_rows()


def _remote_arguments() -> Dict[str, Any]:
    # By default Ray tries a text that ends its process for ever.
    return {"max_task_retries": _MOST_RETRIES}


class _Actor:
    """Annotates shards one after another. Errors are answers: Ray would try again."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._worker: Optional[Worker] = None

    def __call__(self, batch: Dict[str, Any]) -> Dict[str, "list[bytes]"]:
        return {"answer": [self._answer(bytes(shard)) for shard in batch["shard"]]}

    def _answer(self, shard: bytes) -> bytes:
        try:
            if self._worker is None:
                self._worker = Worker(self._job)
            return pickle.dumps(self._worker.run(pickle.loads(shard)))
        except Exception as error:
            return pickle.dumps(sendable(error))
