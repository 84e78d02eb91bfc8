"""Questions to the history take turns, and give them back."""

import asyncio
import gc
import threading
import weakref
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from streams.record.history.history_queries import HistoryPatience, HistoryQueries, HistoryQueryError
from streams.record.history.history_reader import HistoryView


async def test_a_query_before_there_are_steps_does_not_block_later_ones(tmp_path: Path) -> None:
    ready: list[bytes] | None = None

    def steps() -> list[bytes]:
        if ready is None:
            raise HistoryQueryError("not yet")
        return ready

    patience = HistoryPatience(threads=2, seconds=5.0)
    queries = HistoryQueries(str(tmp_path), steps, patience)
    for _ in range(2 * patience.threads):
        with pytest.raises(HistoryQueryError, match="not yet"):
            await queries.ask(lambda view: view.end)
    ready = []
    assert await queries.ask(lambda view: view.end is None)


async def test_nothing_of_a_failed_query_stays_until_a_garbage_collection(tmp_path: Path) -> None:
    read: list[weakref.ref[np.ndarray[tuple[int], np.dtype[np.float64]]]] = []

    def question(_: HistoryView) -> None:
        much = np.zeros(1000)
        read.append(weakref.ref(much))
        raise ZeroDivisionError

    queries = HistoryQueries(str(tmp_path), list)

    async def wait() -> None:
        asking = asyncio.create_task(queries.ask(question))  # is in the error's traceback, as routes are
        await asyncio.wait({asking})
        asking.result()

    gc.disable()
    try:
        with suppress(ZeroDivisionError):
            await wait()
        async with asyncio.timeout(5):
            while read[0]() is not None:  # the thread may still be at its end
                await asyncio.sleep(0)
    finally:
        gc.enable()


async def test_whatever_else_the_process_does_queries_run_in_threads_of_their_own(tmp_path: Path) -> None:
    """Each thread keeps for a while what a large query has freed in it."""
    queries, over = HistoryQueries(str(tmp_path), list, HistoryPatience(threads=1)), threading.Event()
    first = await queries.ask(lambda _: threading.get_ident())
    other = asyncio.create_task(asyncio.to_thread(over.wait, 30))
    await asyncio.sleep(0)
    assert await queries.ask(lambda _: threading.get_ident()) == first
    over.set()
    await other
