"""The embedded daemon writes its history: whole, however often it is killed, and whatever the disk does."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from config.settings import Settings
from streams.local.daemon import LocalDaemon
from streams.store import history_writer
from streams.store.history_files import MINUTES, HistoryFolder
from streams.store.history_reader import HistoryReader
from streams.store.history_rows import COLUMNS, HistoryRows
from streams.store.segments import HOUR, Segments
from streams.store.series_names import SeriesNames
from streams.store.step_rows import StepRows
from tests.streams.store.backend import START, Backend, requests

UNERI = Path(sys.executable).with_name("uneri")
HOURS = 4
END = START + HOURS * HOUR


def given(state: Path, **sections: Any) -> Settings:
    return Settings.model_validate(
        {
            "local": {"listen": "127.0.0.1:0", "state": str(state)},
            "time": {"idle": 3600},
            "judge": {"young": 3600},
            "notify": {"since": "2020-01-01"},
            **sections,
        }
    )


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return requests(60 * HOURS + 20, late=False)


@pytest.fixture(scope="module")
def expected(lines: list[bytes]) -> HistoryRows:
    """Return the rows of the whole hours, as an engine leaves them that is never stopped."""
    held = Segments(1)
    held.feed(Backend(settings=given(Path("unused"))).feed(lines))
    rows = StepRows(SeriesNames()).rows([one for segment in held.complete() for one in segment.records()])
    return rows.taken(rows.start < END)


def written(state: Path) -> HistoryRows:
    return HistoryReader(HistoryFolder(str(state / "history"))).rows(MINUTES, 0, END)


def same(one: HistoryRows, other: HistoryRows) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


async def post(url: str, lines: list[bytes]) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/events", data=b"\n".join(lines)) as answer,
    ):
        assert answer.status == 202


async def status(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/status") as answer:
        found: dict[str, Any] = await answer.json()
        return found


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


async def test_killed_again_and_again_it_writes_what_one_that_never_stopped_would(
    tmp_path: Path, lines: list[bytes], expected: HistoryRows
) -> None:
    state, config = tmp_path / "state", tmp_path / "uneri.yaml"
    config.write_text(json.dumps(given(state).model_dump(mode="json", exclude_unset=True)))
    parts = [lines[first : first + 367] for first in range(0, len(lines), 367)]
    for number, part in enumerate(parts):
        daemon = await asyncio.create_subprocess_exec(
            *(UNERI, "run", "--config", config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(180):
                url = await said(daemon)
                await post(url, part)
                while (await status(url))["lag"]:
                    await asyncio.sleep(0.02)
                if number == len(parts) - 1:
                    while (await status(url))["history_until"] < END:
                        await asyncio.sleep(0.05)
        finally:
            daemon.send_signal(signal.SIGKILL)
            await daemon.wait()
    same(written(state), expected)


async def said(daemon: asyncio.subprocess.Process) -> str:
    """Return where a daemon takes events in."""
    assert daemon.stderr is not None
    while line := (await daemon.stderr.readline()).decode():
        sys.stderr.write(line)  # shown when a test fails
        if "taking events in" in line:
            return line.rpartition("url=")[2].split("/events")[0]
    raise AssertionError("the daemon ended")


async def test_a_full_disk_loses_no_step_and_is_told_until_there_is_room(
    tmp_path: Path, lines: list[bytes], expected: HistoryRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_writer, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(history_writer, "LOOK_SECONDS", 0.05)
    write, full = HistoryFolder.write, True

    def written_or_not(self: HistoryFolder, path: str, content: Any) -> int:
        if full:
            raise OSError(28, "No space left on device", path)
        return write(self, path, content)

    monkeypatch.setattr(HistoryFolder, "write", written_or_not)
    async with running(given(tmp_path)) as daemon:
        url = f"http://127.0.0.1:{daemon.port}"
        await post(url, lines)
        async with asyncio.timeout(120):
            while "history_trouble" not in (told := await status(url)):
                await asyncio.sleep(0.02)
            assert "No space left on device" in str(told["history_trouble"])
            assert daemon.metrics.registry.get_sample_value("uneri_history_failures_total") >= 1  # type: ignore[operator]
            full = False
            while (await status(url))["history_until"] < END:
                await asyncio.sleep(0.02)
        assert "history_trouble" not in await status(url)
    same(written(tmp_path), expected)


async def test_a_daemon_that_keeps_no_history_writes_none(tmp_path: Path, lines: list[bytes]) -> None:
    async with running(given(tmp_path, history={"keep": False})) as daemon:
        await post(f"http://127.0.0.1:{daemon.port}", lines[:2000])
    assert not (tmp_path / "history").exists()


async def test_the_history_can_be_somewhere_else(
    tmp_path: Path, lines: list[bytes], expected: HistoryRows
) -> None:
    place = tmp_path / "elsewhere"
    async with running(given(tmp_path / "state", history={"place": str(place)})) as daemon:
        url = f"http://127.0.0.1:{daemon.port}"
        await post(url, lines)
        async with asyncio.timeout(120):
            while (await status(url))["history_until"] < END:
                await asyncio.sleep(0.05)
    same(HistoryReader(HistoryFolder(str(place))).rows(MINUTES, 0, END), expected)
