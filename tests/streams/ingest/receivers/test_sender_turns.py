"""Places for work that senders take in turn."""

import asyncio

import pytest

from streams.ingest.receivers.sender_shares import SenderTurns
from streams.process.web.request_body import BodyError


class Work:
    """Bodies of senders, each of which has its place until the test ends it."""

    def __init__(self, places: int) -> None:
        self._turns = SenderTurns(places)
        self._ends: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []

    async def bring(self, sender: str, name: str) -> asyncio.Task[None]:
        self._ends[name] = asyncio.Event()

        async def work() -> None:
            async with self._turns.place(sender):
                self.begun.append(name)
                await self._ends[name].wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        return task

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            for _ in range(4):
                await asyncio.sleep(0)


async def test_who_brings_little_waits_for_one_body_of_who_brings_much() -> None:
    work = Work(2)
    for number in range(10):
        await work.bring("much", f"m{number}")
    await work.bring("little", "l0")
    assert work.begun == ["m0", "m1"]
    await work.end("m0", "m1")
    assert work.begun == ["m0", "m1", "m2", "l0"]
    await work.bring("other", "o0")
    await work.end("l0", "m2")
    assert work.begun[4:] == ["m3", "o0"]
    await work.end(*[f"m{number}" for number in range(3, 10)], "o0")
    assert len(work.begun) == 12


async def test_who_leaves_keeps_no_place() -> None:
    work = Work(1)
    first = await work.bring("a", "a0")
    waiting = await work.bring("b", "b0")
    await work.bring("c", "c0")
    waiting.cancel()
    await asyncio.sleep(0)
    await work.end("a0")
    assert first.done()
    assert work.begun == ["a0", "c0"]
    given = await work.bring("d", "d0")
    work._ends["c0"].set()
    for _ in range(3):
        await asyncio.sleep(0)
        if "d0" not in work.begun:
            given.cancel()
    await work.bring("e", "e0")
    await work.end("d0")
    assert work.begun[-1] == "e0"


async def test_who_waits_for_long_is_asked_to_send_again_and_is_not_read() -> None:
    turns = SenderTurns(1, seconds=0.01)
    async with turns.place("a"):
        with pytest.raises(BodyError, match="send it again") as refused:
            async with turns.place("b"):
                pytest.fail("it had a place")
    assert (refused.value.status, refused.value.seconds) == (503, 5)
    async with turns.place("b"):
        pass
