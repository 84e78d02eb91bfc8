"""``uneri backfill`` beside a daemon that runs, as its user sees it."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from config.load import load_settings
from streams.drivers.compile_ahead import prepare_process
from streams.drivers.local.daemon import LocalDaemon
from tests.streams.drivers.world import World, running

pytestmark = pytest.mark.release

UNERI = Path(sys.executable).with_name("uneri")
NOBODY = "http://127.0.0.1:9"
DAY = 86400
EVERY = 60  # seconds between two records of the history


def write_history(path: Path, until: float) -> int:
    lines = [
        json.dumps({"ts": at, "id": f"h{at}", "service": "shop", "function": "put-item"})
        for at in range(int(until) - 9 * DAY, int(until), EVERY)
    ]
    path.write_text("\n".join(lines))
    return len(lines)


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Scene(World):
    def __init__(self, folder: Path) -> None:
        self.config = folder / "uneri.yaml"
        self.config.write_text(f"local: {{listen: '127.0.0.1:0', state: '{folder}/state'}}\n")
        super().__init__(LocalDaemon(load_settings(self.config)))

    async def backfill(self, *arguments: str, url: str | None = None) -> Said:
        process = await asyncio.create_subprocess_exec(
            UNERI, "backfill", *arguments, "--config", self.config, "--url", url or self.url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    def baselines(self) -> dict[str, int]:
        found = self.daemon.status()["baselines"]
        assert isinstance(found, dict)
        return found

    async def take(self, *events: dict[str, object]) -> None:
        """Have events accepted and judged."""
        await self.post([json.dumps(event).encode() for event in events])
        await self.judged()


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    prepare_process()
    there = Scene(folder)
    async with running(there.daemon):
        yield there


async def test_history_is_learnt_while_the_daemon_runs_and_taken_back(tmp_path: Path) -> None:
    now = time.time()
    count = write_history(tmp_path / "history.ndjson", now + 60)  # overlaps what is live
    async with scene(tmp_path) as there:
        await there.take(
            *({"ts": now - 200 + at, "service": "shop", "function": "put-item"} for at in range(200))
        )
        young = there.baselines()
        assert list(young) == ["learning (day 1 of 7)"]
        done = await there.backfill(str(tmp_path / "history.ndjson"))
        assert done.code == 0, done.err
        assert "; the daemon judges by it from now on" in done.out
        before = int(done.out.split()[2].replace(",", ""))
        assert count - 6 <= before <= count - 3  # the records that the daemon got itself are not taken twice
        assert set(there.baselines()) == {"with 1 week"}
        assert there.daemon.status()["records"] == 200
        await there.take({"ts": time.time(), "service": "shop", "function": "put-item"})
        taken_back = await there.backfill("--undo")
        assert (taken_back.code, taken_back.out) == (0, "what backfills taught is forgotten\n")
        assert there.baselines() == young
    assert not (tmp_path / "state" / "backfill.db").exists()


async def test_what_cannot_be_done_is_said_with_the_remedy(tmp_path: Path) -> None:
    write_history(tmp_path / "history.ndjson", time.time())
    async with scene(tmp_path) as there:
        history = str(tmp_path / "history.ndjson")
        for said, code, part in (
            (await there.backfill(str(tmp_path / "nothing.ndjson")), 2, "nothing.ndjson"),
            (await there.backfill(), 2, "name the sources of the history"),
            (await there.backfill("--undo", history), 2, "--undo takes no source"),
            (await there.backfill(history, url=NOBODY), 2, "is in use"),
            (await there.backfill("--undo", url=NOBODY), 2, f"no daemon answers at {NOBODY}"),
        ):
            assert (said.code, said.out) == (code, "")
            assert part in said.err
            assert said.err.count("\n") == 1


async def test_a_page_of_another_origin_cannot_hand_anything_over(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        assert (await there.ask("POST", "/backfill", data=b"{}"))[0] == 415
        status, text = await there.ask("POST", "/backfill", json={})
        assert (status, "nothing that a backfill" in text) == (409, True)
