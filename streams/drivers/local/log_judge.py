"""Feeds the log to the engine, run by run, and writes its checkpoints."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from alerting.incidents.notice import Notice
from config.capacity import Capacity
from config.settings import Settings
from detectors.state.declared import Owned, StatePart
from streams.drivers.checkpointing import CHECKPOINT_SECONDS, PENDING, USUAL, Checkpointed, RunOptions
from streams.drivers.compile_ahead import load_judgement
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.drivers.local.state_files import DamagedError
from streams.drivers.local.takeover import LearntHistory, Takeover
from streams.drivers.record_counts import RecordCounts
from streams.engine.decode.rejected import Rejected
from streams.engine.detect.absences import HOLE_SECONDS
from streams.engine.detect.baselines import baselines
from streams.engine.rollup.blocks.block import Block
from streams.engine.stages.checkpoint import BACKFILL, Checkpoint
from streams.engine.stages.detection_engine import Emitted
from streams.engine.stages.engine import Engine
from streams.engine.stages.late_watch import AHEAD
from streams.process.crash_points import CrashPoint
from streams.process.logs import Recurring
from streams.process.machine import HEAP
from streams.process.metrics import Metrics, StageReading
from streams.process.part import Part
from streams.process.processor_clock import ProcessorClock
from streams.process.watchdog import StallDetector

if TYPE_CHECKING:
    from streams.drivers.local.history_service import HistoryService

SOURCE: Final = "local/0"
STAGE: Final = "engine"
HISTORY: Final = "history|"  # begins the names of parts with the steps that are not written yet
_HELD: Final = Owned("_segments", HISTORY)
_AWAKE: Final = StatePart("awake", float)
MOST_DEAD: Final = 10_000  # dead letters that wait for a checkpoint, besides those of a run
BEGINS: Final = "judging begins"
CODE_POLL: Final = 0.25  # seconds between two checks for the machine code
CODE_SECONDS: Final = 120.0  # for which it may be made unsaid: twice what it takes on a machine with room
BACKUP_POLL: Final = 0.25  # seconds between two checks whether the state is still being copied
CATCH_UP_SECONDS: Final = 15.0  # a stop judges the rest of the log for this long; the next start goes on

SLOW: Final = "slow"  # the key of where the engine was when the process ended as stuck
_SLOW: Final = StatePart(SLOW, int)
FEWEST: Final = 500  # records of a run, however often the engine was stuck
MOST_ENDS: Final = 4  # that shrink a run to a quarter each, and double the patience

Deliver = Callable[[Sequence[Notice], int | None], Awaitable[None]]

log = structlog.get_logger("uneri.local")


class UnfinishedBackfillError(Exception):
    """A backfill was stopped: without its end, a daemon would know a part of the past."""


class _Pending(msgspec.Struct):
    notices: list[Notice]
    watermark: int | None


_PENDING: Final = StatePart(PENDING, _Pending)


class _Slow(msgspec.Struct):
    until: int = 0  # the end of the run in which the engine was stuck
    ends: int = 0  # processes that did so, one after the other


class LogJudge(Checkpointed, Part):
    """The engine of the local driver, in a worker thread that gets one run of records at a time.

    A notice is durable in the outbox before the checkpoint that includes it is written, and its id is a
    function of the records, so that a crash in between sends nothing twice.

    Parameters
    ----------
    intake
        Gets the offset up to which the log is judged.
    options
        When a process has ended because its engine was stuck, the next one gives the engine fewer of the same
        records at a time, and more time.
    history
        Receives the record of every judged step; part of each checkpoint.
    now
        The clock, epoch seconds.
    """

    def __init__(
        self,
        settings: Settings,
        store: SqliteStore,
        intake: LogIntake,
        metrics: Metrics,
        options: RunOptions = USUAL,
        *,
        capacity: Capacity | None = None,
        history: "HistoryService | None" = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(STAGE, SOURCE, options)
        self.position = 0
        self._settings = settings
        self.by_clock = asyncio.Lock()  # held while time passes by the clock, and while the state is copied
        self._idle_after = float(settings.time.idle)
        self._store = store
        self._intake = intake
        self._metrics = metrics
        self._run_records, self._stuck = options.run_records, options.stuck
        self._history = history
        self._segments = None if history is None else history.segments
        self._now = now
        # at a first start it is made while records arrive; they wait, and so do reports of the clock
        self._code = options.code
        self._waits = not self._code.ready()
        self.engine = Engine(
            settings, [SOURCE], on_step=self._step, capacity=capacity, records=self._segments is not None
        )
        self._steps = 0
        self._counts = RecordCounts(SOURCE, metrics, self.engine.totals)
        self._fed = self._fetched = time.monotonic()
        self._timely = 0  # records so far that had a say in time
        self._quiet = 0.0  # seconds without one
        self._awake = self._now()  # when it last was, epoch seconds
        self._pending: _Pending | None = None  # of the checkpoint restored
        self._processor = ProcessorClock()
        self._stall = StallDetector("the engine", self._processor())
        self._slow = _Slow()
        self._dead: list[tuple[str, int, Rejected]] = []
        self._bad = Recurring(options.clock)  # when to log that records were bad
        self._caught_up = asyncio.Event()
        self._closing = False
        self._switch: tuple[Settings, Capacity, asyncio.Future[None]] | None = None  # to judge by from now on
        self._blocks: list[Block] = []  # since the newest checkpoint
        self.takeover = Takeover(store, self.engine)

    @property
    def offset(self) -> int:
        """Of the next record to judge."""
        return self.position or 0

    @property
    def lag(self) -> int:
        """How many records of the log are not judged yet."""
        return self._store.end - self.offset

    def restore(self) -> None:
        """Continue from the newest checkpoint, if there is one.

        Raises
        ------
        detectors.state.state.StateError, KeyError
            When it cannot be read.
        streams.drivers.local.state_files.DamagedError
            When it includes more than the log ever held: the file is not whole.
        UnfinishedBackfillError
            When there is none because a backfill was stopped.
        """
        self._restore_slow()
        checkpoint = self._store.load(STAGE)
        self._at(CrashPoint.READ, STAGE)
        if checkpoint is None:
            if self._store.load(BACKFILL) is not None:
                raise UnfinishedBackfillError
            return
        if checkpoint.offsets[SOURCE] > self._store.end:
            raise DamagedError(
                f"the checkpoint includes the log to offset {checkpoint.offsets[SOURCE]}, but it ends at "
                f"{self._store.end}"
            )
        parts = checkpoint.parts
        if PENDING in parts:
            self._pending = _PENDING.unpack(parts)
        _HELD.restore(self, parts)
        self._awake = _AWAKE.unpack(parts, self._awake)  # since 0.3
        self.engine.restore(parts)
        self.position = self._intake.judged = checkpoint.offsets[SOURCE]
        self._intake.reached = self.engine.watermark(SOURCE)
        self._counts.totals = self.engine.totals
        HEAP.give_back(forced=True)
        log.info("continuing from the last checkpoint", offset=self.offset)

    def _restore_slow(self) -> None:
        if (slow := self._store.load(SLOW)) is None:
            return
        self._slow = _Slow(slow.offsets[SOURCE], _SLOW.unpack(slow.parts))

    def _ends(self) -> int:
        """Return how many processes ended as stuck in the records that come next."""
        return min(self._slow.ends, MOST_ENDS) if self.offset < self._slow.until else 0

    @property
    def _most(self) -> int:
        """The records of a run."""
        return max(self._run_records >> 2 * self._ends(), min(FEWEST, self._run_records))

    def _note_slow(self) -> None:
        """Remember that the process ends here: the same run would only end the next one, too."""
        slow = _Slow(max(self.offset + self._most, self._slow.until), self._ends() + 1)
        with contextlib.suppress(sqlite3.Error):  # it ends in any case
            self._store.save(SLOW, Checkpoint({SOURCE: slow.until}, _SLOW.pack(slow.ends)))

    async def run(self, deliver: Deliver) -> None:
        """Judge until ``finish``; ``deliver`` receives notices and the watermark, and makes them durable."""
        if self._pending is not None:
            await deliver(self._pending.notices, self._pending.watermark)
            self.changed = True  # the next checkpoint is without them
        if self._waits:
            await self._wait_for_code()
        while not self._closing:
            self._intake.arrived.clear()
            self._note_sleep()
            if self._switch is not None:
                await self._switch_settings(*self._switch)
            if await self._judge_run(deliver):
                if not self._note_timely() and not self.lag:
                    await self._pass_time(deliver)
                await self._evaluate_early(deliver)
                await self._advance_takeover()
                continue
            if await self._advance_takeover():
                continue
            patience = self._fed + self._idle_after - time.monotonic()
            if self.by_clock.locked():
                patience = max(patience, BACKUP_POLL)
            try:
                # judged records do not wait for their checkpoint until more arrive
                async with asyncio.timeout(min(patience, CHECKPOINT_SECONDS) if self.changed else patience):
                    await self._intake.arrived.wait()
            except TimeoutError:
                await self._pass_time(deliver)

    def _note_sleep(self) -> None:
        """Take minutes without a record for unknown in which this process was stopped, or stood still."""
        was, self._awake = self._awake, self._now()
        if (slept := self._awake - was) >= HOLE_SECONDS:
            log.info("nobody listened; minutes without a record are unknown", minutes=round(slept / 60))
            self.engine.pass_over(int(self._awake))

    async def _wait_for_code(self) -> None:
        log.info("events are accepted meanwhile, and judged when that is done")
        began = time.monotonic()
        while not (self._code.ready() or self._closing):
            if self._switch is not None:
                await self._switch_settings(*self._switch)
            await asyncio.sleep(CODE_POLL)
        if not self._closing:
            await asyncio.to_thread(load_judgement)
            log.info(BEGINS, compiled_in=f"{time.monotonic() - began:.0f} s")
        self._waits = False

    async def _advance_takeover(self) -> bool:
        """Continue the takeover of a learnt history; return whether there is more to do at once."""
        if not self.takeover.waits or self.by_clock.locked():
            return False
        if not await self.takeover.advance():
            return self.takeover.waits
        if self._blocks:
            await self.checkpoint()  # with the blocks, which the successor must judge too
            return True
        self._at(CrashPoint.JUDGED_ANEW, STAGE)
        await asyncio.to_thread(self.takeover.take_over)
        await self.checkpoint()
        self._at(CrashPoint.TAKEN_OVER, STAGE)
        self.takeover.finish()
        return False

    async def _evaluate_early(self, deliver: Deliver) -> None:
        if not self._settings.time.early or self.by_clock.locked():
            return
        async with self.by_clock:
            emitted = await asyncio.to_thread(self.engine.evaluate_early, SOURCE, self._now())
            if not emitted.findings:
                return
            await self._emit_decided(emitted, deliver)

    def _note_timely(self) -> bool:
        """Return whether records have had a say in time since the last call."""
        before, self._timely = self._timely, self.engine.timely(SOURCE)
        if self._timely == before:
            return False
        self._fed, self._quiet = time.monotonic(), 0.0
        return True

    async def _pass_time(self, deliver: Deliver) -> None:
        """Let time go on by the clock if nothing with a say in it has arrived for long."""
        passed = time.monotonic() - self._fed
        if passed < self._idle_after or self.by_clock.locked():
            return
        self._fed += passed
        async with self.by_clock:
            if self._intake.clocks.behind():
                return  # senders keep what happens meanwhile
            # not the time in which this process stood still: records may have arrived meanwhile
            self._quiet += min(passed, 2 * self._idle_after)
            emitted = await asyncio.to_thread(self.engine.idle, SOURCE, self._quiet)
            self._blocks += emitted.blocks
            self._record(emitted)
            await self._emit_decided(emitted, deliver)

    async def _emit_decided(self, emitted: Emitted, deliver: Deliver) -> None:
        """Emit what the clock decided; it is no function of the log, and must not be decided anew."""
        decided = _Pending(emitted.notices, emitted.watermark)
        await self.checkpoint(_PENDING.pack(decided) if emitted.notices else {})
        await self._emit(emitted, 0, deliver)
        self.changed = bool(emitted.notices)  # the next checkpoint is without them

    def first_bucket(self) -> int | None:
        """Return the first bucket that can be judged anew, epoch seconds; None if none has closed."""
        unsaved = next((block.bucket for block in self._blocks), None)
        kept = self._store.first_bucket()
        return unsaved if kept is None else kept

    def begin_takeover(self, learnt: LearntHistory) -> None:
        """Judge the kept blocks anew with a learnt history, and go on with the result."""
        self.takeover.begin(learnt)
        self._intake.arrived.set()

    async def switch_settings(self, settings: Settings, capacity: Capacity) -> None:
        """Judge by other settings and limits from now on, as a clean restart would."""
        done = asyncio.get_running_loop().create_future()
        self._switch = settings, capacity, done
        self._intake.arrived.set()
        await done

    async def finish(self, judging: asyncio.Task[None]) -> None:
        """Judge the rest of the log, end the task that runs ``run``, and write the last checkpoint."""
        self._caught_up.clear()
        self._intake.arrived.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0 if self._waits or judging.done() else CATCH_UP_SECONDS):
                await self._caught_up.wait()
        self._closing = True  # never cancelled: the engine may be in the middle of a run
        self._intake.arrived.set()
        (failed,) = await asyncio.gather(judging, return_exceptions=True)
        if self.changed and failed is None:  # the state of an engine that raised must not be kept
            await self.checkpoint()

    def mark_changed(self) -> None:
        """Have a checkpoint written soon: its contents have changed without a record."""
        self.changed = True
        self._intake.arrived.set()

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``."""
        return {
            "driver": "local",
            "records": self.offset,
            "lag": self.lag,
            "watermark": self.engine.judged_until,
            "not_judged": f"{self._counts.lateness.share:.0%} of the last records",
            "series": self.engine.series,
            "baselines": baselines(self.engine.ages(), self._settings.judge),
            **self.takeover.status(),
        }

    def not_ready(self) -> str | None:
        """Return that nothing is judged yet, or that records or event time are ahead of this host's clock."""
        return "; ".join(filter(None, (self.ahead(), self._judged_ahead(), self._waits_long()))) or None

    def _waits_long(self) -> str | None:
        seconds = time.monotonic() - self._fed
        if not self._waits or seconds < CODE_SECONDS:
            return None
        return (
            f"machine code has been made for {seconds:,.0f} s: records are stored, and none is judged until "
            "that is done. Wait, or give the daemon more of a processor"
        )

    def ahead(self) -> str | None:
        """Return that records come from the future, by this host's clock."""
        return self._intake.clocks.behind() or (AHEAD if self._counts.lateness.is_ahead else None)

    def _judged_ahead(self) -> str | None:
        ahead = self._intake.reached - self._now()
        if ahead > self._settings.time.future:
            return (
                f"event time is {ahead:,.0f} s ahead of this host's clock, which was ahead when records "
                "arrived: nothing is judged until it has caught up. Wait, or restore a backup of the state"
            )
        return None

    def stuck(self) -> str | None:
        """Return how the engine is stuck while records or a checkpoint wait, None if it is not."""
        now = self._processor()
        position = (self.offset, self._steps)
        self._stall.observe(now, position, self._saved_at if self.changed else position)
        if self._stall.moved_at == now:  # a long run is one piece, and saved at its end
            self._stall.saved_at = now
        if not self.lag or self._waits:
            self._stall.reset_progress(now)
        if (reason := self._stall.stuck(now, self._stuck * 2 ** self._ends())) is not None:
            self._note_slow()
        return reason

    def reading(self) -> StageReading:
        """Return the readings for the metrics."""
        now = time.monotonic()
        return StageReading(
            STAGE,
            0,
            lag=self.lag,
            watermark=self.engine.judged_until,
            checkpoint_age=self.checkpoint_age,
            fetch_age=now - self._fetched,
            progress_age=self._processor() - self._stall.moved_at,
            series=self.engine.series,
        )

    async def _switch_settings(
        self, settings: Settings, capacity: Capacity, done: "asyncio.Future[None]"
    ) -> None:
        await self.checkpoint()  # after a crash, nothing judged so far must be judged by the new ones
        await asyncio.to_thread(self.engine.judge_by, settings, capacity)
        self.takeover.restart()
        self._switch = None
        if not done.done():
            done.set_result(None)

    async def _judge_run(self, deliver: Deliver) -> bool:
        """Judge one run of the log; return False if there was nothing."""
        records, emitted = 0, None
        if self.lag:  # without records, the way to a thread and back is most of the work
            records, emitted = await asyncio.to_thread(self._feed_next)
        if emitted is None:
            self._caught_up.set()
            if self.changed and self.is_due():
                await self.checkpoint()
            return False
        self._blocks += emitted.blocks
        self._record(emitted)
        self._dead += [(SOURCE, self.offset + bad.index, bad) for bad in emitted.rejected]
        await self._emit(emitted, records, deliver)
        if self.is_due() or len(self._dead) >= MOST_DEAD:
            await self.checkpoint()
        return True

    def _feed_next(self) -> tuple[int, Emitted | None]:
        """Feed the engine the next records of the log, if there are any; return how many."""
        run = self._store.read(self.offset, self._most)
        if not run.records:
            return 0, None
        self._fetched = time.monotonic()
        self.engine.choose_mode(SOURCE, self._now())  # a checkpoint has the blocks with the mode
        return len(run.records), self.engine.feed(SOURCE, run.records, run.arrived)

    def _record(self, emitted: Emitted) -> None:
        if self._segments is not None:
            self._segments.feed(emitted.records)

    async def _emit(self, emitted: Emitted, records: int, deliver: Deliver) -> None:
        self._at(CrashPoint.JUDGED, STAGE)
        await deliver(emitted.notices, emitted.watermark)
        self._at(CrashPoint.REPORTED, STAGE)
        if emitted.records and self._history is not None:
            self._history.judged.notify()  # once notices of the same steps are delivered
        self.position = self.offset + records
        self._intake.judged, self._intake.reached = self.offset, self.engine.watermark(SOURCE)
        self.changed = True
        self._count(emitted, records)
        if emitted.rejected and (count := self._bad.happened(len(emitted.rejected))) is not None:
            log.warning("bad records were dead-lettered", count=count, detail=emitted.rejected[0].detail)

    def _count(self, emitted: Emitted, records: int) -> None:
        metrics, watermark = self._metrics, self.engine.watermark(SOURCE)
        self._counts.count(records, emitted.rejected, self.engine.totals, watermark)
        for notice in emitted.notices:
            metrics.notices.labels(notice.action.value).inc()
        metrics.blocks.inc(len(emitted.blocks))

    def parts(self) -> dict[str, bytes]:
        """Return the state of the engine, and the steps that are in no file yet."""
        return self.engine.snapshot() | _HELD.snapshot(self) | _AWAKE.pack(self._awake)

    async def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, dead letters and blocks in one transaction, which drops judged records."""
        dead, self._dead = self._dead, []
        blocks, self._blocks = self._blocks, []
        dropped = await asyncio.to_thread(
            self._store.save, STAGE, checkpoint, dead, self.offset, blocks=blocks, now=self._now()
        )
        for reason, count in dropped.items():
            self._metrics.dropped_letters.labels(reason).inc(count)

    def _step(self, _: int) -> None:
        self._steps += 1  # a long run of records progresses
        self._metrics.steps.inc()
