"""The way of an event from a topic as docs/architecture.md has it is the way that one takes, call by call."""

import asyncio
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.structs import RecordMetadata, TopicPartition

from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.board.history_keeping import StepsStage
from streams.drivers.kafka.intake import TopicSink
from streams.drivers.kafka.notices import NotifyStage
from streams.drivers.kafka.stage import Emission
from streams.drivers.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.drivers.kafka.topics import Topics
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.batch_consumer.chunk_records import ChunkedTopics, ChunkRecords, FetchedRecords
from streams.ingest.receivers.ingest_handler import IngestHandler
from streams.ingest.receivers.payload_lines import read_native
from tests.streams.drivers.kafka.stage_world import World
from tests.streams.drivers.trace import traced
from tests.streams.drivers.way import hold_to, table
from tests.streams.drivers.world import until
from tests.streams.ingest.batch_consumer.test_chunk_records import ZSTD, batch

KAFKA = KafkaSettings(app="uneri")
TOPICS = Topics.of(KAFKA)
T0 = 1_760_000_000
EVENTS = 200


def fetched(first: int) -> Chunk:
    """Return what a fetch gives of the events from ``first`` on, in a packed batch."""
    offsets = list(range(first, first + EVENTS))
    events: list[bytes | None] = [b'{"ts":%d,"service":"shop"}' % (T0 + number) for number in offsets]
    records = FetchedRecords(batch(offsets, values=events, codec=ZSTD, timestamp=(T0 + first) * 1000))
    place, topics = TopicPartition(TOPICS.requests, 0), ChunkedTopics({TOPICS.requests})
    chunks: list[Chunk] = [
        *ChunkRecords(place, records, None, first, None, topics, True, fetcher.READ_COMMITTED)
    ]
    return chunks[0]


async def test_an_event_takes_the_way_of_the_map_from_a_topic() -> None:
    stage = RollupStage(0, Settings(kafka=KAFKA), 2, TOPICS)
    runner = World().runner(stage)
    await runner.open()
    await runner.feed(fetched(0))  # which begins with a checkpoint of how it emits
    with traced() as trace:
        await runner.feed(await asyncio.to_thread(fetched, EVENTS))
        await runner.checkpoint()
        hold_to(table("From a topic, with Kafka"), trace.calls())
    assert stage.records == 2 * EVENTS


def left(emissions: list[Emission], topic: str) -> Chunk:
    """Return what stages have left in a topic."""
    values = [emission.value for emission in emissions if emission.topic == topic]
    return Chunk(topic, 0, 0, len(values), range(len(values)), values)


async def test_a_block_takes_the_way_of_the_map_to_a_notice() -> None:
    settings = Settings(kafka=KAFKA)
    rollup = RollupStage(0, settings, 1, TOPICS)
    blocks = left(
        [*rollup.feed(fetched(0)), *rollup.feed(fetched(EVENTS)), *rollup.idle(900.0)], TOPICS.rollups
    )
    detect = DetectStage(0, [f"{TOPICS.requests}/0"], settings, TOPICS, records=True)
    incidents, notify, board = IncidentsStage(1, settings, TOPICS), NotifyStage(), StepsStage(1)
    with traced() as trace:
        judged = [*detect.feed(blocks)]
        findings, steps = left(judged, TOPICS.findings), left(judged, TOPICS.steps)
        notices = left([*incidents.feed(findings)], TOPICS.notices)
        (complete,) = notify.feed(notices)
        board.feed(steps)
        hold_to(table("From a block to a notice, with Kafka"), trace.calls())
    assert complete.watermark == incidents.watermark
    assert board.segments.held_bytes


class Producer:
    """Acknowledges at once what it is given."""

    def __init__(self) -> None:
        self.written: list[tuple[bytes | None, bytes]] = []

    async def start(self) -> None:
        pass

    async def send(self, topic: str, value: bytes, key: bytes | None) -> asyncio.Future[Any]:
        self.written.append((key, value))
        acknowledged = asyncio.get_running_loop().create_future()
        acknowledged.set_result(RecordMetadata(topic, 0, TopicPartition(topic, 0), 0, T0 * 1000, 0, 0))
        return acknowledged

    async def drop(self) -> None:
        pass


async def usable() -> None:
    """Say of no broker that it cannot be used."""


async def test_a_body_takes_the_way_of_the_map_to_the_topic_of_requests() -> None:
    producer = Producer()
    sink = TopicSink(TOPICS.requests, lambda: producer, usable, Settings(kafka=KAFKA), lambda: T0 + 1.0)
    producing = asyncio.create_task(sink.run())
    await until(lambda: sink.not_ready() is None)
    event = b'{"ts":%d,"service":"shop","id":"r1"}' % T0
    with traced() as trace:
        await IngestHandler(sink).store(read_native(event))
        hold_to(table("From HTTP to the topic of requests, with Kafka"), trace.calls())
    producing.cancel()
    assert producer.written == [(b"r1", event)]
