"""The batch consumer: Faust carries a whole run of records of one partition as one event.

A stock Faust agent spends its time on tasks and futures per record. Here Faust does the rest (assignment,
rebalance, lifecycle, the commit timer), and every poll yields one event per partition, whose value is a
``Chunk``.

Commits follow checkpoints: for a chunked topic, only an offset that a stage has released after a durable
checkpoint is ever committed. Faust's acknowledgements are ignored: they include events that it skipped and
events whose agent raised.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.ingest.batch_consumer.chunk import Chunk, merged
from streams.ingest.batch_consumer.chunk_records import ChunkedTopics
from streams.process.crash_points import CrashHook, CrashPoint, no_crash


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads committed transactions only, and chunked topics as chunks."""

    consumer: "ChunkConsumer"

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - Faust sets it for exactly_once only
        consumer._value_deserializer = self.consumer.chunked  # noqa: SLF001 - Faust has no setting for it
        return consumer


class ChunkConsumer(driver.Consumer):
    """Yields one message per partition and poll of chunked topics, and commits released offsets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._released: dict[TP, int] = {}
        self.owned = set[TP]()  # from before the first chunk of an assignment until after its last checkpoint
        self.offered: TP | None = None  # whose chunk is handed over: while its queue is full, all others wait
        self._fetchable = asyncio.Event()  # set when a partition may be fetched again
        super().__init__(*args, **kwargs)
        self.chunked: ChunkedTopics = self.app.chunked  # type: ignore[attr-defined] # it is a ChunkApp

    def next_offset(self, tp: TP) -> int | None:
        """Return the offset to fetch next; None while the partition is not fetched."""
        state = self._fetched(tp)
        return int(state.position) if state is not None else None

    def waits_for_transaction(self, tp: TP) -> bool:
        """Return whether all that may be read is fetched, and more lies behind a transaction that is open."""
        state = self._fetched(tp)
        if state is None or state.lso is None or state.highwater is None:
            return False
        return bool(state.lso <= state.position and state.lso < state.highwater)

    def _fetched(self, tp: TP) -> Any:
        """Return what the client knows of a partition that it fetches, None of another."""
        consumer = self._thread._consumer  # noqa: SLF001 - position() works only between two fetches
        subscription = consumer and consumer._subscription.subscription  # noqa: SLF001 - the same
        place = TopicPartition(*tp)
        if not subscription or not subscription.assignment or place not in subscription.assignment.tps:
            return None
        state = subscription.assignment.state_value(place)
        return state if state.has_valid_position else None

    def release(self, tp: TP, offset: int) -> None:
        """Allow ``offset`` to be committed: everything before it is in a durable checkpoint."""
        self._released[tp] = offset

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109 - Faust's signature
        """Fetch once; yield a message per partition of chunked topics, and a message per record of others."""
        generation = self.app.consumer_generation_id
        self.offered = None  # the caller may have stopped iterating
        if not await self._may_fetch(timeout):
            return
        fetched, active = await self._wait_next_records(timeout)
        if fetched is None or self.should_stop:
            return
        if not self.flow_active:  # a rebalance began meanwhile: fetched records may belong to another worker
            try:
                await self.perform_seek()
            except Exception as error:  # noqa: BLE001 - as in the base class: the rebalance seeks again
                self.log.warning("seeking while partitions are reassigned: %r", error)
            return
        plain = {tp: records for tp, records in fetched.items() if tp.topic not in self.chunked.topics}
        messages: Iterator[tuple[TP, Any]] = (
            (tp, self._chunk_message(tp, merged(records)))
            for tp, records in fetched.items()
            if tp.topic in self.chunked.topics and records
        )
        records = ((tp, self._to_message(tp, record)) for tp, record in self.scheduler.iterate(plain))
        for group in (messages, records):
            for tp, message in group:
                if not self.flow_active or self.app.consumer_generation_id != generation:
                    return
                if active is None or tp in active or tp in self._buffered_partitions:
                    self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                    self.offered = tp
                    yield tp, message
                    self.offered = None

    async def _may_fetch(self, timeout: float) -> bool:  # noqa: ASYNC109 - as its caller has it
        """Wait while the queues of all partitions are full: the base class would sleep for a second."""
        if self.flow_active and not self._get_active_partitions():
            self._fetchable.clear()
            await self.wait(self._fetchable.wait(), timeout=timeout)
        return not self.flow_active or bool(self._get_active_partitions())

    def on_buffer_drop(self, tp: TP) -> None:
        """Fetch a partition again, whose queue was full."""
        super().on_buffer_drop(tp)
        self._fetchable.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch partitions again, which were paused."""
        super().resume_partitions(tps)
        self._fetchable.set()

    def _chunk_message(self, tp: TP, chunk: Chunk) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            chunk.end - 1,  # Faust drops a message whose offset lies before one it has seen
            max(chunk.timestamp, 0) / 1000,
            0,  # timestamp type: of creation
            None,  # headers
            None,  # key
            chunk,  # type: ignore[arg-type] # Faust takes any value, its types say bytes
            None,  # checksum
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        ours = (tp for tp in self._released if topics is None or tp in topics or tp.topic in topics)
        return iter({*super()._filter_tps_with_pending_acks(topics), *ours})

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self.chunked.topics:
            offset: int | None = super()._new_offset(tp)
            return offset
        # Faust's own list of acknowledged offsets would only grow.
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self._released.get(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Commit what is released, too, if somebody has set the group beyond it: only checkpoints count."""
        if tp.topic in self.chunked.topics:
            return offset != self._committed_offset[tp]
        return bool(super()._should_commit(tp, offset))

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit the released offsets."""
        did = bool(await super().commit(topics, start_new_transaction))
        if did:
            self.app.at(CrashPoint.COMMITTED, "")  # type: ignore[attr-defined] # it is a ChunkApp
        return did

    async def _seek(self, partition: TP, offset: int) -> None:
        """Seek in the thread that fetches: it may be processing a fetch of that partition."""

        async def seek() -> None:
            self._thread.seek(partition, offset)

        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(seek(), self._thread.thread_loop))

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self.chunked.topics:
            await super()._add_gap(tp, offset_from, offset_to)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Own the partitions before anything is fetched of them."""
        self.owned = set(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let the stages write their last checkpoints, then forget their released offsets."""
        await super().on_partitions_revoked(revoked)
        self.owned -= revoked
        for tp in revoked:
            self._released.pop(tp, None)


class ChunkTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = ChunkConsumer


class ChunkSchema(faust.Schema[Any, Any]):
    """Passes a chunk through as it is."""

    def loads_key(self, *_: Any, **__: Any) -> None:
        """Return no key: a chunk has none."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Chunk:  # noqa: ARG002 - Faust passes it so
        """Return the chunk."""
        chunk: Chunk = message.value
        return chunk


class ChunkApp(faust.App):
    """A Faust app whose ``chunk_topic`` topics arrive in batches."""

    at: CrashHook = staticmethod(no_crash)  # called at each crash point, for tests

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.chunked = ChunkedTopics()

    def _new_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_consumer, self)

    def chunk_topic(self, name: str) -> Any:
        """Return the topic ``name``, whose agents get a ``Chunk`` per event."""
        self.chunked.topics.add(name)
        return self.topic(name, schema=ChunkSchema())

    @property
    def chunk_consumer(self) -> ChunkConsumer:
        """The consumer that the transport created."""
        consumer = self.consumer
        assert isinstance(consumer, ChunkConsumer)  # noqa: S101 - ChunkTransport creates no other
        return consumer
