"""The courier: takes due rows from the outbox to a sink for as long as it is asked to."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from alerting.message import Message
from alerting.notice import Action, Notice
from alerting.outbox import Outbox
from alerting.row import Row
from alerting.sink import Outcome, Result, Sink

log = structlog.get_logger(__name__)

Render = Callable[[Notice], Message]


class Clock(Protocol):
    """Wall time, and waiting for it."""

    def now(self) -> float:
        """Return epoch seconds."""

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when ``event`` is set or after ``seconds``; None waits for the event alone."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return epoch seconds."""
        return time.time()

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when ``event`` is set or after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return


class Courier:
    """Carries notices to one sink through the outbox.

    A receiver that cannot be reached is said once in the log, and once more when it answers again; what
    was to be sent waits in the outbox meanwhile.

    Parameters
    ----------
    outbox, sink
        Where rows wait and where they go.
    render
        Makes the message of a notice.
    pages, digests
        Their channels.
    clock
        Injected by tests.
    """

    def __init__(
        self,
        outbox: Outbox,
        sink: Sink,
        render: Render,
        *,
        pages: str,
        digests: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._outbox = outbox
        self._sink = sink
        self._render = render
        self._pages = pages
        self._digests = digests or pages
        self._clock = clock or SystemClock()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self._trouble: str | None = None

    async def start(self) -> None:
        """Take up what an earlier run left; to be called once, before anything else."""
        await self._outbox.load(self._clock.now())

    async def put(self, notices: Iterable[Notice]) -> None:
        """Make notices durable; they are on their way when this returns, whatever happens next."""
        for notice in notices:
            channel = self._digests if notice.action is Action.DIGEST else self._pages
            await self._outbox.put(notice, self._render(notice), channel, self._clock.now())
        self._idle.clear()
        self._wake.set()

    async def run(self) -> None:
        """Deliver until ``stop`` is called."""
        while not self._stopping:
            step = self._outbox.next(self._clock.now())
            if isinstance(step, Row):
                await self._deliver(step)
                continue
            if step is None:
                self._idle.set()
            await self._clock.wait(self._wake, step)
            self._wake.clear()

    async def settled(self) -> None:
        """Return when nothing waits any more; what is refused for good does not wait."""
        while self._outbox.waiting():
            self._idle.clear()
            self._wake.set()
            await self._idle.wait()

    def stop(self) -> None:
        """Make ``run`` return after the delivery under way; what waits stays in the outbox."""
        self._stopping = True
        self._wake.set()

    async def _deliver(self, row: Row) -> None:
        await self._outbox.begin(row)
        outcome = await self._sink.deliver(row)
        await self._outbox.settle(row, outcome, self._clock.now())
        self._report(row, outcome)

    def _report(self, row: Row, outcome: Outcome) -> None:
        if outcome.result is Result.SENT:
            if self._trouble is not None:
                log.info("messages arrive again", channel=row.channel)
            self._trouble = None
            log.debug(
                "message sent", channel=row.channel, send=row.send.value, id=row.id, subject=row.subject
            )
            return
        if outcome.error == self._trouble:  # said already: our own messages are paced too
            return
        self._trouble = outcome.error
        waits = outcome.result in (Result.RETRY, Result.UNKNOWN)
        log.warning(
            "a message could not be sent yet; it is kept and tried again"
            if waits
            else "a message was refused",
            error=outcome.error,
            channel=row.channel,
            sink=repr(self._sink),
        )
