"""Questions to the history take turns, and give them back."""

from pathlib import Path

import pytest

from streams.store.history_queries import HistoryPatience, HistoryQueries, HistoryQueryError


async def test_who_asks_before_there_are_steps_keeps_nobody_from_asking_later(tmp_path: Path) -> None:
    ready: list[bytes] | None = None

    def steps() -> list[bytes]:
        if ready is None:
            raise HistoryQueryError("not yet")
        return ready

    patience = HistoryPatience(at_once=2, seconds=5.0)
    queries = HistoryQueries(str(tmp_path), steps, lambda: 1, patience)
    for _ in range(2 * patience.at_once):
        with pytest.raises(HistoryQueryError, match="not yet"):
            await queries.ask(lambda view: view.end)
    ready = []
    assert await queries.ask(lambda view: view.end is None)
