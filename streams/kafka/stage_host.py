"""Hosts the stages of one process: a Faust app gives them partitions and chunks, Kafka their state.

Crash-only: whatever escapes a stage ends the process with one line and exit code 1. Everything that counts
is in a checkpoint by then or will be read again, so a restart is the one way to go on.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, NamedTuple, NoReturn

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from streams.kafka.checkpoints import KafkaCheckpoints
from streams.kafka.fenced_store import FencedError
from streams.kafka.partition_ends import PartitionEnds
from streams.kafka.stage import Bounds, Emission, LostRecordsError, Stage, StageRunner
from streams.kafka.topics import BLOCK_BYTES
from streams.kafka.watermark_alignment import Level, ahead
from streams.lane.chunk import Chunk
from streams.lane.chunk_lane import ChunkApp
from streams.process.crash_points import CrashHook, CrashPoint, no_crash
from streams.process.metrics import Metrics
from streams.process.stall import OPENING_SECONDS, STUCK_SECONDS, StallDetector

FATAL: Final = 1
TICK_SECONDS: Final = 1.0
DROPPED_SECONDS: Final = 3.0  # without a chunk, though the consumer is ahead and none is on its way
REREADS: Final = 100  # chunks in a row that may ask to be read again: more than wait in any buffer

log = structlog.get_logger("uneri.host")


Send = Callable[[Any], Awaitable[Awaitable[Any]]]


class KeepLevel(NamedTuple):
    """Which event time a stage has reached, that of sources elsewhere, and how far ahead one may be."""

    watermark: Callable[[Any], int]  # of a stage, epoch seconds
    elsewhere: Callable[[Collection[str]], Iterable[int]]  # of sources that are not among the named ones
    most: int  # seconds


class Hosted(NamedTuple):
    """What runs on each partition of one topic.

    ``around`` is entered before a stage is opened and left after it was closed, and gives the way that its
    emissions take; without it they are records for other topics.
    """

    topic: str
    role: str  # names agents and checkpoints: rollup, detect, incidents, notify
    make: Callable[[int], Stage]  # partition -> a fresh stage
    idle_after: float | None = None
    around: Callable[[int], AbstractAsyncContextManager[Send]] | None = None
    level: KeepLevel | None = None  # partitions of which none runs ahead of the others


def fatal(error: BaseException, **context: object) -> NoReturn:
    """End the process at once: one line, exit code 1."""
    log.critical(str(error) or type(error).__name__, error=type(error).__name__, **context)
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(FATAL)


def fatal_when_failed(task: asyncio.Task[None]) -> None:
    """End the process when a task that it cannot do without has failed."""
    if not task.cancelled() and (error := task.exception()) is not None:
        fatal(error)


class StageHost:
    """Opens, feeds, ticks and closes a runner for every partition that Faust assigns.

    Parameters
    ----------
    app
        The Faust app, not yet started.
    hosted
        What runs on which topic.
    checkpoints
        Where state is kept.
    options
        Keyword arguments of every aiokafka client (brokers, security).
    every
        Seconds between checkpoints.
    topic_ids
        Tell each topic from another of the same name.
    metrics
        Where openings and assignments are counted.
    stuck
        Seconds that a stage may stand still though there is more to read and the broker answers.
    at
        Called at each crash point, for tests.
    """

    def __init__(
        self,
        app: ChunkApp,
        hosted: list[Hosted],
        checkpoints: KafkaCheckpoints,
        options: dict[str, Any],
        every: float = 5.0,
        *,
        topic_ids: Mapping[str, str] | None = None,
        metrics: Metrics | None = None,
        stuck: float = STUCK_SECONDS,
        at: CrashHook = no_crash,
    ) -> None:
        self.app = app
        self.paused: set[TP] = set()  # wait for slower partitions
        self.came: dict[TP, float] = {}  # when the newest chunk did, monotonic
        self.stalls: dict[TP, StallDetector] = {}
        self._metrics = metrics or Metrics()
        self._stuck = stuck
        self._ends = PartitionEnds(options)
        self._began: dict[TP, float] = {}  # when the opening of a stage did
        self._streams: dict[str, Any] = {}
        self._checkpoints = checkpoints
        self._every = every
        self._topic_ids = topic_ids or {}
        self._at = app.at = at
        self._hosted = {one.topic: one for one in hosted}
        self._opening: dict[TP, asyncio.Task[StageRunner]] = {}
        self._closing: dict[TP, asyncio.Task[None]] = {}
        self._around: dict[TP, AsyncExitStack] = {}
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, linger_ms=5, max_request_size=BLOCK_BYTES, **options
        )
        # Asks for offsets. Faust's own consumer could, but answers only between two of its fetches, which
        # wait for records: a restart would take seconds a partition.
        self._asking = AIOKafkaConsumer(enable_auto_commit=False, **options)
        self._ticking: asyncio.Task[None] | None = None
        self._reread: dict[TP, int] = {}
        self._gone_back: dict[TP, int] = {}
        self._closed = False
        for one in hosted:
            app.agent(app.chunk_topic(one.topic), name=f"uneri-{one.role}")(self._agent(one.role))
        app.on_partitions_assigned.connect(self._assigned)
        app.on_partitions_revoked.connect(self._revoked)

    @property
    def runners(self) -> dict[TP, StageRunner]:
        """The runners that are open, by partition."""
        return {
            tp: task.result()
            for tp, task in self._opening.items()
            if task.done() and not task.cancelled() and task.exception() is None
        }

    @property
    def opening(self) -> list[str]:
        """The partitions whose state is being restored."""
        return sorted(
            f"{self._hosted[tp.topic].role}/{tp.partition}"
            for tp, task in self._opening.items()
            if not task.done()
        )

    def role(self, tp: TP) -> str:
        """Return what runs on a partition."""
        return self._hosted[tp.topic].role

    def lag(self, tp: TP, runner: StageRunner) -> int:
        """Return how many records a stage has yet to take in, as far as the consumer knows."""
        try:
            end = self.app.chunk_consumer.highwater(tp)
        except (AssertionError, ConsumerNotStarted):
            return 0  # the partition is just given away, or the consumer stops
        return max(0, (end or 0) - (runner.position or 0))

    def queues(self) -> dict[str, int]:
        """Return what waits between Kafka and the stages, and from them to Kafka."""
        depth = {f"chunks_{role}": stream.channel.queue.qsize() for role, stream in self._streams.items()}
        for tp, runner in self.runners.items():
            name = f"unacknowledged_{self.role(tp)}"
            depth[name] = depth.get(name, 0) + runner.unacknowledged
        return depth

    async def start(self) -> None:
        """Start the producer and the app; return when Faust is up."""
        await self._producer.start()
        await self._asking.start()
        await self.app.start()
        self._ticking = asyncio.create_task(self._tick())
        self._ticking.add_done_callback(fatal_when_failed)

    async def stop(self) -> None:
        """Write the last checkpoints, commit what they include, leave the group."""
        self._closed = True
        if self._ticking is not None:
            self._ticking.cancel()
        await self._close(set(self._opening))
        await self.app.chunk_consumer.commit()
        await self.app.stop()
        await self._producer.stop()
        await self._ends.close()
        await self._asking.stop()
        await self._checkpoints.close()

    async def send(self, emission: Emission) -> asyncio.Future[Any]:
        """Hand a record to Kafka; the future tells when all replicas have it."""
        sent: asyncio.Future[Any] = await self._producer.send(
            emission.topic, emission.value, key=emission.key, partition=emission.partition
        )
        return sent

    def _agent(self, role: str) -> Callable[[Any], Coroutine[Any, Any, None]]:
        async def agent(stream: Any) -> None:
            self._streams[role] = stream
            async for chunk in stream:
                await self._fed(chunk)

        return agent

    async def _fed(self, chunk: Chunk) -> None:
        tp = TP(chunk.topic, chunk.partition)
        self.came[tp] = time.monotonic()
        try:
            runner = await self._runner(tp)
            if runner is None:
                return
            try:
                await runner.feed(chunk)
            except LostRecordsError as error:
                await self._read_again(tp, runner, error)
            else:
                self._reread.pop(tp, None)
        except Exception as error:  # noqa: BLE001 - the edge of the process: Faust would lose the chunk
            fatal(error, source=f"{chunk.topic}/{chunk.partition}", chunk_from=chunk.start)

    async def _read_again(self, tp: TP, runner: StageRunner, error: LostRecordsError) -> None:
        """Go back to the stage's position: a rebalance may drop chunks that were already fetched.

        What still waits in the stream's buffer is ahead too, and asks for the same; that ends when the
        buffer has run empty. What keeps being skipped is not a rebalance and ends the process.
        """
        position = runner.position
        asked = self._reread[tp] = self._reread.get(tp, 0) + 1
        if position is None or asked > REREADS:
            raise error
        log.warning(
            "records were skipped; reading them again", source=f"{tp.topic}/{tp.partition}", offset=position
        )
        await self.app.chunk_consumer.seek(tp, position)

    async def _runner(self, tp: TP) -> StageRunner | None:
        if self._closed or tp not in self.app.chunk_consumer.owned:
            return None  # of an assignment that has ended: whoever owns it now reads it again
        if tp not in self._opening:
            self._began[tp] = time.monotonic()
            self._opening[tp] = asyncio.create_task(self._open(tp))
        return await self._opening[tp]

    async def _open(self, tp: TP) -> StageRunner:
        hosted = self._hosted[tp.topic]
        stack = self._around[tp] = AsyncExitStack()
        send = await stack.enter_async_context(hosted.around(tp.partition)) if hosted.around else self.send
        runner = StageRunner(
            f"{hosted.role}/{tp.partition}",
            f"{tp.topic}/{tp.partition}",
            hosted.make(tp.partition),
            checkpoints=self._checkpoints,
            send=send,
            release=lambda offset: self.app.chunk_consumer.release(tp, offset),
            bounds=lambda: self._bounds(tp),
            topic_id=self._topic_ids.get(tp.topic, ""),
            every=self._every,
            idle_after=hosted.idle_after,
            at=self._at,
        )
        await runner.open()
        self.stalls[tp] = StallDetector(runner.key, time.monotonic())
        self._metrics.opened.labels(hosted.role).inc()
        log.info("stage opened", key=runner.key, offset=runner.position)
        return runner

    async def _bounds(self, tp: TP) -> Bounds:
        place = TopicPartition(tp.topic, tp.partition)
        first, end = await asyncio.gather(
            self._asking.beginning_offsets([place]), self._asking.end_offsets([place])
        )
        return Bounds(first[place], end[place])

    async def _assigned(self, *told: Any, **_: Any) -> None:
        """Open at once, also what has no records: it may have to say that it is idle."""
        self._metrics.rebalances.inc()
        for tp in told[1]:  # after the sender
            if tp.topic in self._hosted:
                self._at(CrashPoint.ASSIGNED, f"{self._hosted[tp.topic].role}/{tp.partition}")
                self._in_background(self._open_early(tp), tp)

    async def _open_early(self, tp: TP) -> None:
        await self._runner(tp)

    def _in_background(self, work: Coroutine[Any, Any, None], tp: TP) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - the edge of the process
                fatal(error, source=f"{tp.topic}/{tp.partition}")

        self.app.add_future(guarded())

    async def _revoked(self, *told: Any, **_: Any) -> None:
        await self._close(told[1])  # after the sender
        if told[1]:
            await self.app.chunk_consumer.commit()

    async def _close(self, tps: set[TP]) -> None:
        # A stop and a rebalance may come together: each waits for the one closing of a stage.
        for tp in tps:
            if tp in self._opening and tp not in self._closing:
                self._closing[tp] = asyncio.create_task(self._close_one(tp))
        await asyncio.gather(*(self._closing[tp] for tp in tps if tp in self._closing))

    async def _close_one(self, tp: TP) -> None:
        try:
            runner = await self._opening[tp]
            self._at(CrashPoint.REVOKED, runner.key)
            try:
                await runner.close()
                self._at(CrashPoint.CLOSED, runner.key)
            except FencedError as error:
                log.warning(str(error), source=runner.source)
            finally:
                self._opening.pop(tp, None)
                self.paused.discard(tp)
                for kept in (self.stalls, self.came, self._began, self._closing, self._gone_back):
                    kept.pop(tp, None)
                await self._around.pop(tp).aclose()
                await self._checkpoints.close(runner.key)
        except Exception as error:  # noqa: BLE001 - the edge of the process
            fatal(error, source=f"{tp.topic}/{tp.partition}")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await asyncio.gather(*(self._tick_one(tp, runner) for tp, runner in self.runners.items()))
            self._keep_level()
            for tp, runner in list(self.runners.items()):
                await self._go_back(tp, runner)

    async def _tick_one(self, tp: TP, runner: StageRunner) -> None:
        try:
            await runner.tick()
        except Exception as error:  # noqa: BLE001 - the edge of the process
            fatal(error, source=f"{tp.topic}/{tp.partition}")

    async def _go_back(self, tp: TP, runner: StageRunner) -> None:
        """Read again from the position of a stage that the consumer is ahead of while nothing is on its way.

        A rebalance may drop what was fetched. A skip is noticed at the next chunk, but behind the last record
        there is none. Once a position: what is between may be no record for us.
        """
        consumer = self.app.chunk_consumer
        if not consumer.flow_active or consumer.offered is not None or tp not in consumer.owned:
            return
        stream, seen = self._streams.get(self.role(tp)), self.stalls.get(tp)
        if stream is None or seen is None or stream.channel.queue.qsize() or runner.busy or tp in self.paused:
            return
        if time.monotonic() - max(self.came.get(tp, 0.0), seen.moved_at) < DROPPED_SECONDS:
            return
        position = runner.position or 0
        ahead = consumer.next_offset(tp)
        if ahead is None or ahead <= position or self._gone_back.get(tp) == position:
            return
        self._gone_back[tp] = position
        try:
            bounds = await self._bounds(tp)
            if bounds.first <= position < bounds.end or (runner.position is None and bounds.first < ahead):
                log.warning("what was fetched was dropped; reading it again", key=runner.key, offset=position)
                await consumer.seek(tp, max(position, bounds.first))
        except KafkaError:  # no answer, or the partition has just been taken away
            self._gone_back.pop(tp, None)

    # -- keeping level ----------------------------------------------------------------------------

    def _keep_level(self) -> None:
        """Let who runs ahead of the slowest partition wait for it, and who waited long enough go on."""
        consumer = self.app.chunk_consumer
        if not consumer.flow_active:
            return  # a rebalance: Faust pauses and resumes all of them
        for one in self._hosted.values():
            if one.level is None:
                continue
            runners = {tp: runner for tp, runner in self.runners.items() if tp.topic == one.topic}
            levels = {
                tp: Level(one.level.watermark(runner.stage), self.lag(tp, runner) > 0)
                for tp, runner in runners.items()
                if tp in consumer.owned
            }
            elsewhere = one.level.elsewhere({runner.source for runner in runners.values()})
            wait = ahead(levels, elsewhere, one.level.most)
            if wait:
                consumer.pause_partitions(wait)  # also those that a rebalance has let go on
            go_on = (self.paused & levels.keys()) - wait
            if go_on:
                consumer.resume_partitions(go_on)
            self.paused = {tp for tp in self.paused if tp.topic != one.topic} | wait
            self._metrics.paused.labels(one.role).set(len(wait))

    # -- who does not get on ----------------------------------------------------------------------

    async def look(self) -> str | None:
        """Say which stage is wedged: it stands still though there is more and a broker answers."""
        now = time.monotonic()
        doubtful: list[TP] = []
        # The chunks of a role come one after the other: they wait while a partition among them is opened,
        # which has a time of its own. All roles get theirs from one fetcher: while it waits for room in the
        # queue of one, the others can have nothing; who takes that one's chunks is not excused.
        offered = self.app.chunk_consumer.offered
        opening = {self.role(tp) for tp, task in self._opening.items() if not task.done()}
        for tp, runner in self.runners.items():
            if (seen := self.stalls.get(tp)) is None:
                continue
            seen.observe(now, runner.position, runner.saved)
            starved = offered is not None and self.role(offered) != self.role(tp)
            if tp in self.paused or self.role(tp) in opening or starved:
                seen.reset_progress(now)
            elif seen.age(now) > self._stuck / 3:
                doubtful.append(tp)
        late = [tp for tp, began in self._began.items() if self._is_late(tp, now - began)]
        if not doubtful and not late:
            return None
        ends = await self._ends.of([*doubtful, *late])
        if ends is None:
            self._excuse(doubtful, late)
            return None
        stuck = (self._stuck_at(tp, ends[tp]) for tp in doubtful)
        if why := next((one for one in stuck if one), None):
            return why
        return None if not late else f"{self.role(late[0])}/{late[0].partition} could not be opened"

    def _stuck_at(self, tp: TP, bounds: Bounds) -> str | None:
        runner, seen = self.runners.get(tp), self.stalls.get(tp)
        if runner is None or seen is None:
            return None
        now = time.monotonic()
        if bounds.end <= max(bounds.first, runner.position or 0):  # what was deleted is nothing to read
            seen.reset_progress(now)
        why = seen.stuck(now, self._stuck)
        return why and f"{why}, and the broker answers"

    def _is_late(self, tp: TP, seconds: float) -> bool:
        opening = self._opening.get(tp)
        return opening is not None and not opening.done() and seconds > OPENING_SECONDS

    def _excuse(self, doubtful: list[TP], late: list[TP]) -> None:
        now = time.monotonic()
        for tp in doubtful:
            if seen := self.stalls.get(tp):
                seen.reset(now)
        for tp in late:
            self._began[tp] = now
