"""The embedded daemon writes its history: whole, whatever the disk does."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from streams.drivers.local.daemon import LocalDaemon
from streams.record.history import history_writer
from streams.record.history.history_files import MINUTES, HistoryFolder
from streams.record.history.history_reader import HistoryReader
from tests.streams.drivers.local.hours_of_history import (
    END,
    expected,
    given,
    lines,
    same,
    written,
)
from tests.streams.drivers.world import running


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
    async with running(LocalDaemon(given(tmp_path))) as world:
        await world.post(lines())
        async with asyncio.timeout(120):
            while "history_trouble" not in (answer := await world.status()):
                await asyncio.sleep(0.02)
            assert "is full; make room" in str(answer["history_trouble"])
            assert world.daemon.metrics.registry.get_sample_value("uneri_history_failures_total") >= 1  # type: ignore[operator]
            full = False
            while (await world.status())["history_until"] < END:
                await asyncio.sleep(0.02)
        assert "history_trouble" not in await world.status()
    same(written(tmp_path), expected())


async def test_a_daemon_that_keeps_no_history_writes_none(tmp_path: Path) -> None:
    async with running(LocalDaemon(given(tmp_path, history={"keep": False}))) as world:
        await world.post(lines()[:2000])
    assert not (tmp_path / "history").exists()


async def test_the_history_can_be_somewhere_else(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    settings = given(tmp_path / "state", history={"place": str(place)})
    async with running(LocalDaemon(settings)) as world:
        await world.post(lines())
        async with asyncio.timeout(120):
            while (await world.status())["history_until"] < END:
                await asyncio.sleep(0.05)
    same(HistoryReader(HistoryFolder(str(place))).rows(MINUTES, 0, END), expected())
