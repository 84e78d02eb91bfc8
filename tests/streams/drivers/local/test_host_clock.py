"""A host whose clock is behind those of its senders."""

import io
import json
from pathlib import Path

import aiohttp
from structlog.testing import capture_logs

from streams.drivers.local.daemon import LocalDaemon
from streams.ingest.receivers.sender_clocks import SenderClocks
from tests.streams.drivers.world import World, local_settings, running

NOW = 1_760_000_000.0


class Clocks:
    """A daemon on a host whose clock is behind by ``behind`` seconds, and a sender whose clock is right."""

    def __init__(self, behind: float) -> None:
        self.behind = behind
        self.passed = 0.0
        self.sent = 0
        self.kept: list[bytes] = []  # by the sender, until they are accepted

    def host(self) -> float:
        return NOW + self.passed - self.behind

    def daemon(self, folder: Path) -> LocalDaemon:
        made = LocalDaemon(local_settings(folder / "state"), clock=self.host)
        made._intake.clocks = SenderClocks(self.host, lambda: self.passed)
        return made

    async def send(self, world: World) -> int:
        """Send what has happened in five seconds, after what was refused before; return the status."""
        self.kept += [
            json.dumps({"ts": NOW + self.passed + at, "id": str(self.sent + at), "service": "shop"}).encode()
            for at in range(-4, 1)
        ]
        self.sent += 5
        self.passed += 5
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{world.url}/events", data=io.BytesIO(b"\n".join(self.kept))) as answer,
        ):
            assert answer.headers.get("Retry-After") == (None if answer.status == 202 else "5")
            if answer.status == 202:
                self.kept.clear()
            return answer.status


async def test_a_host_that_is_behind_asks_to_send_again_and_loses_nothing(tmp_path: Path) -> None:
    clocks = Clocks(behind=600)
    async with running(clocks.daemon(tmp_path)) as world:
        with capture_logs() as logs:
            for _ in range(6):
                assert await clocks.send(world) == 503
        assert [line["log_level"] for line in logs if "the clock of this host" in line["event"]] == ["error"]
        status, reasons = await world.get("/readyz")
        assert status == 503
        assert "the clock of this host is behind those of most senders" in reasons
        assert world.metric("uneri_clock_behind") == 1
        clocks.behind = 0
        assert await clocks.send(world) == 202
        await world.judged()
        assert "the clock of this host" not in (await world.get("/readyz"))[1]
        assert world.metric("uneri_clock_behind") == 0
        assert world.daemon.status()["records"] == clocks.sent
        assert world.daemon._judge.engine.totals.late == 0


async def test_a_host_that_is_set_back_while_it_works_loses_nothing(tmp_path: Path) -> None:
    clocks = Clocks(behind=0)
    async with running(clocks.daemon(tmp_path)) as world:
        for _ in range(4):
            assert await clocks.send(world) == 202
        await world.judged()
        watermark = world.daemon._judge.engine.watermark("local/0")
        clocks.behind = 600
        for _ in range(6):
            assert await clocks.send(world) == 503
        world.daemon._judge._fed -= 3600
        await world.daemon._judge._pass_time(world.daemon.delivery.put)
        assert world.daemon._judge.engine.watermark("local/0") == watermark, (
            "senders keep what happens meanwhile"
        )
        status, reasons = await world.get("/readyz")
        assert status == 503
        assert "ahead of this host's clock, which was ahead when records arrived" in reasons
        clocks.behind = 0
        assert await clocks.send(world) == 202
        await world.judged()
        assert world.daemon.status()["records"] == clocks.sent
        assert world.daemon._judge.engine.totals.late == 0
