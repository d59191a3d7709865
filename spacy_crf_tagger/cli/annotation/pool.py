"""Annotate shards in processes of this machine.

Processes are neither forked from this one, whose threads of torch a child would wait
for in vain, nor do they share anything with each other: one that dies takes nothing
with it but the shard that it was working on, which another one does anew.
"""

import multiprocessing
import os
import signal
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Deque, Iterable, Iterator, List, Mapping, Optional

import torch

from ...data.shards.annotation import Report
from ...data.shards.plan import Shard
from ...data.shards.receipts import Receipt
from .errors import sendable
from .job import Job, Worker, give_up

_MOST_DEATHS = 3
# So many shards in a row are given up before it is no longer put down to them.
_MOST_GIVEN_UP = 10
_THREADS = "OMP_NUM_THREADS"


class ProcessError(ValueError):
    """Processes end, whatever they work on; the message says what is known."""


def run_in_processes(
    job: Job,
    shards: Iterable[Shard],
    n_processes: int,
    shapes: Mapping[str, Any],
    report: Report,
) -> Iterator[Receipt]:
    """Annotate shards.

    job (Job): What to do.
    shards (Iterable[Shard]): The shards.
    n_processes (int): How many processes do it.
    shapes (Mapping[str, Any]): The shapes of the columns of the annotation.
    report (Report): Is told how far it is.
    YIELDS (Receipt): The receipts, in the order in which shards are done.
    RAISES (ProcessError): If processes end, whatever they work on.
    RAISES (Exception): Whatever ends the work of a process, other than its death.
    """
    pool = _Pool(job, shapes, report)
    try:
        yield from pool.run(iter(shards), n_processes)
    finally:
        pool.close()


@dataclass
class _Member:
    """A process, the end of its pipe, and what it is working on."""

    process: BaseProcess
    connection: Connection
    shard: Optional[Shard] = None


class _Pool:
    def __init__(self, job: Job, shapes: Mapping[str, Any], report: Report) -> None:
        methods = multiprocessing.get_all_start_methods()
        method = "forkserver" if "forkserver" in methods else "spawn"
        self._context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            # Each process then starts in no time.
            self._context.set_forkserver_preload([__name__])
        self._job = job
        self._shapes = shapes
        self._report = report
        self._members: List[_Member] = []
        self._again: Deque[Shard] = deque()
        self._deaths: Counter[int] = Counter()
        self._n_given_up = 0  # in a row

    def run(self, shards: Iterator[Shard], n_processes: int) -> Iterator[Receipt]:
        while True:
            while self._n_busy < n_processes and (shard := self._next(shards)):
                self._assign(shard)
            busy = [member for member in self._members if member.shard is not None]
            if not busy:
                return
            ready = wait([member.connection for member in busy])
            for member in [each for each in busy if each.connection in ready]:
                receipt = self._hear(member)
                if receipt is not None:
                    yield receipt

    def close(self) -> None:
        for member in self._members:
            member.process.terminate()
        for member in self._members:
            self._bury(member)
        self._members = []

    @property
    def _n_busy(self) -> int:
        return sum(member.shard is not None for member in self._members)

    def _next(self, shards: Iterator[Shard]) -> Optional[Shard]:
        return self._again.popleft() if self._again else next(shards, None)

    def _assign(self, shard: Shard) -> None:
        idle = next((m for m in self._members if m.shard is None), None)
        member = idle or self._start()
        member.shard = shard
        # Of a process that has died meanwhile the end of its pipe tells later.
        with suppress(OSError):
            member.connection.send(shard)

    def _start(self) -> _Member:
        ours, theirs = self._context.Pipe()
        # With more threads than that, processes would fight for the cores.
        threads = None if _THREADS in os.environ else 1
        arguments = (theirs, self._job, threads)
        process = self._context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        theirs.close()
        member = _Member(process, ours)
        self._members.append(member)
        return member

    def _hear(self, member: _Member) -> Optional[Receipt]:
        try:
            message = member.connection.recv()
        except (EOFError, OSError):
            return self._mourn(member)
        if isinstance(message, Receipt):
            member.shard = None
            self._n_given_up = 0
            return message
        if isinstance(message, BaseException):
            raise message
        self._report(*message)
        return None

    def _mourn(self, member: _Member) -> Optional[Receipt]:
        """Have the shard of a dead process done again, or give it up."""
        self._members.remove(member)
        code = self._bury(member)
        shard = member.shard
        assert shard is not None
        self._deaths[shard.number] += 1
        if self._deaths[shard.number] < _MOST_DEATHS:
            self._again.append(shard)
            return None
        self._n_given_up += 1
        reason = f"signal {-code}" if code and code < 0 else f"exit code {code}"
        if self._n_given_up == _MOST_GIVEN_UP:
            raise ProcessError(
                f"one process after another ends, the last one with {reason}. Is there "
                "enough memory for so many? Try fewer --processes"
            )
        return give_up(
            self._job,
            self._shapes,
            shard,
            f"the process that annotated this row's shard has ended {_MOST_DEATHS} "
            f"times, the last time with {reason}",
        )

    @staticmethod
    def _bury(member: _Member) -> Optional[int]:
        member.connection.close()
        member.process.join(10)
        if member.process.is_alive():
            member.process.kill()
            member.process.join()
        return member.process.exitcode


def _work(connection: Connection, job: Job, n_threads: Optional[int]) -> None:
    """Annotate the shards that come through a pipe until it ends."""
    # Ctrl-C is for the process that has started this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    try:
        worker = Worker(job)
        while True:
            receipt = worker.run(connection.recv(), _reporter(connection))
            connection.send(receipt)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody is there any more
    except BaseException as error:
        with suppress(OSError):
            connection.send(sendable(error))


def _reporter(connection: Connection) -> Report:
    def report(documents: int, words: int) -> None:
        connection.send((documents, words))

    return report
