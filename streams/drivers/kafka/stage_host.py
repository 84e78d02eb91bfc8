"""Hosts the stages of one process: Faust assigns partitions and delivers chunks, Kafka keeps their state.

Crash-only: an exception that escapes a stage ends the process with one line and exit code 1. Everything that
matters is in a checkpoint by then or will be read again, so a restart is the only recovery.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, NamedTuple, NoReturn

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedError
from streams.drivers.kafka.stage import Bounds, Emission, LostRecordsError, Stage, StageRunner, UnfedError
from streams.drivers.kafka.stall_watch import PartitionEnds, StallWatch
from streams.drivers.kafka.topics import BLOCK_BYTES
from streams.drivers.kafka.watermark_alignment import WatermarkAlignment
from streams.ingest.batch_consumer.batch_consumer import ChunkApp
from streams.ingest.batch_consumer.chunk import Chunk, pieces
from streams.process.crash_points import CrashHook, CrashPoint, no_crash
from streams.process.metrics import Metrics
from streams.process.watchdog import STUCK_SECONDS

FATAL: Final = 1
TICK_SECONDS: Final = 1.0
TURN_SECONDS: Final = 0.03  # a turn of the event loop that takes less may be twice as large
MOST_TURNS: Final = 4  # times as large at most
ALIGN_SECONDS: Final = 0.02  # between two alignments, at least
DROPPED_SECONDS: Final = 3.0  # without a chunk, though the consumer is ahead and none is on its way
REREADS: Final = 100  # chunks in a row that may be read again: more than wait in any buffer

GIVEN_UP: Final = (
    "a client of Kafka gave up, as when its connection was lost; the next start goes on from the last "
    "checkpoint"
)

log = structlog.get_logger("uneri.host")
Send = Callable[[Any], Awaitable[Awaitable[Any]]]


class Hosted(NamedTuple):
    """The stage that runs on each partition of one topic.

    ``around`` is entered before a stage is opened and left after it is closed, and yields the function that
    sends its emissions; without it they are records for other topics.
    """

    topic: str
    role: str  # names agents and checkpoints: rollup, detect, incidents, notify, board
    make: Callable[[int], Stage]  # partition -> a new stage
    idle_after: float | None = None
    around: Callable[[int], AbstractAsyncContextManager[Send]] | None = None
    alignment: WatermarkAlignment | None = None  # when no partition may run ahead of the others
    name: str = ""  # that of the topic in the names of agent and checkpoints, where several have one role
    at_once: int | None = None  # bytes that a stage is fed in a turn of the event loop, at first; else chunks
    fetch: Callable[[Any], bool] | None = (
        None  # gets the input that a stage needs, in a thread; False: not now
    )


class GivenUpError(RuntimeError):
    """A task was cancelled, though nobody had asked for that."""


def turn_size(most: int, least: int, seconds: float) -> int:
    """Return the bytes to feed in the next turn of the event loop, given the ``seconds`` that ``most`` took.

    For a fast format, the turns themselves cost most; a slow one must not keep others waiting.

    Examples
    --------
    >>> [turn_size(512, 256, seconds) for seconds in (0.01, 0.05, 0.2)], turn_size(256, 256, 0.2)
    ([1024, 512, 256], 256)
    """
    if seconds < TURN_SECONDS:
        return min(2 * most, MOST_TURNS * least)
    return most if seconds < 4 * TURN_SECONDS else max(most // 2, least)


def fatal(error: BaseException, **context: object) -> NoReturn:
    """End the process at once: one line, exit code 1."""
    log.critical(str(error) or type(error).__name__, error=type(error).__name__, **context)
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(FATAL)


def fatal_when_failed(task: asyncio.Task[None]) -> None:
    """End the process if a task that it depends on has failed, or was cancelled unasked."""
    if task.cancelled():
        if not task.cancelling():
            fatal(GivenUpError(GIVEN_UP), task=getattr(task.get_coro(), "__qualname__", ""))
    elif (error := task.exception()) is not None:
        fatal(error)


def start_vital(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a task that the process depends on: if it fails, the process ends."""
    task = asyncio.create_task(work)
    task.add_done_callback(fatal_when_failed)
    return task


@contextlib.asynccontextmanager
async def vital_tasks(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run tasks that the process depends on while the block runs."""
    tasks = [start_vital(coroutine) for coroutine in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class StageHost:
    """Opens, feeds, ticks and closes a runner for every partition that Faust assigns.

    Parameters
    ----------
    hosted
        The stages, by topic.
    every
        Seconds between checkpoints.
    topic_ids
        The id of each topic, which distinguishes it from another of the same name.
    stuck
        Seconds that a stage may stand still although there is more to read and a broker answers.
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
        self._metrics = metrics or Metrics()
        self._ends = PartitionEnds(options)
        self.stalls = StallWatch(self._ends, stuck)
        self._streams: dict[str, Any] = {}
        self._checkpoints = checkpoints
        self._every = every
        self._topic_ids = topic_ids or {}
        self._at = app.at = at
        self._hosted = {stages.topic: stages for stages in hosted}
        self._opening: dict[TP, asyncio.Task[StageRunner]] = {}
        self._closing: dict[TP, asyncio.Task[None]] = {}
        self._around: dict[TP, AsyncExitStack] = {}
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, linger_ms=5, max_request_size=BLOCK_BYTES, **options
        )
        # Queries offsets. Faust's own consumer answers only between two of its fetches, which wait for
        # records: a restart would take seconds per partition.
        self._offsets = AIOKafkaConsumer(enable_auto_commit=False, **options)
        self._ticking: asyncio.Task[None] | None = None
        self._reread: dict[TP, int] = {}
        self._gone_back: dict[TP, int] = {}
        self._waiting: dict[TP, asyncio.Event] = {}  # whose stage needs input first; set when that is over
        self._stopping = asyncio.Event()
        self._aligned = 0.0
        for stages in hosted:
            name = f"uneri-{stages.role}{stages.name and f'-{stages.name}'}"
            app.agent(app.chunk_topic(stages.topic), name=name)(self._agent(stages.topic))
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
        return sorted(self._name(tp) for tp, task in self._opening.items() if not task.done())

    @property
    def waiting(self) -> list[str]:
        """The partitions whose stage needs input that is not available now."""
        return sorted(map(self._name, self._waiting))

    def role(self, tp: TP) -> str:
        """Return the role of a partition."""
        return self._hosted[tp.topic].role

    def lag(self, tp: TP, runner: StageRunner) -> int:
        """Return how many records a stage has not read yet, as far as the consumer knows."""
        try:
            end = self.app.chunk_consumer.highwater(tp)
        except (AssertionError, ConsumerNotStarted):
            return 0  # the partition is being revoked, or the consumer stops
        return max(0, (end or 0) - (runner.position or 0))

    def queues(self) -> dict[str, int]:
        """Return the number of chunks and emissions that wait between Kafka and the stages."""
        depth: dict[str, int] = {}
        for topic, stream in self._streams.items():
            name = f"chunks_{self._hosted[topic].role}"
            depth[name] = depth.get(name, 0) + stream.channel.queue.qsize()
        for tp, runner in self.runners.items():
            name = f"unacknowledged_{self.role(tp)}"
            depth[name] = depth.get(name, 0) + runner.unacknowledged
        return depth

    async def start(self) -> None:
        """Start the producer and the app; return when Faust is up."""
        await self._producer.start()
        await self._offsets.start()
        await self.app.start()
        self._ticking = start_vital(self._tick())

    async def replace_stages(self, roles: Collection[str]) -> None:
        """Replace the stages of these roles by new ones, made by the present settings."""
        for tp, opening in list(self._opening.items()):
            if self.role(tp) in roles:
                try:
                    await (await asyncio.shield(opening)).replace_stage(
                        self._hosted[tp.topic].make(tp.partition)
                    )
                except FencedError as error:  # another process has it, which reads its own configuration
                    log.warning(str(error), source=self._name(tp))

    async def stop(self) -> None:
        """Write the last checkpoints, commit the offsets that they include, and leave the group."""
        self._stopping.set()
        if self._ticking is not None:
            await (
                self._ticking
            )  # emissions of a tick must be in the last checkpoint, or acknowledged before it
        await self._close(set(self._opening))
        await self.app.chunk_consumer.commit()
        await self.app.stop()
        await self._producer.stop()
        await self._ends.close()
        await self._offsets.stop()
        await self._checkpoints.close()

    async def send(self, emission: Emission) -> asyncio.Future[Any]:
        """Send a record to Kafka; the future is done when all replicas have it."""
        sent: asyncio.Future[Any] = await self._producer.send(
            emission.topic, emission.value, key=emission.key, partition=emission.partition
        )
        return sent

    def _agent(self, topic: str) -> Callable[[Any], Coroutine[Any, Any, None]]:
        least = self._hosted[topic].at_once

        async def agent(stream: Any) -> None:
            self._streams[topic] = stream
            most = least
            async for chunk in stream:
                if least is None or most is None:
                    await self._feed_chunk(chunk)
                    continue
                for piece in pieces(chunk, most):
                    began = time.monotonic()
                    await self._feed_chunk(piece)
                    most = turn_size(most, least, time.monotonic() - began)
                    await asyncio.sleep(0)

        return agent

    async def _feed_chunk(self, chunk: Chunk) -> None:
        tp = TP(chunk.topic, chunk.partition)
        self.stalls.received(tp)
        with self._ending(tp, chunk_from=chunk.start):  # Faust would lose the chunk
            runner = await self._runner(tp)
            if runner is None or tp in self._waiting:  # it will be read again
                return
            try:
                await self._feed(tp, runner, chunk)
                self._align_soon(tp)
            except LostRecordsError as error:
                await self._read_again(tp, runner, error)
            else:
                self._reread.pop(tp, None)

    async def _feed(self, tp: TP, runner: StageRunner, chunk: Chunk) -> None:
        while True:
            try:
                return await runner.feed(chunk)
            except UnfedError as error:
                if not await self._fetched(tp, error.needs):
                    self._wait(tp, error.needs)
                    return None

    async def _fetched(self, tp: TP, needs: Any) -> bool:
        fetch = self._hosted[tp.topic].fetch
        assert fetch is not None  # noqa: S101 - a stage that needs something is hosted with it
        return await asyncio.to_thread(fetch, needs)

    def _wait(self, tp: TP, needs: Any) -> None:
        """Feed nothing more of a partition until its stage has the input it needs.

        Its chunks are dropped meanwhile, so that no full queue is in the way of other topics.
        """
        over = self._waiting[tp] = asyncio.Event()
        self.app.chunk_consumer.pause_partitions({tp})
        self._in_background(self._until_fetched(tp, needs, over), tp)

    async def _until_fetched(self, tp: TP, needs: Any, over: asyncio.Event) -> None:
        while not over.is_set() and not await self._fetched(tp, needs):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), TICK_SECONDS)
        runner = self.runners.get(tp)
        if over.is_set() or runner is None or tp not in self.app.chunk_consumer.owned:
            return
        del self._waiting[tp]
        consumer = self.app.chunk_consumer
        await consumer.seek(tp, runner.position or 0)
        if not self._paused(tp):
            consumer.resume_partitions({tp})

    async def _read_again(self, tp: TP, runner: StageRunner, error: LostRecordsError) -> None:
        """Seek back to the stage's position: a rebalance may drop chunks that were already fetched.

        Chunks still in the stream's buffer are ahead too and cause the same, until the buffer is empty. A
        skip that persists is not due to a rebalance and ends the process.
        """
        position = runner.position
        rereads = self._reread[tp] = self._reread.get(tp, 0) + 1
        if position is None or rereads > REREADS:
            raise error
        log.warning(
            "records were skipped; reading them again", source=f"{tp.topic}/{tp.partition}", offset=position
        )
        await self.app.chunk_consumer.seek(tp, position)

    async def _runner(self, tp: TP) -> StageRunner | None:
        if self._stopping.is_set() or tp not in self.app.chunk_consumer.owned:
            return None  # of an assignment that has ended: its new owner reads it again
        if tp not in self._opening:
            self.stalls.opening(tp)
            self._opening[tp] = asyncio.create_task(self._open(tp))
        return await asyncio.shield(self._opening[tp])  # a caller may be cancelled; others wait too

    async def _open(self, tp: TP) -> StageRunner:
        hosted = self._hosted[tp.topic]
        stack = self._around[tp] = AsyncExitStack()
        send = await stack.enter_async_context(hosted.around(tp.partition)) if hosted.around else self.send
        runner = StageRunner(
            self._name(tp),
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
        self.stalls.opened(tp, runner.key)
        self._metrics.opened.labels(hosted.role).inc()
        log.info("stage opened", key=runner.key, offset=runner.position)
        return runner

    async def _bounds(self, tp: TP) -> Bounds:
        place = TopicPartition(tp.topic, tp.partition)
        first, end = await asyncio.gather(
            self._offsets.beginning_offsets([place]), self._offsets.end_offsets([place])
        )
        return Bounds(first[place], end[place])

    async def _assigned(self, *args: Any, **_: Any) -> None:
        """Open at once, even without records: the stage may have to report that its source is idle."""
        self._metrics.rebalances.inc()
        for tp in args[1]:  # args[0] is the sender
            if tp.topic in self._hosted:
                self._at(CrashPoint.ASSIGNED, self._name(tp))
                self._in_background(self._open_early(tp), tp)

    async def _open_early(self, tp: TP) -> None:
        await self._runner(tp)

    def _in_background(self, work: Coroutine[Any, Any, None], tp: TP) -> None:
        async def guarded() -> None:
            with self._ending(tp):
                await work

        self.app.add_future(guarded())

    @contextlib.contextmanager
    def _ending(self, tp: TP, *, closes: bool = False, **context: object) -> Iterator[None]:
        """End the process if the block fails: for Faust, an agent that fails is a log line.

        A cancellation that nobody asked for is a failure too: a client of Kafka has given up. While the host
        stops, Faust gives up pending requests; only the closing of stages still matters then.
        """
        try:
            yield
        except asyncio.CancelledError:
            task = asyncio.current_task()
            is_asked_for = task is None or task.cancelling() > 0
            if is_asked_for or (self._stopping.is_set() and not closes):
                raise
            fatal(GivenUpError(GIVEN_UP), source=f"{tp.topic}/{tp.partition}", **context)
        except Exception as error:  # noqa: BLE001 - the edge of the process
            fatal(error, source=f"{tp.topic}/{tp.partition}", **context)

    async def _revoked(self, *args: Any, **_: Any) -> None:
        await self._close(args[1])  # args[0] is the sender
        if args[1]:
            await self.app.chunk_consumer.commit()

    async def _close(self, tps: set[TP]) -> None:
        # A stop and a rebalance may coincide: both wait for the same closing of a stage.
        for tp in tps:
            if tp in self._opening and tp not in self._closing:
                self._closing[tp] = asyncio.create_task(self._close_one(tp))
        await asyncio.gather(*(asyncio.shield(self._closing[tp]) for tp in tps if tp in self._closing))

    async def _close_one(self, tp: TP) -> None:
        with self._ending(tp, closes=True):
            runner = await asyncio.shield(self._opening[tp])
            self._at(CrashPoint.REVOKED, runner.key)
            try:
                await runner.close()
                self._at(CrashPoint.CLOSED, runner.key)
            except FencedError as error:
                log.warning(str(error), source=runner.source)
            finally:
                self._opening.pop(tp, None)
                if alignment := self._hosted[tp.topic].alignment:
                    alignment.paused.discard(tp)
                if over := self._waiting.pop(tp, None):
                    over.set()
                self.stalls.closed(tp)
                for kept in (self._closing, self._gone_back):
                    kept.pop(tp, None)
                await self._around.pop(tp).aclose()
                await self._checkpoints.close(runner.key)

    async def _tick(self) -> None:
        while not await self._stops_within(TICK_SECONDS):
            await asyncio.gather(*(self._tick_one(tp, runner) for tp, runner in self.runners.items()))
            self._align()
            for tp, runner in list(self.runners.items()):
                await self._go_back(tp, runner)

    async def _stops_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    async def _tick_one(self, tp: TP, runner: StageRunner) -> None:
        with self._ending(tp):
            await runner.tick()

    async def _go_back(self, tp: TP, runner: StageRunner) -> None:
        """Seek back to the position of a stage if the consumer is ahead while no chunk is on its way.

        A rebalance may drop fetched chunks. The next chunk shows the gap, but no chunk follows the last
        record. Once per position: what lies between may not be records for the stage.
        """
        consumer = self.app.chunk_consumer
        if not consumer.flow_active or consumer.offered is not None or tp not in consumer.owned:
            return
        stream = self._streams.get(tp.topic)
        if stream is None or tp not in self.stalls.detectors:
            return
        if stream.channel.queue.qsize() or runner.busy or self._paused(tp):
            return
        position = runner.position or 0
        ahead = consumer.next_offset(tp)
        if ahead is None or ahead <= position or self._gone_back.get(tp) == position:
            return
        if self.stalls.quiet_seconds(tp) < DROPPED_SECONDS:
            return
        self._gone_back[tp] = position
        try:
            bounds = await self._bounds(tp)
            if bounds.first <= position < bounds.end or (runner.position is None and bounds.first < ahead):
                log.warning(
                    "fetched records were dropped; reading them again", key=runner.key, offset=position
                )
                await consumer.seek(tp, max(position, bounds.first))
        except KafkaError:  # no answer, or the partition has just been revoked
            self._gone_back.pop(tp, None)

    def _align_soon(self, tp: TP) -> None:
        """Align the partitions without waiting for a tick: one that is paused has nothing to do meanwhile."""
        if self._hosted[tp.topic].alignment is None or time.monotonic() - self._aligned < ALIGN_SECONDS:
            return
        self._align()

    def _align(self) -> None:
        consumer = self.app.chunk_consumer
        self._aligned = time.monotonic()
        if not consumer.flow_active:
            return  # a rebalance: Faust pauses and resumes all of them
        aligned: dict[int, list[Hosted]] = {}
        for hosted in self._hosted.values():
            if hosted.alignment is not None:
                aligned.setdefault(id(hosted.alignment), []).append(hosted)
        for group in aligned.values():
            topics = {hosted.topic for hosted in group}
            alignment, role = group[0].alignment, group[0].role
            assert alignment is not None  # noqa: S101 - see above
            alignment.align(
                consumer,
                {tp: runner for tp, runner in self.runners.items() if tp.topic in topics},
                self.lag,
                self._waiting,
            )
            self._metrics.paused.labels(role).set(len(alignment.paused))
        if self._waiting:
            consumer.pause_partitions(set(self._waiting))  # again: a rebalance resumes all

    def _paused(self, tp: TP) -> bool:
        alignment = self._hosted[tp.topic].alignment
        return tp in self._waiting or (alignment is not None and tp in alignment.paused)

    async def stuck(self) -> str | None:
        """Return which stage stands still although there is more to read and a broker answers."""
        # Chunks of a topic are processed one after the other: they wait while one of its partitions is
        # opened, which has a limit of its own. All topics share one fetcher: while it waits for room in the
        # queue of one the others receive nothing, and only that one is not excused.
        offered = self.app.chunk_consumer.offered
        opening = {tp for tp, task in self._opening.items() if not task.done()}
        topics = {tp.topic for tp in opening}

        def excused(tp: TP) -> bool:
            starved = offered is not None and offered.topic != tp.topic
            return self._paused(tp) or tp.topic in topics or starved

        return await self.stalls.check(self.runners, opening, excused, self._name)

    def partition(self, tp: TP) -> int | str:
        """Return the name of a partition among those of its role: ``3``, or ``otlp_spans/0``."""
        name = self._hosted[tp.topic].name
        return f"{name}/{tp.partition}" if name else tp.partition

    def _name(self, tp: TP) -> str:
        return f"{self.role(tp)}/{self.partition(tp)}"
