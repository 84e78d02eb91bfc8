"""The signal of steps: nobody misses one, and whoever is slow learns of the newest only."""

import asyncio

from streams.screens.board.board_data import StepSignal


async def test_a_waiting_task_is_woken() -> None:
    signal = StepSignal()
    waiting = [asyncio.create_task(signal.after(0)) for _ in range(3)]
    await asyncio.sleep(0)
    signal.notify()
    assert await asyncio.gather(*waiting) == [1, 1, 1]


async def test_a_late_task_is_woken_at_once() -> None:
    signal = StepSignal()
    signal.notify()
    assert await signal.after(0) == 1


async def test_who_is_slow_learns_of_the_newest_only() -> None:
    signal = StepSignal()
    waiting = asyncio.create_task(signal.after(0))
    await asyncio.sleep(0)
    for _ in range(1000):
        signal.notify()
    assert await waiting == 1000


async def test_who_has_seen_the_newest_waits_for_another() -> None:
    signal = StepSignal()
    signal.notify()
    waiting = asyncio.create_task(signal.after(1))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    signal.notify()
    assert await waiting == 2
