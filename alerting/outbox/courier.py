"""The courier: makes dispatches durable and takes them to the sinks."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import structlog

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer, Dispatch
from alerting.incidents.notice import Notice
from alerting.outbox.outbox import Outbox
from alerting.outbox.ports import DeliveryOutcome, Result, Sink
from alerting.outbox.row import DIGEST, OutboxRow, Send, group_of
from alerting.pipeline.pipeline import Pipeline

log = structlog.get_logger(__name__)


class Clock(Protocol):
    """Wall time, and waiting."""

    def now(self) -> float:
        """Return epoch seconds."""

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when ``event`` is set or after ``seconds``; None waits for the event only."""


class SystemClock:
    """The machine's clock as it was at the start: no message waits because it is set back later."""

    def __init__(self) -> None:
        self._began = time.time() - time.monotonic()

    def now(self) -> float:
        """Return epoch seconds."""
        return self._began + time.monotonic()

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when ``event`` is set or after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return


class Courier:
    """Carries dispatches through the outbox to their sinks.

    The pipeline's state and its dispatches become durable together, in one write, before anything is
    sent. Each sink has a worker of its own, so one that hangs delays no other. An unreachable receiver is
    logged once, and once more when it answers again.

    Parameters
    ----------
    sinks
        By group (``alerting.outbox.row.group_of``): ``slack``, ``webhook:name``, ``alertmanager:name``.
    delivered
        Called with the result of each delivery (a ``Result``, or ``moved``) and its destination, for metrics.
    """

    def __init__(
        self,
        outbox: Outbox,
        sinks: Mapping[str, Sink],
        pipeline: Pipeline,
        *,
        clock: Clock | None = None,
        delivered: Callable[[str, str], None] = lambda _, __: None,
    ) -> None:
        self._outbox = outbox
        self._sinks = dict(sinks)
        self._pipeline = pipeline
        self._clock = clock or SystemClock()
        self._delivered = delivered
        self._wakes = {group: asyncio.Event() for group in self._sinks}
        self._idle = asyncio.Event()
        self._putting = asyncio.Lock()
        self._parts: dict[str, bytes] = {}  # of the pipeline's state, as they are on disk
        self._stopping = False
        self._trouble: dict[str, str] = {}  # by group: the error that was logged
        self._moved: dict[str, str] = {}

    async def start(self) -> None:
        """Restore the state of an earlier run; call it once, before anything else.

        The present routes take over from receivers that are no longer configured, and from channels that
        nothing names anymore before a message was posted there.
        """
        self._parts = await self._outbox.load(self._clock.now())
        self._pipeline.restore(self._parts)
        left = self._outbox.leave(self._sinks, self._pipeline.routing.names)
        messages = {(row.destination, row.subject) for row in left if row.send in (Send.POST, Send.EDIT)}
        sent = self._pipeline.take_over(self._is_gone, messages)
        if left or sent:
            log.warning(
                "a receiver or channel is no longer configured: the present routes report what is open or "
                "waits for it; digests of receivers are left out",
                waited=dict(Counter(row.destination for row in left)),
                reported=dict(Counter(dispatch.destination for dispatch in sent)),
                digests=sum(row.urgency == DIGEST for row in left),
            )
            await self._keep(sent, left)

    async def put(self, notices: Iterable[Notice], watermark: int | None = None) -> None:
        """Pass notices, and the time that has passed, to the pipeline.

        The resulting dispatches are durable when this returns. Call it without notices, too, when the
        watermark has moved.

        ``watermark`` is the event time reached, epoch seconds; that of the newest notice if absent. Repeated
        notices, as after a crash, change nothing.
        """
        given = list(notices)
        passed = watermark if watermark is not None else max((notice.at for notice in given), default=None)
        if passed is None:
            return
        async with self._putting:
            await self._keep(self._pipeline.feed(given, passed))

    async def command(self, command: Command) -> Answer:
        """Execute a person's command; its effect is durable when this returns."""
        async with self._putting:
            answer = self._pipeline.command(command)
            await self._keep(answer.dispatches)
        return answer

    async def send(self, dispatches: list[Dispatch]) -> None:
        """Send what no notice or command caused; it is durable when this returns."""
        async with self._putting:
            await self._keep(dispatches)

    async def run(self) -> None:
        """Deliver until ``stop`` is called."""
        workers = [asyncio.create_task(self._work(group)) for group in self._sinks]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def wait_until_idle(self) -> None:
        """Return when nothing waits to be delivered; permanently rejected rows do not count."""
        while not self._outbox.is_idle():
            self._idle.clear()
            self._wake()
            await self._idle.wait()

    def stop(self) -> None:
        """Make ``run`` return after the current deliveries; waiting rows stay in the outbox."""
        self._stopping = True
        self._wake()

    def not_ready(self) -> str | None:
        """Return why people are not told: a sink or channel is closed, or refuses a page; or None."""
        refused = {row.destination: row.error for row in self._outbox.refused_pages()}
        return (
            "; ".join(f"{name}: {why}" for name, why in sorted((refused | self._outbox.closed()).items()))
            or None
        )

    # -- putting ----------------------------------------------------------------------------------

    async def _keep(self, dispatches: list[Dispatch], left: Iterable[OutboxRow] = ()) -> None:
        items = [(dispatch, row) for dispatch in dispatches if (row := self._render(dispatch)) is not None]
        parts = self._pipeline.snapshot()
        changed: dict[str, bytes | None] = {
            name: part for name, part in parts.items() if self._parts.get(name) != part
        }
        changed |= dict.fromkeys(self._parts.keys() - parts.keys())
        await self._outbox.put(items, changed, self._clock.now(), left)
        self._parts = parts
        if items:
            self._idle.clear()
            self._wake()

    def _render(self, dispatch: Dispatch) -> OutboxRow | None:
        if self._is_gone(dispatch.destination, dispatch.subject):  # the present routes have taken over
            return None
        try:
            sink = self._sinks[group_of(dispatch.destination)]
            return sink.render(dispatch, self._outbox.known(dispatch))
        except Exception:  # the next start would make the same message, and so would each after it
            log.exception(
                "a message cannot be made and is left out; report this",
                destination=dispatch.destination,
                subject=dispatch.subject,
            )
            self._delivered(Result.REFUSED.value, dispatch.destination)
            return None

    def _is_gone(self, destination: str, subject: str) -> bool:
        return group_of(destination) not in self._sinks or not (
            self._pipeline.routing.names(destination) or self._outbox.holds(destination, subject)
        )

    def _wake(self) -> None:
        for event in self._wakes.values():
            event.set()

    # -- delivering -------------------------------------------------------------------------------

    async def _work(self, group: str) -> None:
        wake = self._wakes[group]
        while not self._stopping:
            step = self._outbox.next(self._clock.now(), group)
            if isinstance(step, OutboxRow):
                await self._deliver(group, step)
                continue
            if self._outbox.is_idle():
                self._idle.set()
            await self._clock.wait(wake, step)
            wake.clear()

    async def _deliver(self, group: str, row: OutboxRow) -> None:
        if not await self._outbox.begin(row):
            return
        outcome = await self._sinks[group].deliver(row)
        await self._outbox.settle(row, outcome, self._clock.now())
        self._report(group, row, outcome)

    def _report(self, group: str, row: OutboxRow, outcome: DeliveryOutcome) -> None:
        self._delivered(outcome.result.value, row.destination)
        if outcome.result is Result.SENT:
            if self._trouble.pop(group, None) is not None:
                log.info("messages arrive again", destination=row.destination)
            log_sent = log.info if row.send is Send.POST else log.debug
            log_sent("message sent", destination=row.destination, send=row.send.value, subject=row.subject)
            return
        for destination, instead in self._outbox.moved().items():
            if self._moved.get(destination) != instead:
                self._moved[destination] = instead
                self._delivered("moved", destination)
                log.error(
                    "a channel no longer accepts messages; its fallback gets them until the next start",
                    error=outcome.error,
                    destination=destination,
                    instead=instead,
                )
                return
        if outcome.error == self._trouble.get(group):  # already logged
            return
        self._trouble[group] = outcome.error
        refused = "a message was refused; it is kept and retried"
        waits = outcome.result in (Result.RETRY, Result.UNKNOWN)
        log.warning(
            "a message could not be sent; it is kept and retried" if waits else refused,
            error=outcome.error,
            destination=row.destination,
            subject=row.subject,
            sink=repr(self._sinks[group]),
        )
