"""Runs one stage on one source partition: load its checkpoint, skip, feed, emit, checkpoint, release.

All stages of the Kafka driver run in this frame, which alone makes them exact:

- A record is fed if its offset is at or above that of the checkpoint, and then exactly once.
- Before a checkpoint is written, Kafka has acknowledged everything emitted up to that point.
- An offset is released for commit after the checkpoint that includes it is durable.
- What a stage emits for records is a function of the records: emitted again after a crash, it is recognised
  and dropped. What people read, and cannot drop, is written with the checkpoint (docs/adr/0020). What it
  emits because wall time passed is not such a function, so it goes into a checkpoint first and is emitted
  after that, and again after a crash in between.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

import msgspec
import structlog
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from detectors.state.state import NewerStateError, StateError, why
from streams.drivers.checkpointing import PENDING, USUAL, Checkpointed, RunOptions
from streams.drivers.kafka.topics import too_large_for
from streams.engine.stages.checkpoint import Checkpoint, Checkpoints
from streams.ingest.batch_consumer.chunk import Chunk
from streams.process.crash_points import CrashPoint
from streams.process.machine import HEAP

UNACKNOWLEDGED: Final = 1000  # emissions in flight before a stage waits for them
UNACKNOWLEDGED_BYTES: Final = 32 * 1024 * 1024  # and their total size
MOST_ONCE: Final = 10_000  # emissions that wait for the next checkpoint; beyond it there is one after a chunk
QUERY_SECONDS: Final = 5.0  # between two queries of a quiet partition, and for an answer
CLOSED: Final = "closed"  # the part of a last checkpoint: nothing that follows has been emitted
TOPIC: Final = "topic"  # the part with the id of the topic, if brokers have ids

REMEDY: Final = (
    "start the version of uneri that wrote it, or start over with another kafka.app (`uneri setup` creates "
    "its topics; requests are read from their start)"
)

# A large state takes many seconds, in which the loop has to turn; one at a time, for its memory.
_RESTORING: Final = ThreadPoolExecutor(1, "restoring")

log = structlog.get_logger("uneri.stage")


class Emission(NamedTuple):
    """One record for another topic; with ``partition`` None its key decides.

    With ``once``, it is written in the transaction of the next checkpoint: later, but never again after a
    crash. The others are written at once, and their readers recognise repeats.
    """

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes
    once: bool = False


class UnfedError(Exception):
    """A stage needs ``needs``, such as schemas, before it can be fed the record at ``offset``.

    ``emissions`` are those of the records before that one.
    """

    def __init__(self, needs: Any, offset: int, emissions: Sequence[Any]) -> None:
        super().__init__(f"offset {offset} waits for {needs}")
        self.needs = needs
        self.offset = offset
        self.emissions = emissions


class Stage(Protocol):
    """State that is fed chunks. ``feed`` and ``idle`` return at once: no clock, no network.

    The runner passes what they return to ``send``: an ``Emission``, unless the stage is hosted with a sender
    of its own. ``idle`` returns ``Emission`` only.
    """

    def feed(self, chunk: Chunk) -> Iterable[Any]:
        """Process the records of a chunk.

        Raises
        ------
        UnfedError
            When it cannot process all of them yet.
        """

    def idle(self, seconds: float, end: int) -> Iterable[Emission]:  # noqa: ARG002 - others use them
        """Note that for this long nothing with a say in time has arrived although a broker answered.

        It is called again and again. Everything before the offset ``end`` was fed. By default, do nothing:
        records advance time.
        """
        return ()

    def snapshot(self) -> dict[str, bytes]:
        """Return the state in parts."""

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot."""

    @property
    def timely(self) -> int | None:
        """The number of records that had a say in time; None if each has one."""
        return None

    @property
    def watermark(self) -> int | None:
        """The event time up to which it has processed everything; None if it is unknown."""
        return None

    @property
    def heard(self) -> Mapping[str, int] | None:
        """The watermark of each source that holds its time back; None if none does."""
        return None

    @property
    def series(self) -> int | None:
        """The number of series that it judges; None if it judges none."""
        return None


@runtime_checkable
class EmissionMode(Protocol):
    """A stage with several modes of emission, between which it switches at checkpoints.

    Its emissions depend on the mode, so records that were emitted before a crash must be emitted in the same
    mode again: it switches where nothing that follows has been emitted, after a durable checkpoint of the new
    mode (docs/adr/0047).
    """

    @property
    def is_usual(self) -> bool:
        """Whether it is in its usual mode, to which it may always return where a switch is safe."""

    def wants_switch(self, arrived: float) -> bool:
        """Return whether it would switch now; ``arrived``, epoch seconds, counts before the first record."""

    def prepare_switch(self, arrived: float) -> None:
        """Decide on the mode; the next snapshot includes it."""

    def switch_mode(self) -> None:
        """Switch: that snapshot is durable."""


@runtime_checkable
class EndsTeller(Protocol):
    """A stage whose readers wait for partitions that have unread records, and must know which these are."""

    @property
    def wants_ends(self) -> bool:
        """Whether to look where all of these end before what it was fed last is emitted."""

    def tell_ends(self, ends: dict[str, int]) -> Iterable[Emission]:
        """Return what tells where each source ends."""


class Bounds(NamedTuple):
    """The offsets that a partition has: ``first <= offset < end``."""

    first: int
    end: int


class LostRecordsError(RuntimeError):
    """Offsets were skipped that exist in Kafka: continuing would count wrong."""


class OtherTopicError(RuntimeError):
    """The topic is not the one that the checkpoint was made of, or ends before it."""


class Partition(Protocol):
    """What a runner knows of the partition that it reads, and asks of Kafka."""

    @property
    def key(self) -> str:
        """The name of its checkpoints: ``rollup/3``."""

    @property
    def source(self) -> str:
        """The topic, and its number there."""

    @property
    def topic_id(self) -> str:
        """The id of the topic, which another of the same name does not have; empty if unknown."""

    async def send(self, emission: Any) -> Awaitable[Any]:
        """Send an emission; return a future of its acknowledgement."""

    def release(self, offset: int) -> None:
        """Commit up to an offset: a durable checkpoint includes the source up to there."""

    def count_deleted(self, records: int) -> None:
        """Count records that Kafka deleted before they were read."""

    async def bounds(self) -> Bounds:
        """Return its current offsets."""

    async def ends(self) -> dict[str, int]:
        """Return the offset at which each source ends for which readers of its emissions wait."""


class StageRunner(Checkpointed):
    """One stage of one source partition.

    ``idle_after`` is the time without a record that has a say in time, seconds, while a broker answers, after
    which the stage is notified, again and again; None: never.
    """

    def __init__(
        self,
        partition: Partition,
        stage: Stage,
        checkpoints: Checkpoints,
        options: RunOptions = USUAL,
        *,
        idle_after: float | None = None,
    ) -> None:
        super().__init__(partition.key, partition.source, options)
        self.stage = stage
        self.checkpointed: int | None = None  # the position that the newest durable checkpoint has
        self._checkpoints = checkpoints
        self._partition = partition
        self._topic_id = partition.topic_id.encode()
        self._idle_after = idle_after
        self._heard_at = self._queried_at = self._clock()
        self._queried = 0, sys.maxsize  # what had been read then, and where the partition ended
        self._quiet = 0.0  # seconds without such records in which a broker answered
        self._closed = False
        self._lock = asyncio.Lock()
        self._unacknowledged: dict[asyncio.Future[Any], str] = {}  # the topic of each
        self._unacknowledged_bytes = 0
        self._once: list[Emission] = []
        self._is_first = True  # no record has been fed since it was opened
        self._switches_from: int | None = None  # below this offset others may have emitted in another mode

    @property
    def unacknowledged(self) -> int:
        """How many emissions are in flight, or wait for the next checkpoint."""
        return len(self._unacknowledged) + len(self._once)

    @property
    def busy(self) -> bool:
        """Whether it is processing a chunk or writing a checkpoint."""
        return self._lock.locked()

    @property
    def closed(self) -> bool:
        """Whether it accepts no more chunks."""
        return self._closed

    @property
    def saved(self) -> int | None:
        """The position of the newest durable checkpoint, or the current one if nothing has changed since."""
        return self.checkpointed if self.changed else self.position

    async def open(self) -> None:
        """Load the checkpoint and continue from it.

        Raises
        ------
        OtherTopicError
            When the source is another topic than that of the checkpoint, or ends before it.
        detectors.state.state.StateError
            When the checkpoint is damaged or of another version.
        """
        async with self._lock:
            try:
                checkpoint = await self._checkpoints.load(self.key)
            except NewerStateError:  # has its own remedy
                raise
            except StateError as error:
                raise StateError(f"{error}; {REMEDY}") from error
            self._at(CrashPoint.LOADED, self.key)
            if checkpoint is not None:
                await self._restore(checkpoint)
                HEAP.give_back(forced=True)  # the records of which its parts were made
            self._heard_at = self._saved_at = self._clock()

    async def _restore(self, checkpoint: Checkpoint) -> None:
        parts = dict(checkpoint.parts)
        position = checkpoint.offsets.get(self.source)
        is_closed = parts.pop(CLOSED, None) is not None
        if parts.pop(TOPIC, self._topic_id) != self._topic_id:
            raise OtherTopicError(
                f"{self.source} belongs to a different topic from the one the checkpoint {self.key} was made "
                "from: it was deleted and created anew. Choose another kafka.app, or delete this one's topics"
            )
        first = 0
        if position is not None:
            first, end = await self._partition.bounds()
            if end < position:
                raise OtherTopicError(
                    f"{self.source} ends at offset {end}, but the checkpoint {self.key} includes it to "
                    f"{position}: was the topic deleted and created anew, or did a broker come back "
                    "with an older disk? Choose another kafka.app, or delete this one's topics"
                )
        pending = parts.pop(PENDING, None)
        if parts:
            try:
                await _restore_apart(self.stage, parts)
            except (StateError, KeyError, msgspec.MsgspecError) as error:
                raise StateError(
                    f"the checkpoint {self.key} cannot be read: {why(error)}; {REMEDY}"
                ) from error
        self.position = self.checkpointed = position
        if not is_closed and isinstance(self.stage, EmissionMode):
            self._switches_from = (await self._partition.bounds()).end
        if position is not None:
            self._partition.release(position)
            self._skip_deleted(first)
        if pending is not None:
            self._at(CrashPoint.RESTORED, self.key)
            await self._emit(msgspec.msgpack.decode(pending, type=list[Emission]))
            self.changed = True  # the next checkpoint is without them

    async def feed(self, chunk: Chunk) -> None:
        """Process the new records of a chunk, and write a checkpoint when one is due.

        Raises
        ------
        LostRecordsError
            When the chunk begins beyond the position although Kafka still has the records between.
        UnfedError
            When the stage needs something first; the records before that were processed.
        """
        async with self._lock:
            if self._closed:
                return
            if self.position is None:
                # Not where the chunk begins: if a rebalance drops records fetched before the first commit,
                # the consumer continues after it.
                self.position = min(chunk.start, (await self._partition.bounds()).first)
            if chunk.end <= self.position:
                return
            if chunk.start > self.position:
                await self._check_gap(self.position, chunk.start)
            chunk = chunk.since(self.position)
            arrived = chunk.timestamp / 1000
            await self._begin(arrived)
            unfed: UnfedError | None = None
            timely = self.stage.timely
            try:
                emissions, self.position = self.stage.feed(chunk), chunk.end
            except UnfedError as error:
                emissions, self.position, unfed = error.emissions, error.offset, error
            self.changed = True
            if len(chunk) and (timely is None or self.stage.timely != timely):
                self._mark_heard()
            self._at(CrashPoint.FED, self.key)
            await self._tell_ends()
            await self._emit(emissions)
            self._at(CrashPoint.EMITTED, self.key)
            if self._is_due(arrived):
                await self._checkpoint(arrived=arrived)
            if unfed is not None:
                raise unfed

    async def tick(self) -> None:
        """Let wall time pass: note an idle source, write a checkpoint. To be called about once a second."""
        async with self._lock:
            if self._closed:
                return
            if (end := await self._idle_at()) is not None:
                emissions = list(self.stage.idle(self._quiet, end))
                if emissions:
                    self._at(CrashPoint.IDLE, self.key)
                    await self._checkpoint(emissions)
                    self._at(CrashPoint.IDLE_SAVED, self.key)
                    await self._emit(emissions)
                    await self.acknowledged()
                    self._at(CrashPoint.IDLE_EMITTED, self.key)
                    self.changed = True  # the next checkpoint is without them
            if self.changed and self.is_due():
                await self._checkpoint()

    async def replace_stage(self, stage: Stage) -> None:
        """Continue with another stage from here on, as a restart with it would: after a checkpoint."""
        async with self._lock:
            if self._closed:
                return
            await self._checkpoint()
            if self.position is not None:
                await _restore_apart(stage, self.stage.snapshot())
            self.stage = stage

    async def change_stage(self, change: Callable[[], None], at: int | None = None) -> bool:
        """Change the stage and make it durable; not if its position is not ``at``, and not once closed."""
        async with self._lock:
            if self._closed or (at is not None and self.position != at):
                return False
            change()
            await self._checkpoint()
            return True

    async def close(self) -> None:
        """Write a last checkpoint; chunks fed after this are ignored."""
        async with self._lock:
            if self._closed:
                return
            self._closed = True
            if self.changed or isinstance(self.stage, EmissionMode):
                await self._checkpoint()

    async def _idle_at(self) -> int | None:
        """Return up to where the partition was read, if that has long had no say in time.

        While no broker answers, nothing can be written either: that does not make the partition idle. Where
        records arrive that have no say, as those of a clock that is ahead, there always is one more to read:
        then it is enough that those that were there at the last query were read since.
        """
        if self._idle_after is None:
            return None
        since = max(self._heard_at, self._queried_at)
        left = self._idle_after - (since - self._heard_at)
        due = min(QUERY_SECONDS, left) if left > 0 else self._idle_after
        if self._clock() - since < due:
            return None
        try:
            async with asyncio.timeout(QUERY_SECONDS):  # nothing is fed meanwhile
                first, end = await self._partition.bounds()
        except (KafkaError, TimeoutError):
            self._mark_heard()
            return None
        self._queried_at = self._clock()
        if end <= first:
            self._skip_deleted(first)
        position = first if self.position is None else self.position
        (was, ended), self._queried = self._queried, (position, end)
        if position < end and not (was < position and ended <= position):
            self._mark_heard()  # there is more to read: the stage is slow
            return None
        self._quiet += min(
            self._queried_at - since, 2 * due
        )  # not the time in which this process stood still
        return position if self._queried_at - self._heard_at >= self._idle_after else None

    def _mark_heard(self) -> None:
        self._heard_at = self._clock()
        self._quiet = 0.0

    async def _check_gap(self, position: int, start: int) -> None:
        first = (await self._partition.bounds()).first
        if first <= position:
            raise LostRecordsError(
                f"{self.source} continued at offset {start} after {position}, but Kafka has the records "
                "between; a restart reads them again from the checkpoint"
            )
        self._note_deleted(position, start)

    def _skip_deleted(self, first: int) -> None:
        """Continue where the partition begins now: if nothing is left, no chunk shows the gap.

        Without this the stage would wait for deleted records and delay every stage that waits for it.
        """
        if self.position is not None and first > self.position:
            self._note_deleted(self.position, first)
            self.position = first
            self.changed = True

    def _note_deleted(self, position: int, start: int) -> None:
        log.error(
            "Kafka deleted records before they were read: raise the topic's retention",
            source=self.source,
            first=position,
            last=start - 1,
        )
        self._partition.count_deleted(start - position)

    async def _tell_ends(self) -> None:
        """Tell what has arrived anywhere before what was fed here is emitted.

        A reader that takes another partition for idle would go on without its records. While no broker
        answers, nothing of the kind is known.
        """
        if not isinstance(self.stage, EndsTeller) or not self.stage.wants_ends:
            return
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                ends = await self._partition.ends()
        except (KafkaError, TimeoutError):
            return
        await self._emit(self.stage.tell_ends(ends))

    async def _emit(self, emissions: Iterable[Any]) -> None:
        for emission in emissions:
            if isinstance(emission, Emission) and emission.once:
                self._once.append(emission)
                continue
            topic, size = (emission.topic, len(emission.value)) if isinstance(emission, Emission) else ("", 0)
            self._unacknowledged[asyncio.ensure_future(await self._partition.send(emission))] = topic
            self._unacknowledged_bytes += size
            if (
                len(self._unacknowledged) >= UNACKNOWLEDGED
                or self._unacknowledged_bytes >= UNACKNOWLEDGED_BYTES
            ):
                await self.acknowledged()

    async def acknowledged(self) -> None:
        """Wait until all replicas have what was emitted.

        Raises
        ------
        streams.drivers.kafka.topics.TopicError
            When a topic takes no record as large as one of them.
        """
        if not self._unacknowledged:
            return
        # If it is cancelled here, the next checkpoint waits for them.
        sent = self._unacknowledged
        done, _ = await asyncio.wait(sent, return_when=asyncio.FIRST_EXCEPTION)
        self._unacknowledged, self._unacknowledged_bytes = {}, 0
        for future in done:
            try:
                future.result()  # raises its error
            except MessageSizeTooLargeError as error:
                raise too_large_for(sent[future]) from error

    async def _begin(self, arrived: float) -> None:
        """Make durable in which mode a stage begins, and that it may emit beyond this checkpoint."""
        is_first, self._is_first = self._is_first, False
        if is_first and isinstance(self.stage, EmissionMode) and self._switches_from is None:
            await self._checkpoint(arrived=arrived)

    def _is_due(self, arrived: float) -> bool:
        stage = self._switchable()
        switches = stage is not None and stage.wants_switch(arrived)
        return switches or self.is_due() or len(self._once) >= MOST_ONCE

    def _switchable(self) -> EmissionMode | None:
        """Return the stage if it may switch here: nobody has emitted what follows.

        After a crash it only returns to its usual mode: a process that was frozen may wake, go on for a
        moment, and must not be ahead in its numbers.
        """
        if not isinstance(self.stage, EmissionMode) or self.position is None:
            return None
        if self._switches_from is not None and (self.position < self._switches_from or self.stage.is_usual):
            return None
        return self.stage

    async def _checkpoint(
        self, pending: list[Emission] | None = None, *, arrived: float | None = None
    ) -> None:
        switching = None if arrived is None else self._switchable()
        if switching is not None and arrived is not None:
            await self.acknowledged()  # nothing may come between the decision and the state
            switching.prepare_switch(arrived)
        await self.checkpoint({PENDING: msgspec.msgpack.encode(pending)} if pending else {})
        if switching is not None:
            switching.switch_mode()

    def parts(self) -> dict[str, bytes]:
        """Return the state of the stage, and of what it was fed."""
        self._at(CrashPoint.ACKNOWLEDGED, self.key)
        parts = dict(self.stage.snapshot())
        if self._closed and isinstance(self.stage, EmissionMode):
            parts[CLOSED] = b""
        if self._topic_id:
            parts[TOPIC] = self._topic_id
        return parts

    async def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and what is emitted once in one transaction."""
        once, self._once = self._once, []
        await self._checkpoints.save(self.key, checkpoint, once)
        self._at(CrashPoint.DURABLE, self.key)

    def release(self) -> None:
        """Release the source for commit."""
        self.checkpointed = self.position
        if self.position is not None:
            self._partition.release(self.position)
        self._at(CrashPoint.RELEASED, self.key)


async def _restore_apart(stage: Stage, parts: Mapping[str, bytes]) -> None:
    await asyncio.get_running_loop().run_in_executor(_RESTORING, stage.restore, parts)
