"""A daemon in this process on a free port, and what tests send to it, ask it, and wait for."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from alerting.outbox import pictures
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from streams.drivers.local.daemon import LocalDaemon
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.stages.checkpoint import Checkpoint
from streams.engine.stages.engine import Engine
from streams.notify import messenger
from tests.alerting.slack_app import APP_TOKEN, SECRET
from tests.alerting.slack_standin import TOKEN

PATIENCE: Final = 240.0  # seconds
SLACK_SECRETS: Final = {
    "SLACK_BOT_TOKEN": TOKEN,
    "SLACK_APP_TOKEN": APP_TOKEN,
    "SLACK_SIGNING_SECRET": SECRET,
}


def local_settings(state: Path, **sections: Any) -> Settings:
    """Return the settings of an embedded daemon with this state folder and these sections."""
    local = {"listen": "127.0.0.1:0", "state": str(state)} | sections.pop("local", {})
    return Settings.model_validate({"notify": {"since": "2020-01-01"}, **sections, "local": local})


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class Client:
    """Whoever sends to a daemon at a URL, and asks it."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    async def ask(self, method: str, path: str, **request: Any) -> tuple[int, str]:
        """Return the status and the text of an answer."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, **request) as answer,
        ):
            return answer.status, await answer.text()

    async def get(self, path: str) -> tuple[int, str]:
        return await self.ask("GET", path)

    async def send(self, lines: Iterable[bytes], path: str = "/events") -> tuple[int, dict[str, Any]]:
        """Send one request; return its status and its answer."""
        status, text = await self.ask("POST", path, data=io.BytesIO(b"\n".join(lines)))
        return status, json.loads(text)

    async def post(self, lines: Sequence[bytes], most: int = 5000) -> None:
        """Have records accepted, some in each request."""
        for first in range(0, len(lines), most):
            assert (await self.send(lines[first : first + most]))[0] == 202

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await self.get("/status"))[1])
        return found


class World(Client):
    """A daemon that runs in this process."""

    def __init__(self, daemon: LocalDaemon) -> None:
        super().__init__("")
        self.daemon = daemon

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.daemon.port}"

    async def until(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        await until(condition, seconds)

    async def judged(self) -> None:
        """Wait until all that was accepted is judged."""
        await until(lambda: self.daemon.status()["lag"] == 0)

    def metric(self, name: str, **labels: str) -> float | None:
        self.daemon._refresh()
        return self.daemon.metrics.registry.get_sample_value(name, labels)


def pipeline_of(daemon: LocalDaemon) -> Pipeline:
    """Return the pipeline of a daemon that runs."""
    assert daemon.delivery.pipeline is not None
    return daemon.delivery.pipeline


@asynccontextmanager
async def running(daemon: LocalDaemon) -> AsyncIterator[World]:
    """Run a daemon until the context ends."""
    world = World(daemon)
    task = asyncio.create_task(daemon.run())
    try:
        await until(lambda: daemon.port or task.done())
        yield world
    finally:
        daemon.stop()
        await task


def never_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a daemon roll up by the bucket also while it is behind, which depends on its runs."""
    monkeypatch.setattr(Engine, "choose_mode", lambda *_: None)


def kept(state: Path) -> Checkpoint | None:
    """Return the checkpoint, without the steps of hours that may or may not be written by now."""
    with SqliteStore(state / "uneri.db") as store:
        found = store.load("engine")
    if found is None:
        return None
    parts = {name: body for name, body in found.parts.items() if not name.startswith("history|")}
    return Checkpoint(found.offsets, parts)


def know_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the secrets of a stand-in for Slack, and hurry."""
    for name, secret in SLACK_SECRETS.items():
        monkeypatch.setenv(name, secret)
    hurry(monkeypatch)


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send at a quick pace, and draw no pictures: other tests check both."""
    monkeypatch.setattr(messenger, "PACE", 0.01)
    monkeypatch.setattr(pictures, "APPEARS", 0.01)
    monkeypatch.setattr("alerting.sinks.chart.draw", lambda *_, **__: b"a picture")
