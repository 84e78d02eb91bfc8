"""A courier with its pipeline, its outbox and its Slack, on a clock that tests hold."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from alerting.incidents.notice import Notice
from alerting.messages.render import Renderer
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import DeliveryCrashPoint, Outbox, nothing
from alerting.outbox.outbox_sqlite import SqliteOutbox
from alerting.outbox.ports import Sink
from alerting.outbox.row import OutboxRow
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.slack import SlackSink
from config.links import Links
from config.settings import Settings
from tests.alerting.slack_standin import TOKEN, SlackStandin

ZONE = ZoneInfo("Asia/Tokyo")
render = Renderer(Links(Settings().links), ZONE)
PATIENT = 30.0  # seconds in which Slack answers, on a busy machine, too
IMPATIENT = 0.4  # where it is to keep somebody waiting
SETTINGS = Settings.model_validate({"slack": {"channel": "#uneri", "digest_channel": "#digest"}})


class FakeClock:
    """Time passes only while somebody waits for it."""

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.time = start

    def now(self) -> float:
        return self.time

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        await asyncio.sleep(0)
        if seconds is None:
            await event.wait()
        elif not event.is_set():
            self.time += seconds

    async def until(self, time: float) -> None:
        async with asyncio.timeout(20):
            while self.time < time:
                await asyncio.sleep(0.002)


class JointClock(FakeClock):
    """Time passes only while all of so many workers wait for it: one that is busy stops it for all."""

    def __init__(self, start: float, workers: int) -> None:
        super().__init__(start)
        self._workers = workers
        self._waiting: dict[asyncio.Event, float] = {}

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        await asyncio.sleep(0)
        if event.is_set():
            return
        self._waiting[event] = float("inf") if seconds is None else self.time + seconds
        if len(self._waiting) == self._workers:
            first = min(self._waiting.values())
            self.time = max(self.time, first) if first < float("inf") else self.time
            for waiting, until in self._waiting.items():
                if until <= self.time:
                    waiting.set()
        try:
            await event.wait()
        finally:
            del self._waiting[event]


class Memory:
    """Rows and parts of a test, as they would be on disk."""

    def __init__(self) -> None:
        self.rows: dict[str, OutboxRow] = {}
        self.parts: dict[str, bytes] = {}
        self.writes = 0

    async def load(self) -> tuple[list[OutboxRow], dict[str, bytes]]:
        return [replace(row) for row in self.rows.values()], dict(self.parts)

    async def write(
        self, rows: Iterable[OutboxRow], parts: Mapping[str, bytes | None], gone: Iterable[str] = ()
    ) -> None:
        self.writes += 1
        self.rows.update((row.id, replace(row)) for row in rows)
        for name, part in parts.items():
            if part is None:
                self.parts.pop(name, None)
            else:
                self.parts[name] = part
        for text in gone:
            self.rows.pop(text, None)


class DeliveryWorld:
    """A courier with its outbox and its Slack, which can be restarted."""

    def __init__(
        self,
        slack: SlackStandin,
        clock: FakeClock,
        storage: Memory | SqliteOutbox,
        settings: Settings = SETTINGS,
        *,
        at: Callable[[DeliveryCrashPoint], None] = nothing,
        others: Mapping[str, Sink] | None = None,
        patience: float = PATIENT,
    ) -> None:
        self.slack, self.clock, self.storage, self.settings = slack, clock, storage, settings
        self.others = others or {}
        self.sink = SlackSink(TOKEN, slack.base_url, render, patience)
        pipeline = Pipeline(settings)
        self.outbox = Outbox(
            storage,
            random.Random(7),  # noqa: S311  spreads retries
            fallback=pipeline.routing.fallback,
            at=at,
        )
        self.reported: list[tuple[str, str]] = []
        self.courier = Courier(
            self.outbox,
            {"slack": self.sink, **self.others},
            pipeline,
            clock=clock,
            delivered=lambda what, where: self.reported.append((what, where)),
        )
        self.task: asyncio.Task[None] | None = None

    async def put(self, *notices: Notice, watermark: int | None = None) -> None:
        await self.courier.put(notices, watermark)

    async def settle(self) -> None:
        if self.task is None:
            self.task = asyncio.create_task(self.courier.run())
        async with asyncio.timeout(20):
            await self.courier.wait_until_idle()

    async def attempt(self, to: str, *meanwhile: Notice, answered: bool = True) -> None:
        """Make the next delivery to one receiver, when it is due; nothing else is delivered.

        ``meanwhile`` comes while it is on its way, where it still is if it is not ``answered``.
        """
        while not isinstance(row := self.outbox.next(self.clock.now(), to), OutboxRow):
            assert row is not None, f"nothing waits for {to}"
            self.clock.time += row
        assert await self.outbox.begin(row)
        await self.put(*meanwhile)
        if answered:
            await self.outbox.settle(row, await self.others[to].deliver(row), self.clock.now())

    async def kill(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
        await self.sink.close()

    async def restarted(
        self, at: Callable[[DeliveryCrashPoint], None] = nothing, patience: float = PATIENT
    ) -> "DeliveryWorld":
        await self.kill()
        world = DeliveryWorld(
            self.slack, self.clock, self.storage, self.settings, at=at, others=self.others, patience=patience
        )
        await world.courier.start()
        return world
