"""Hosts the stages of one process: Faust assigns partitions and delivers chunks, Kafka keeps their state.

Crash-only: an exception that escapes a stage ends the process with one line and exit code 1, or 2 for
the state of a newer version. Everything that matters is in a checkpoint by then or will be read again, so a
restart is the only recovery.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping
from functools import partial
from typing import Any, Final, NoReturn

import structlog
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    KafkaTimeoutError,
    OutOfOrderSequenceNumber,
    UnknownProducerId,
)
from faust.types import TP

from detectors.state.state import NewerStateError
from streams.drivers.checkpointing import USUAL, RunOptions
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedError
from streams.drivers.kafka.hosted_partition import Clients, Hosted, HostedPartition, key_of
from streams.drivers.kafka.stage import LostRecordsError, StageRunner, UnfedError
from streams.drivers.kafka.stall_watch import PartitionEnds, StallWatch
from streams.drivers.kafka.topics import WENT_BACK
from streams.ingest.batch_consumer.batch_consumer import ChunkApp
from streams.ingest.batch_consumer.chunk import Chunk, pieces
from streams.process.crash_points import CrashPoint
from streams.process.logs import Recurring
from streams.process.metrics import Metrics
from streams.process.watchdog import StallDetector

FATAL: Final = 1
REFUSED: Final = 2  # supervisors do not start it again
CLOCK_REFUSED: Final = (
    "Kafka refuses records with the time of this host, which is far ahead of its own: set the clock that "
    "is wrong, then start again. Nothing is lost"
)
KAFKA_AWAY: Final = (
    "Kafka does not answer: check kafka.brokers and the brokers. The next start goes on from the checkpoint; "
    "nothing is lost"
)
FORGOTTEN: Final = f"Kafka has forgotten what this worker wrote: {WENT_BACK}"
FATAL_LINES: Final[Mapping[type[Exception], str]] = {
    InvalidTimestampError: CLOCK_REFUSED,
    KafkaTimeoutError: KAFKA_AWAY,
    OutOfOrderSequenceNumber: FORGOTTEN,
    UnknownProducerId: FORGOTTEN,
}
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
    """End the process at once: one line, exit code 1, or 2 if another start would not help."""
    said = str(error) or type(error).__name__
    for kind, text in FATAL_LINES.items():
        said = text if isinstance(error, kind) else said
    log.critical(said, error=type(error).__name__, **context)
    for stream in (sys.stderr, sys.stdout):
        with contextlib.suppress(OSError):  # its disk is full
            stream.flush()
    os._exit(REFUSED if isinstance(error, NewerStateError) else FATAL)


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
    kafka
        Keyword arguments of every client.
    topic_ids
        The id of each topic, which distinguishes it from another of the same name.
    """

    def __init__(
        self,
        app: ChunkApp,
        hosted: list[Hosted],
        checkpoints: KafkaCheckpoints,
        kafka: dict[str, Any],
        options: RunOptions = USUAL,
        *,
        topic_ids: Mapping[str, str] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.clients = Clients(app, kafka)
        self._metrics = metrics or Metrics()
        self._ends = PartitionEnds(kafka)
        self.stalls = StallWatch(self._ends, options.stuck)
        self._streams: dict[str, Any] = {}
        self._checkpoints = checkpoints
        self._options = options
        self._topic_ids = topic_ids or {}
        self._at = app.at = options.at
        self._hosted = {stages.topic: stages for stages in hosted}
        self.partitions: dict[TP, HostedPartition] = {}
        self.deleted_unread = Counter[str]()  # records that Kafka deleted, by the key of their partition
        self._ticking: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._aligned = 0.0
        self._skipped = Recurring()
        for stages in hosted:
            self._metrics.deleted_unread.labels(stages.role)  # Prometheus sees no rise of what was not there
            name = f"uneri-{stages.role}{stages.name and f'-{stages.name}'}"
            app.agent(app.chunk_topic(stages.topic), name=name)(self._agent(stages.topic))
        app.on_partitions_assigned.connect(self._assigned)
        app.on_partitions_revoked.connect(self._revoked)

    @property
    def runners(self) -> dict[TP, StageRunner]:
        """The runners that are open, by partition."""
        return {tp: runner for tp, partition in self.partitions.items() if (runner := partition.runner)}

    @property
    def opening(self) -> list[str]:
        """The partitions whose state is being restored."""
        return sorted(partition.key for partition in self.partitions.values() if partition.is_opening)

    @property
    def waiting(self) -> list[str]:
        """The partitions whose stage needs input that is not available now."""
        return sorted(partition.key for partition in self.partitions.values() if partition.waiting)

    def queues(self) -> dict[str, int]:
        """Return the number of chunks and emissions that wait between Kafka and the stages."""
        depth: dict[str, int] = {}
        for topic, stream in self._streams.items():
            name = f"chunks_{self._hosted[topic].role}"
            depth[name] = depth.get(name, 0) + stream.channel.queue.qsize()
        for tp, runner in self.runners.items():
            name = f"unacknowledged_{self._hosted[tp.topic].role}"
            depth[name] = depth.get(name, 0) + runner.unacknowledged
        return depth

    async def start(self) -> None:
        """Start the clients and the app; return when Faust is up."""
        await self.clients.start()
        self._ticking = start_vital(self._tick())

    async def replace_stages(self, roles: Collection[str]) -> None:
        """Replace the stages of these roles by new ones, made by the present settings."""
        for tp, partition in list(self.partitions.items()):
            if partition.hosted.role in roles:
                try:
                    runner = await partition.opened()
                    await runner.replace_stage(partition.hosted.make(tp.partition))
                except FencedError as error:  # another process has it, which reads its own configuration
                    log.warning(str(error), source=partition.key)

    async def stop(self) -> None:
        """Write the last checkpoints, commit the offsets that they include, and leave the group."""
        self._stopping.set()
        if self._ticking is not None:
            await (
                self._ticking
            )  # emissions of a tick must be in the last checkpoint, or acknowledged before it
        await self._close(set(self.partitions))
        await self.clients.consumer.commit()
        await self.clients.stop()
        await self._ends.close()
        await self._checkpoints.close()

    def count_deleted(self, hosted: Hosted, tp: TP, records: int) -> None:
        """Count records of a partition that Kafka deleted before they were read."""
        self._metrics.deleted_unread.labels(hosted.role).inc(records)
        self.deleted_unread[key_of(hosted, tp)] += records

    def _agent(self, topic: str) -> Callable[[Any], Coroutine[Any, Any, None]]:
        least = self._hosted[topic].turn_bytes

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
        with self._ending(tp, chunk_from=chunk.start):  # Faust would lose the chunk
            if (partition := self._partition(tp)) is None:
                return
            partition.received_at = time.monotonic()
            runner = await partition.opened()
            if partition.waiting is not None:  # it will be read again
                return
            try:
                await self._feed(partition, runner, chunk)
                self._align_soon(partition)
            except LostRecordsError as error:
                await self._read_again(partition, runner, error)
            else:
                partition.rereads = 0

    def _partition(self, tp: TP) -> HostedPartition | None:
        """Return a partition, which begins to be opened if it is new; None if it is not ours any more."""
        if self._stopping.is_set() or tp not in self.clients.consumer.owned:
            return None  # its new owner reads it again
        if tp not in self.partitions:
            hosted, topic_id = self._hosted[tp.topic], self._topic_ids.get(tp.topic, "")
            count, now = partial(self.count_deleted, hosted, tp), self.stalls.clock()
            found = HostedPartition(tp, hosted, self.clients, topic_id, now, count_deleted=count)
            found.opening = asyncio.create_task(self._open(found))
            self.partitions[tp] = found
        return self.partitions[tp]

    async def _open(self, partition: HostedPartition) -> StageRunner:
        runner = await partition.open(self._checkpoints, self._options)
        partition.stall = StallDetector(partition.key, self.stalls.clock())
        self._metrics.opened.labels(partition.hosted.role).inc()
        log.info("stage opened", key=runner.key, offset=runner.position)
        return runner

    async def _feed(self, partition: HostedPartition, runner: StageRunner, chunk: Chunk) -> None:
        while True:
            try:
                return await runner.feed(chunk)
            except UnfedError as error:
                if not await partition.fetch(error.needs):
                    self._wait(partition, error.needs)
                    return None

    def _wait(self, partition: HostedPartition, needs: Any) -> None:
        """Feed nothing more of a partition until its stage has the input it needs.

        Its chunks are dropped meanwhile, so that no full queue is in the way of other topics.
        """
        over = partition.waiting = asyncio.Event()
        self.clients.consumer.pause_partitions({partition.tp})
        self._in_background(self._until_fetched(partition, needs, over), partition.tp)

    async def _until_fetched(self, partition: HostedPartition, needs: Any, over: asyncio.Event) -> None:
        while not over.is_set() and not await partition.fetch(needs):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), TICK_SECONDS)
        consumer, runner = self.clients.consumer, partition.runner
        if over.is_set() or runner is None or partition.tp not in consumer.owned:
            return
        partition.waiting = None
        await consumer.seek(partition.tp, runner.position or 0)
        if not partition.is_paused:
            consumer.resume_partitions({partition.tp})

    async def _read_again(
        self, partition: HostedPartition, runner: StageRunner, error: LostRecordsError
    ) -> None:
        """Seek back to the stage's position: a rebalance may drop chunks that were already fetched.

        Chunks still in the stream's buffer are ahead too and cause the same, until the buffer is empty. A
        skip that persists is not due to a rebalance and ends the process.
        """
        position = runner.position
        partition.rereads += 1
        if position is None or partition.rereads > REREADS:
            raise error
        if (times := self._skipped.happened()) is not None:  # a healthy rebalance does it to many partitions
            log.info(
                "records were skipped; reading them again",
                source=partition.source,
                offset=position,
                more=times - 1,
            )
        await self.clients.consumer.seek(partition.tp, position)

    async def _assigned(self, *args: Any, **_: Any) -> None:
        """Open at once, even without records: the stage may have to report that its source is idle."""
        self._metrics.rebalances.inc()
        for tp in args[1]:  # args[0] is the sender
            if tp.topic in self._hosted:
                self._at(CrashPoint.ASSIGNED, key_of(self._hosted[tp.topic], tp))
                self._in_background(self._open_early(tp), tp)

    async def _open_early(self, tp: TP) -> None:
        if (partition := self._partition(tp)) is not None:
            await partition.opened()

    def _in_background(self, work: Coroutine[Any, Any, None], tp: TP) -> None:
        async def guarded() -> None:
            with self._ending(tp):
                await work

        self.clients.app.add_future(guarded())

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
            await self.clients.consumer.commit()

    async def _close(self, tps: Collection[TP]) -> None:
        # A stop and a rebalance may coincide: both wait for the same closing of a stage.
        closing = []
        for tp in tps:
            if (partition := self.partitions.get(tp)) is not None:
                partition.closing = partition.closing or asyncio.create_task(self._close_one(partition))
                closing.append(asyncio.shield(partition.closing))
        await asyncio.gather(*closing)

    async def _close_one(self, partition: HostedPartition) -> None:
        with self._ending(partition.tp, closes=True):
            runner = await partition.opened()
            self._at(CrashPoint.REVOKED, runner.key)
            try:
                await runner.close()
                self._at(CrashPoint.CLOSED, runner.key)
            except FencedError as error:
                log.warning(str(error), source=runner.source)
            finally:
                del self.partitions[partition.tp]
                await partition.close()
                await self._checkpoints.close(runner.key)

    async def _tick(self) -> None:
        while not await self._stops_within(TICK_SECONDS):
            await asyncio.gather(*(self._tick_one(tp, runner) for tp, runner in self.runners.items()))
            self._align()
            for partition in list(self.partitions.values()):
                partition.watch_transactions()
                await self._go_back(partition)

    async def _stops_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    async def _tick_one(self, tp: TP, runner: StageRunner) -> None:
        with self._ending(tp):
            await runner.tick()

    async def _go_back(self, partition: HostedPartition) -> None:
        """Seek back to the position of a stage if the consumer is ahead while no chunk is on its way.

        A rebalance may drop fetched chunks. The next chunk shows the gap, but no chunk follows the last
        record. Once per position: what lies between may not be records for the stage.
        """
        consumer, tp, runner = self.clients.consumer, partition.tp, partition.runner
        if not consumer.flow_active or consumer.offered is not None or tp not in consumer.owned:
            return
        stream = self._streams.get(tp.topic)
        if stream is None or runner is None or partition.stall is None:
            return
        if stream.channel.queue.qsize() or runner.busy or partition.is_paused:
            return
        position = runner.position or 0
        ahead = consumer.next_offset(tp)
        if ahead is None or ahead <= position or partition.gone_back == position:
            return
        if self.stalls.quiet_seconds(partition) < DROPPED_SECONDS:
            return
        partition.gone_back = position
        try:
            bounds = await partition.bounds()
            if bounds.first <= position < bounds.end or (runner.position is None and bounds.first < ahead):
                log.warning(
                    "fetched records were dropped; reading them again", key=runner.key, offset=position
                )
                await consumer.seek(tp, max(position, bounds.first))
        except KafkaError:  # no answer, or the partition has just been revoked
            partition.gone_back = None

    def _align_soon(self, partition: HostedPartition) -> None:
        """Align the partitions without waiting for a tick: one that is paused has nothing to do meanwhile."""
        if partition.hosted.alignment is None or time.monotonic() - self._aligned < ALIGN_SECONDS:
            return
        self._align()

    def _align(self) -> None:
        consumer = self.clients.consumer
        self._aligned = time.monotonic()
        if not consumer.flow_active:
            return  # a rebalance: Faust pauses and resumes all of them
        opened = [partition for partition in self.partitions.values() if partition.runner is not None]
        for role, alignment in {(hosted.role, hosted.alignment) for hosted in self._hosted.values()}:
            if alignment is not None:
                alignment.align(consumer, opened)
                self._metrics.paused.labels(role).set(len(alignment.paused))
        if waiting := {tp for tp, partition in self.partitions.items() if partition.waiting is not None}:
            consumer.pause_partitions(waiting)  # again: a rebalance resumes all

    async def stuck(self) -> str | None:
        """Return which stage stands still although there is more to read and a broker answers."""
        return await self.stalls.check(list(self.partitions.values()), self.clients.consumer.offered)
