"""How the service gathers requests."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("fastapi", reason="needs pip install -e '.[serve]'")

from examples.serve.batches import Batches, BusyError


class Slow:
    """Answers in capitals, when it is let; and remembers its batches."""

    def __init__(self):
        self.batches = []
        self.may_go_on = threading.Event()

    def __call__(self, texts):
        assert self.may_go_on.wait(30)
        self.batches.append(texts)
        if "bad" in texts:
            raise RuntimeError("bad")
        return [text.upper() for text in texts]


def run(scenario, batch_characters=20, waiting_characters=100):
    """Run a coroutine function with a worker. RETURNS what was computed."""
    slow = Slow()

    async def work():
        with ThreadPoolExecutor(1) as thread:
            batches = Batches(thread, slow, batch_characters, waiting_characters)
            worker = asyncio.create_task(batches.work())
            try:
                await asyncio.wait_for(scenario(batches, slow), timeout=30)
            finally:
                slow.may_go_on.set()
                worker.cancel()
            assert batches.unanswered == 0

    asyncio.run(work())
    return slow.batches


async def started(batches, *requests):
    """RETURNS tasks that ask, of which the first is computed alone."""
    tasks = []
    for texts in requests:
        tasks.append(asyncio.create_task(batches.ask(texts)))
        await asyncio.sleep(0.01)
    return tasks


def test_what_gathers_is_one_batch():
    async def scenario(batches, slow):
        tasks = await started(batches, ["a"], ["b", "c"], [], ["d"])
        slow.may_go_on.set()
        answers = await asyncio.gather(*tasks)
        assert answers == [["A"], ["B", "C"], [], ["D"]]

    assert run(scenario) == [["a"], ["b", "c", "d"]]


def test_a_batch_is_not_much_too_large():
    async def scenario(batches, slow):
        tasks = await started(batches, ["a"], ["b" * 15], ["c" * 15], ["d"])
        slow.may_go_on.set()
        await asyncio.gather(*tasks)

    assert run(scenario) == [["a"], ["b" * 15, "c" * 15], ["d"]]


def test_who_would_wait_too_long_is_told():
    async def scenario(batches, slow):
        tasks = await started(batches, ["a" * 90])
        with pytest.raises(BusyError):
            await batches.ask(["b" * 10])
        tasks += await started(batches, ["c" * 5])
        slow.may_go_on.set()
        await asyncio.gather(*tasks)
        # Alone, a request has room whatever its size.
        assert await batches.ask(["d" * 200]) == ["D" * 200]

    run(scenario)


def test_who_has_gone_stops_nobody():
    async def scenario(batches, slow):
        first, gone, last = await started(batches, ["a"], ["b"], ["c"])
        gone.cancel()
        slow.may_go_on.set()
        assert await first == ["A"]
        assert await last == ["C"]
        with pytest.raises(asyncio.CancelledError):
            await gone

    run(scenario)


def test_an_error_reaches_those_of_its_batch_and_no_others():
    async def scenario(batches, slow):
        slow.may_go_on.set()
        with pytest.raises(RuntimeError, match="bad"):
            await batches.ask(["bad"])
        assert await batches.ask(["good"]) == ["GOOD"]

    run(scenario)
