"""The embedded daemon writes its history: whole, whatever the disk does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from streams.drivers.local.daemon import LocalDaemon
from streams.record.history import history_writer
from streams.record.history.history_files import MINUTES, HistoryFolder
from streams.record.history.history_reader import HistoryReader
from tests.streams.drivers.local.hours_of_history import (
    END,
    expected,
    given,
    lines,
    post,
    same,
    status,
    written,
)


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[LocalDaemon]:
    daemon = LocalDaemon(settings)
    task = asyncio.create_task(daemon.run())
    while not daemon.port and not task.done():
        await asyncio.sleep(0.01)
    try:
        yield daemon
    finally:
        daemon.stop()
        await task


async def test_a_full_disk_loses_no_step_and_is_reported_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_writer, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(history_writer, "WRITE_SECONDS", 0.05)
    write, full = HistoryFolder.write, True

    def written_or_not(self: HistoryFolder, path: str, content: Any) -> int:
        if full:
            raise OSError(28, "No space left on device", path)
        return write(self, path, content)

    monkeypatch.setattr(HistoryFolder, "write", written_or_not)
    async with running(given(tmp_path)) as daemon:
        url = f"http://127.0.0.1:{daemon.port}"
        await post(url, lines())
        async with asyncio.timeout(120):
            while "history_trouble" not in (answer := await status(url)):
                await asyncio.sleep(0.02)
            assert "No space left on device" in str(answer["history_trouble"])
            assert daemon.metrics.registry.get_sample_value("uneri_history_failures_total") >= 1  # type: ignore[operator]
            full = False
            while (await status(url))["history_until"] < END:
                await asyncio.sleep(0.02)
        assert "history_trouble" not in await status(url)
    same(written(tmp_path), expected())


async def test_a_daemon_that_keeps_no_history_writes_none(tmp_path: Path) -> None:
    async with running(given(tmp_path, history={"keep": False})) as daemon:
        await post(f"http://127.0.0.1:{daemon.port}", lines()[:2000])
    assert not (tmp_path / "history").exists()


async def test_the_history_can_be_somewhere_else(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    async with running(given(tmp_path / "state", history={"place": str(place)})) as daemon:
        url = f"http://127.0.0.1:{daemon.port}"
        await post(url, lines())
        async with asyncio.timeout(120):
            while (await status(url))["history_until"] < END:
                await asyncio.sleep(0.05)
    same(HistoryReader(HistoryFolder(str(place))).rows(MINUTES, 0, END), expected())
