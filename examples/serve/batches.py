"""Answer many requests at once. While a batch is computed, requests gather, and they
are the next batch. Nobody waits for a batch to fill.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class BusyError(Exception):
    """So much is waiting that one more request would wait too long."""


@dataclass
class Request(Generic[T]):
    """A request that waits.

    texts (list[str]): What it asks about.
    answer (asyncio.Future[list[T]]): What will be the answer.
    """

    texts: list[str]
    answer: "asyncio.Future[list[T]]"


class Batches(Generic[T]):
    """Requests on their way to the thread that answers them.

    thread (ThreadPoolExecutor): One thread. What `compute` uses was made in it.
    compute (Callable[[list[str]], Sequence[T]]): Answers texts, one for each.
    batch_characters (int): A batch that has as many is not made larger.
    waiting_characters (int): The most that may wait or be computed.
    """

    def __init__(
        self,
        thread: ThreadPoolExecutor,
        compute: Callable[[list[str]], Sequence[T]],
        batch_characters: int,
        waiting_characters: int,
    ) -> None:
        self.thread = thread
        self.compute = compute
        self.batch_characters = batch_characters
        self.waiting_characters = waiting_characters
        self.unanswered = 0
        self._queue: asyncio.Queue[Request[T]] = asyncio.Queue()

    async def ask(self, texts: list[str]) -> list[T]:
        """Wait for the answers to texts.

        texts (list[str]): The texts.
        RETURNS (list[T]): One for each.
        RAISES (BusyError): If too much is waiting already.
        """
        size = size_of(texts)
        # Where nothing waits, there is room for a request of any size.
        if self.unanswered and self.unanswered + size > self.waiting_characters:
            raise BusyError
        request = Request[T](texts, asyncio.get_running_loop().create_future())
        self.unanswered += size
        self._queue.put_nowait(request)
        try:
            return await request.answer
        finally:
            self.unanswered -= size

    async def work(self) -> None:
        """Answer batch after batch, until this is cancelled."""
        while True:
            batch = await self._gather()
            texts = [text for request in batch for text in request.texts]
            loop = asyncio.get_running_loop()
            try:
                found = await loop.run_in_executor(self.thread, self.compute, texts)
            except Exception as error:
                for request in batch:
                    if not request.answer.done():
                        request.answer.set_exception(error)
                continue
            answers = iter(found)
            for request in batch:
                own = [next(answers) for _ in request.texts]
                # Whoever has asked may have gone since.
                if not request.answer.done():
                    request.answer.set_result(own)

    async def _gather(self) -> list[Request[T]]:
        batch = [await self._queue.get()]
        size = size_of(batch[0].texts)
        while size < self.batch_characters and not self._queue.empty():
            batch.append(self._queue.get_nowait())
            size += size_of(batch[-1].texts)
        return batch


def size_of(texts: list[str]) -> int:
    """RETURNS (int): The characters of texts. Each counts as one more, so that many
    empty ones are not nothing.
    """
    return len(texts) + sum(map(len, texts))
