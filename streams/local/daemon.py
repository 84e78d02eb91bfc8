"""The local driver: events by HTTP, file or standard input into a SQLite log, and through the engine."""

import asyncio
import contextlib
import signal
import sqlite3
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import structlog

from alerting.commands.answer import Answer
from alerting.commands.command import Command
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import Outbox
from alerting.outbox.outbox_sqlite import SqliteOutbox
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.state.state import StateError, why
from streams.decode.rejected import Rejected
from streams.engine.checkpoint import Checkpoint
from streams.engine.dead_letter_limit import DeadLetterLimitError
from streams.engine.engine import Engine
from streams.engine.judging import Emitted
from streams.engine.warm import warm
from streams.local.follow import Follow
from streams.local.http_intake import IntakeHttp
from streams.local.log_intake import LogIntake
from streams.local.sqlite_store import SqliteStore
from streams.local.standard_input import StandardInput
from streams.notify.interactions import Interactions
from streams.notify.labels_command import labels_route
from streams.notify.messenger import messenger
from streams.notify.pipeline_status import PipelineStatus, delivery_status, first_of
from streams.notify.silence_routes import SilenceRoutes
from streams.notify.slack_probe import SlackProbe
from streams.process.crash_points import CrashHook, CrashPoint, no_crash
from streams.process.http_server import HttpServer, ListenError
from streams.process.locks import FolderLockedError, lock_state
from streams.process.logs import configure_logs
from streams.process.metrics import Metrics, StageReading
from streams.process.stall import STUCK_SECONDS, StallDetector
from streams.process.watchdog import Watchdog, guard

SOURCE = "local/0"
STAGE = "engine"
CHECKPOINT_EVERY = 5.0  # seconds of wall time
RUN_RECORDS = 50_000
SEND_OUT = 5.0  # seconds that a stop waits for messages on their way; the rest is sent after the next start
STOP_SECONDS = 60.0  # for all of that, when something hangs
CATCH_UP = 15.0  # seconds that a stop may take to judge what is in the log; the rest waits for the next start

log = structlog.get_logger("uneri.local")


class StartError(Exception):
    """The daemon cannot start; the text says why and what helps."""


class LocalDaemon:
    """Everything of the local driver in one event loop.

    Parameters
    ----------
    settings
        What to take in, judge by and tell.
    follow
        Files whose lines are taken in.
    stdin
        A descriptor that is read to its end.
    watchdog
        Told of turns of the loop and of an engine that does not get on; it is started by who made it.
    stuck
        Seconds that the engine may stand still with records waiting.

    Notes
    -----
    The engine runs in a worker thread, one run of records at a time. A notice is durable in the outbox
    before the checkpoint that includes it is written, and its id is a function of the records, so that a
    crash in between tells nothing twice.

    Parameters
    ----------
    settings
        Without a ``kafka`` section.
    follow
        Files whose lines are taken in.
    stdin
        A file descriptor that is taken in to its end.
    every
        Seconds of wall time between checkpoints.
    run_records
        About how many records the engine is given at once.
    at
        Called at each crash point, for tests.
    """

    def __init__(
        self,
        settings: Settings,
        follow: Sequence[Path] = (),
        stdin: int | None = None,
        watchdog: Watchdog | None = None,
        stuck: float = STUCK_SECONDS,
        *,
        every: float = CHECKPOINT_EVERY,
        run_records: int = RUN_RECORDS,
        at: CrashHook = no_crash,
    ) -> None:
        self.settings = settings
        self._every = every
        self._run_records = run_records
        self._at = at
        self.metrics = Metrics()
        self.port = 0
        self._arrived = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._closing = False
        self._stopping = asyncio.Event()
        state = Path(settings.local.state)
        try:
            # SQLite alone lets a second daemon in until the first one writes.
            self._lock = lock_state(state)
            self._store = SqliteStore(state / "uneri.db", at=at)
            self._rows = SqliteOutbox(state / "outbox.db")
        except FolderLockedError as error:
            raise StartError(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            hint = "is another uneri using it?" if "locked" in str(error) else "see local.state"
            raise StartError(f"the state in {state} cannot be opened ({error}); {hint}") from error
        self._stepped = 0
        self._engine = Engine(settings, [SOURCE], on_step=self._step)
        self._counted = self._engine.totals
        self._fed = self._saved = time.monotonic()
        self._stall = StallDetector("the engine", self._saved)
        self._watchdog = watchdog or Watchdog()
        self._stuck = stuck
        self._slack_probe = SlackProbe()
        self._courier: Courier
        self._outbox: Outbox
        self._offset = 0
        self._dead: list[tuple[str, int, Rejected]] = []
        self._dirty = False
        self.pipeline = Pipeline(settings)
        self._watch = PipelineStatus(self.pipeline, settings, self.metrics)
        self._interactions = Interactions(settings, self.metrics)
        try:
            self._intake = LogIntake(self._store, settings, self._arrived.set)
        except StateError as error:
            raise StartError(self._other_version(f"the log cannot be read: {error}")) from error
        intake = IntakeHttp(self._intake, self.metrics.intake_refused)
        self._web = HttpServer(
            settings.local.listen,
            self.status,
            self._not_ready,
            self.metrics.registry,
            [
                *intake.routes(),
                *self._interactions.routes(),
                labels_route(lambda: self.pipeline.labels),
                *SilenceRoutes(lambda: self.pipeline, self._command).routes(),
            ],
            unhealthy=self._watchdog.reason,
            refresh=self._refresh,
        )
        self._sources: list[Coroutine[Any, Any, object]] = [
            Follow(path, self._store, self._intake).run() for path in follow
        ]
        self._input = StandardInput(stdin, self._intake) if stdin is not None else None

    async def run(self) -> None:
        """Run until ``stop`` or the end of standard input; returns after a clean shutdown."""
        self._restore()
        async with messenger(self.settings, self._rows, self.pipeline, self.metrics, self._slack_probe) as (
            courier,
            outbox,
        ):
            self._courier, self._outbox = courier, outbox
            await self._take_up(courier)
            self.port = await self._web.start()
            log.info(
                "taking events in",
                url=f"http://{self.settings.local.listen.rpartition(':')[0]}:{self.port}/events",
            )
            hearing = self._interactions.handle(
                self.pipeline, self._command, lambda: self._engine.incidents.took_the_lead
            )
            tasks = [
                asyncio.create_task(work)
                for work in (
                    courier.run(),
                    self._judge(),
                    guard(self._watchdog, self._look, self.metrics.loop_delay.observe),
                    hearing,
                    *self._sources,
                )
            ]
            if self._input is not None:
                tasks.append(asyncio.create_task(self._take_input(self._input)))
            try:
                await self._until_stopped(tasks)
            finally:
                await self._shut_down(courier, tasks)

    def stop(self) -> None:
        """Ask for a clean shutdown."""
        self._stopping.set()

    async def _until_stopped(self, tasks: list[asyncio.Task[Any]]) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        waiting = {stopping, *tasks}
        while not stopping.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # what ends with an error ends the daemon

    async def _take_input(self, source: StandardInput) -> None:
        count = await source.run()
        log.info("standard input has ended", records=count)
        self.stop()

    async def _take_up(self, courier: Courier) -> None:
        try:
            await courier.start()
        except (StateError, KeyError) as error:
            raise StartError(
                self._other_version(f"the state of messages cannot be read: {why(error)}")
            ) from error

    def _other_version(self, what: str) -> str:
        return (
            f"{what}; start the version of uneri that wrote it, or move {self.settings.local.state} away to "
            "begin anew"
        )

    # -- the engine -------------------------------------------------------------------------------

    def _restore(self) -> None:
        checkpoint = self._store.load(STAGE)
        self._at(CrashPoint.READ, STAGE)
        if checkpoint is None:
            return
        try:
            self._engine.restore(checkpoint.parts)
        except (StateError, KeyError) as error:
            raise StartError(self._other_version(f"the checkpoint cannot be read: {why(error)}")) from error
        self._offset = self._intake.judged = checkpoint.offsets[SOURCE]
        self._counted = self._engine.totals
        log.info("going on from the last checkpoint", offset=self._offset)

    async def _judge(self) -> None:
        idle_after = float(self.settings.time.idle)
        while not self._closing:
            self._arrived.clear()
            if await self._drain():
                self._fed = time.monotonic()
                continue
            patience = self._fed + idle_after - time.monotonic()
            try:
                # what was judged does not wait for its checkpoint until more comes
                async with asyncio.timeout(min(patience, CHECKPOINT_EVERY) if self._dirty else patience):
                    await self._arrived.wait()
            except TimeoutError:
                if time.monotonic() - self._fed < idle_after:
                    continue
                self._fed = time.monotonic()
                await self._take(await asyncio.to_thread(self._engine.idle, SOURCE), 0)
                await self._save()

    async def _drain(self) -> bool:
        """Judge one run of the log; False when there was nothing."""
        run = await asyncio.to_thread(self._store.read, self._offset, self._run_records)
        if not run.records:
            self._caught_up.set()
            if self._dirty and time.monotonic() - self._saved >= self._every:
                await self._save()
            return False
        told = await asyncio.to_thread(self._engine.feed, SOURCE, run.records)
        self._dead += [(SOURCE, self._offset + bad.index, bad) for bad in told.rejected]
        await self._take(told, len(run.records))
        if time.monotonic() - self._saved >= self._every:
            await self._save()
        return True

    async def _take(self, told: Emitted, records: int) -> None:
        self._at(CrashPoint.JUDGED, STAGE)
        await self._courier.put(told.notices, told.watermark)
        self._at(CrashPoint.REPORTED, STAGE)
        self._watch.record()
        self._offset += records
        self._intake.judged = self._offset
        self._dirty = True
        self.metrics.records.inc(records)
        for bad in told.rejected:
            self.metrics.rejected.labels(bad.reason.value).inc()
        for notice in told.notices:
            self.metrics.notices.labels(notice.action.value).inc()
        counted, before = self._engine.totals, self._counted
        self._counted = counted
        counters = (
            self.metrics.late,
            self.metrics.duplicates,
            self.metrics.folded,
            self.metrics.blocks,
            self.metrics.steps,
        )
        for counter, now, then in zip(counters, counted, before, strict=True):
            counter.inc(now - then)
        if told.rejected:
            log.warning(
                "bad records were dead-lettered", count=len(told.rejected), first=told.rejected[0].detail
            )

    async def _save(self) -> None:
        checkpoint = Checkpoint({SOURCE: self._offset}, self._engine.snapshot())
        dead, self._dead = self._dead, []
        await asyncio.to_thread(self._store.save, STAGE, checkpoint, dead, self._offset)
        self._saved = time.monotonic()
        self._dirty = False

    async def _shut_down(self, courier: Courier, tasks: list[asyncio.Task[Any]]) -> None:
        """Take no more in, judge what is in the log, write the last checkpoint, send what is on its way."""
        carrying, judging, guarding, *taking = tasks
        self._watchdog.stop_within(STOP_SECONDS)
        await self._web.stop()
        for task in taking:
            task.cancel()
        await asyncio.gather(*taking, return_exceptions=True)
        self._caught_up.clear()
        self._arrived.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP if not judging.done() else 0):
                await self._caught_up.wait()
        self._closing = True  # never cancelled: the engine may be in the middle of a run
        self._arrived.set()
        failed = (await asyncio.gather(judging, return_exceptions=True))[0]
        if self._dirty and failed is None:  # an engine that raised is in no state to be kept
            await self._save()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEND_OUT):
                await courier.settled()
        courier.stop()
        guarding.cancel()
        await asyncio.gather(carrying, guarding, return_exceptions=True)
        self._rows.close()
        self._store.close()
        self._lock.release()
        log.info("stopped", offset=self._offset, unsent=len(self._outbox.waiting()))

    # -- what the web server shows ----------------------------------------------------------------

    def status(self) -> dict[str, object]:
        """Return what ``uneri status`` shows."""
        going_on = [one.primary.sentence for one in self._engine.incidents.ongoing()]
        return {
            "driver": "local",
            "records": self._offset,
            "lag": self._store.end - self._offset,
            "watermark": self._engine.judged_until,
            "series": self._engine.series,
            "open_incidents": first_of(going_on, len(going_on)),
            **self._watch.status(),
            **delivery_status(self._outbox),
            "heard_by": self._interactions.state(),
        }

    async def _command(self, command: Command) -> Answer:
        answer = await self._courier.command(command)
        self._watch.record()
        return answer

    def _step(self, _: int) -> None:
        self._stepped += 1  # a long run of records gets on

    async def _look(self) -> str | None:
        """Say whether the engine is wedged: records wait, or a checkpoint, and it gets on with neither."""
        now = time.monotonic()
        position = (self._offset, self._stepped)
        self._stall.observe(now, position, self._saved if self._dirty else position)
        if self._stall.moved_at == now:  # a long run is one piece, and saved at its end
            self._stall.saved_at = now
        if self._store.end <= self._offset:
            self._stall.reset_progress(now)
        return self._stall.stuck(now, self._stuck)

    def _refresh(self) -> None:
        now = time.monotonic()
        reading = StageReading(
            STAGE,
            0,
            lag=self._store.end - self._offset,
            watermark=self._engine.judged_until,
            checkpoint_age=now - self._saved if self._dirty else 0.0,
            fetch_age=now - self._fed,
            progress_age=now - self._stall.moved_at,
            series=self._engine.series,
        )
        queues = {"log_records": self._store.end - self._offset, "log_bytes": self._store.log_bytes}
        self.metrics.update([reading], queues, time.time())
        self.metrics.ready.set(self._not_ready() is None)

    def _not_ready(self) -> str | None:
        full = self._intake.full()
        reasons = (
            full and f"too far behind: {full}",
            self._slack_probe.not_ready,
            self._courier.not_ready(),
        )
        return "; ".join(reason for reason in reasons if reason) or None


def run_local(settings: Settings, follow: Sequence[Path], stdin: int | None, **options: Any) -> int:
    """Run the local daemon until a signal or the end of standard input; return the exit code.

    ``options`` are those of ``LocalDaemon``.
    """
    configure_logs()
    warm()

    async def main() -> None:
        watchdog = Watchdog()
        daemon = LocalDaemon(settings, follow, stdin, watchdog, **options)
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, daemon.stop)
        watchdog.start()
        try:
            await daemon.run()
        finally:
            watchdog.end()

    return _one_line(lambda: asyncio.run(main()))


def _one_line(run: Callable[[], None]) -> int:
    try:
        run()
    except (StartError, ListenError, DeadLetterLimitError) as error:
        log.critical(str(error))
        return 1
    except sqlite3.Error as error:
        log.critical(
            "the state cannot be written; free some space and start again, nothing is lost", reason=str(error)
        )
        return 1
    return 0
