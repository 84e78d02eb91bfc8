"""A partition that this process reads: its stage, and how far both have got."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from streams.drivers.checkpointing import RunOptions
from streams.drivers.kafka.stage import Bounds, Emission, Stage, StageRunner
from streams.drivers.kafka.topics import BLOCK_BYTES
from streams.drivers.kafka.watermark_alignment import WatermarkAlignment
from streams.engine.stages.checkpoint import Checkpoints
from streams.ingest.batch_consumer.batch_consumer import ChunkApp, ChunkConsumer
from streams.process.watchdog import StallDetector

Send = Callable[[Any], Awaitable[Awaitable[Any]]]


TRANSACTION_SECONDS: Final = 30.0
"""For which a transaction may be open before it is reported."""
OPEN_TRANSACTION: Final = (
    "records wait behind a transaction that a producer has not ended; `kafka-transactions.sh find-hanging` "
    "finds it"
)

log = structlog.get_logger("uneri.host")


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
    turn_bytes: int | None = None  # that a stage is fed in a turn of the loop, at first; else chunks
    fetch: Callable[[Any], bool] | None = (
        None  # gets the input that a stage needs, in a thread; False: not now
    )
    beside: Collection[TP] = ()  # for these, too, waits who reads what the stage emits


class Clients:
    """The clients of Kafka that all partitions of a process share."""

    def __init__(self, app: ChunkApp, options: dict[str, Any]) -> None:
        self.app = app
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, linger_ms=5, max_request_size=BLOCK_BYTES, **options
        )
        # Queries offsets. Faust's own consumer answers only between two of its fetches, which wait for
        # records: a restart would take seconds per partition.
        self._offsets = AIOKafkaConsumer(enable_auto_commit=False, **options)

    @property
    def consumer(self) -> ChunkConsumer:
        """Faust's."""
        return self.app.chunk_consumer

    async def start(self) -> None:
        """Start them; return when Faust is up."""
        await self._producer.start()
        await self._offsets.start()
        await self.app.start()

    async def stop(self) -> None:
        """Leave the group, and close them."""
        await self.app.stop()
        await self._producer.stop()
        await self._offsets.stop()

    async def send(self, emission: Emission) -> asyncio.Future[Any]:
        """Send a record to Kafka; the future is done when all replicas have it."""
        sent: asyncio.Future[Any] = await self._producer.send(
            emission.topic, emission.value, key=emission.key, partition=emission.partition
        )
        return sent

    async def bounds(self, tp: TP) -> Bounds:
        """Return the present offsets of a partition."""
        place = TopicPartition(tp.topic, tp.partition)
        first, end = await asyncio.gather(
            self._offsets.beginning_offsets([place]), self._offsets.end_offsets([place])
        )
        return Bounds(first[place], end[place])

    async def ends(self, tps: Collection[TP]) -> dict[str, int]:
        """Return the offset at which each of these partitions ends, by topic and number."""
        found = await self._offsets.end_offsets([TopicPartition(*tp) for tp in tps])
        return {f"{place.topic}/{place.partition}": end for place, end in found.items()}


def key_of(hosted: Hosted, tp: TP) -> str:
    """Return the name of the checkpoints of a partition: ``rollup/3``, or ``rollup/otlp_spans/0``."""
    return f"{hosted.role}/{_name_of(hosted, tp)}"


def _name_of(hosted: Hosted, tp: TP) -> int | str:
    return f"{hosted.name}/{tp.partition}" if hosted.name else tp.partition


class HostedPartition:
    """One partition, from the moment its stage begins to be opened until it is closed."""

    def __init__(
        self,
        tp: TP,
        hosted: Hosted,
        clients: Clients,
        topic_id: str,
        now: float,
        *,
        count_deleted: Callable[[int], None],
    ) -> None:
        self.tp, self.hosted, self.topic_id = tp, hosted, topic_id
        self.name, self.key = _name_of(hosted, tp), key_of(hosted, tp)  # among those of its role, and all
        self.source = f"{tp.topic}/{tp.partition}"
        self.opening: asyncio.Future[StageRunner] | None = None
        self.opening_since = now  # by the clock of the stall watch
        self.closing: asyncio.Task[None] | None = None
        self.around = AsyncExitStack()
        self.received_at: float | None = None  # when the newest chunk was, monotonic
        self.stall: StallDetector | None = None  # once it is open
        self.waiting: asyncio.Event | None = None  # its stage needs input first; set when that is over
        self.rereads = 0  # chunks in a row that were read again
        self.gone_back: int | None = None  # the position to which reading went back last
        self.held = False  # for long, by a transaction that is open
        self._held_since: float | None = None  # monotonic
        self._clients = clients
        self._send: Send = clients.send
        self.count_deleted = count_deleted  # records that Kafka deleted before they were read

    async def open(self, checkpoints: Checkpoints, options: RunOptions) -> StageRunner:
        """Make its stage, and restore it."""
        hosted, number = self.hosted, self.tp.partition
        if hosted.around is not None:
            self._send = await self.around.enter_async_context(hosted.around(number))
        stage = hosted.make(number)
        runner = StageRunner(self, stage, checkpoints, options, idle_after=hosted.idle_after)
        await runner.open()
        return runner

    async def opened(self) -> StageRunner:
        """Wait until it is open; return its runner. A caller may be cancelled, while others wait, too."""
        assert self.opening is not None  # noqa: S101 - it begins with that
        return await asyncio.shield(self.opening)

    async def fetch(self, needs: Any) -> bool:
        """Get the input that its stage needs; return whether it has it now."""
        fetch = self.hosted.fetch
        assert fetch is not None  # noqa: S101 - a stage that needs something is hosted with it
        return await asyncio.to_thread(fetch, needs)

    async def close(self) -> None:
        """Let go of what surrounds its stage, which is closed."""
        if alignment := self.hosted.alignment:
            alignment.paused.discard(self.tp)
        if self.waiting is not None:
            self.waiting.set()
        self.stall = self.waiting = None
        await self.around.aclose()

    @property
    def is_opening(self) -> bool:
        """Whether its state is being restored."""
        return self.opening is not None and not self.opening.done()

    @property
    def runner(self) -> StageRunner | None:
        """The runner of its stage; None until it is open."""
        opening = self.opening
        if opening is None or not opening.done() or opening.cancelled() or opening.exception() is not None:
            return None
        return opening.result()

    @property
    def stage(self) -> Stage:
        """Its stage, once it is open."""
        runner = self.runner
        assert runner is not None  # noqa: S101 - see above
        return runner.stage

    @property
    def lag(self) -> int:
        """How many records its stage has not read yet, as far as the consumer knows."""
        try:
            end = self._clients.consumer.highwater(self.tp)
        except (AssertionError, ConsumerNotStarted):
            return 0  # the partition is being revoked, or the consumer stops
        runner = self.runner
        return 0 if runner is None else max(0, (end or 0) - (runner.position or 0))

    def watch_transactions(self) -> None:
        """Notice that a transaction is open for long: nothing behind it is read."""
        now = time.monotonic()
        if not self._clients.consumer.waits_for_transaction(self.tp):
            self._held_since, self.held = None, False
        elif self._held_since is None:
            self._held_since = now
        elif not self.held and now - self._held_since > TRANSACTION_SECONDS:
            self.held = True
            log.warning(OPEN_TRANSACTION, source=self.source, lag=self.lag)

    @property
    def is_paused(self) -> bool:
        """Whether nothing is read, because its stage waits, or others are behind."""
        alignment = self.hosted.alignment
        return self.waiting is not None or (alignment is not None and self.tp in alignment.paused)

    async def send(self, emission: Any) -> Awaitable[Any]:
        """Send what its stage emits."""
        return await self._send(emission)

    def release(self, offset: int) -> None:
        """Commit up to an offset."""
        self._clients.consumer.release(self.tp, offset)

    async def bounds(self) -> Bounds:
        """Return its present offsets."""
        return await self._clients.bounds(self.tp)

    async def ends(self) -> dict[str, int]:
        """Return where the partitions end for which readers of its emissions wait."""
        return await self._clients.ends(self.hosted.beside)
