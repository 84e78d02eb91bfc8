"""A host whose clock is behind those of its senders."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from structlog.testing import capture_logs

from config.settings import LocalSettings, NotifySettings, Settings
from streams.drivers.local.daemon import LocalDaemon
from streams.ingest.receivers.sender_clocks import SenderClocks

NOW = 1_760_000_000.0


class World:
    """A daemon on a host whose clock is behind by ``behind`` seconds, and a sender whose clock is right."""

    def __init__(self, behind: float) -> None:
        self.behind = behind
        self.passed = 0.0
        self.sent = 0
        self.kept: list[bytes] = []  # by the sender, until they are accepted
        self.daemon: LocalDaemon

    @asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[LocalDaemon]:
        local = LocalSettings(listen="127.0.0.1:0", state=str(folder / "state"))
        settings = Settings(local=local, notify=NotifySettings(since="2020-01-01"))
        self.daemon = LocalDaemon(settings, clock=self.host)
        self.daemon._intake.clocks = SenderClocks(self.host, lambda: self.passed)
        task = asyncio.create_task(self.daemon.run())
        async with asyncio.timeout(300):
            while not self.daemon.port:
                await asyncio.sleep(0.01)
            yield self.daemon
        self.daemon.stop()
        await task

    def host(self) -> float:
        return NOW + self.passed - self.behind

    async def send(self) -> tuple[int, str | None]:
        """Send what has happened in five seconds, after what was refused before."""
        self.kept += [
            json.dumps({"ts": NOW + self.passed + at, "id": str(self.sent + at), "service": "shop"}).encode()
            for at in range(-4, 1)
        ]
        self.sent += 5
        self.passed += 5
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"http://127.0.0.1:{self.daemon.port}/events", data=io.BytesIO(b"\n".join(self.kept))
            ) as answer,
        ):
            if answer.status == 202:
                self.kept.clear()
            return answer.status, answer.headers.get("Retry-After")

    async def readiness(self) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.daemon.port}/readyz") as answer,
        ):
            return answer.status, await answer.text()

    def metric(self) -> float | None:
        self.daemon._refresh()
        return self.daemon.metrics.registry.get_sample_value("uneri_clock_behind")

    async def judged(self) -> None:
        while self.daemon.status()["lag"]:
            await asyncio.sleep(0.01)


async def test_a_host_that_is_behind_asks_to_send_again_and_loses_nothing(tmp_path: Path) -> None:
    world = World(behind=600)
    async with world.running(tmp_path) as daemon:
        with capture_logs() as logs:
            for _ in range(6):
                assert await world.send() == (503, "5")
        assert [line["log_level"] for line in logs if "the clock of this host" in line["event"]] == ["error"]
        status, reasons = await world.readiness()
        assert status == 503
        assert "the clock of this host is behind those of most senders" in reasons
        assert world.metric() == 1
        world.behind = 0
        assert await world.send() == (202, None)
        await world.judged()
        assert "the clock of this host" not in (await world.readiness())[1]
        assert world.metric() == 0
        assert daemon.status()["records"] == world.sent
        assert daemon._judge.engine.totals.late == 0


async def test_a_host_that_is_set_back_while_it_works_loses_nothing(tmp_path: Path) -> None:
    world = World(behind=0)
    async with world.running(tmp_path) as daemon:
        for _ in range(4):
            assert (await world.send())[0] == 202
        await world.judged()
        watermark = daemon._judge.engine.watermark("local/0")
        world.behind = 600
        for _ in range(6):
            assert await world.send() == (503, "5")
        await daemon._judge._pass_time(3600, daemon.delivery.put)
        assert daemon._judge.engine.watermark("local/0") == watermark, "senders keep what happens meanwhile"
        world.behind = 0
        assert (await world.send())[0] == 202
        await world.judged()
        assert daemon.status()["records"] == world.sent
        assert daemon._judge.engine.totals.late == 0
