"""Runs a stage of ours over a topic, as the daemon does: checkpoints, commits, everything."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import structlog
from kafka import KafkaConsumer, TopicPartition

from config.settings import KafkaSettings, Settings
from streams.drivers.compile_ahead import prepare_process
from streams.drivers.kafka.app import aiokafka_options, chunk_app
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.hosted_partition import Hosted
from streams.drivers.kafka.stage import Emission, Stage
from streams.drivers.kafka.stage_host import StageHost
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics, setup_topics
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.engine.stages.checkpoint import Checkpoint
from streams.ingest.batch_consumer.chunk import Chunk

S = TypeVar("S", bound=Stage)


def stage_host(
    kafka: KafkaSettings,
    make: Callable[[int], Stage],
    saved: Callable[[], None] = lambda: None,
    turn_bytes: int | None = None,
) -> StageHost:
    """Return a host of the stages that ``make`` gives for each partition; ``saved`` hears of checkpoints."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for JSON
    prepare_process()
    setup_topics(Settings(kafka=kafka))

    class Counted(KafkaCheckpoints):
        async def save(self, key: str, checkpoint: Checkpoint, once: Sequence[Emission] = ()) -> None:
            await super().save(key, checkpoint, once)
            saved()

    options = aiokafka_options(kafka)
    records = FencedStore(Topics.of(kafka).checkpoints, CHECKPOINTS_PARTITIONS, options)
    hosted = Hosted(kafka.requests, "rollup", make, turn_bytes=turn_bytes)
    return StageHost(chunk_app(kafka), [hosted], Counted(records), options)


def counting(stage: S, took: Callable[[int, int], object]) -> S:
    """Return the stage, which says of which partition it has taken how many records in."""
    feed = stage.feed

    def fed(chunk: Chunk) -> Iterable[Any]:
        emissions = list(feed(chunk))
        took(chunk.partition, len(chunk))
        return emissions

    vars(stage)["feed"] = fed  # in its place: the host looks at what else a stage can
    return stage


def closed(kafka: KafkaSettings) -> dict[str, Any]:
    """Return rows of partition, start and events of closed buckets, and how far each partition is.

    A block counts the records of its source, not of its shard: the first shard has them all.
    """
    found: Counter[tuple[int, int]] = Counter()
    watermarks: Counter[str] = Counter()
    place = TopicPartition(Topics.of(kafka).rollups, 0)
    with open_client(
        KafkaConsumer, bootstrap_servers=kafka.brokers, auto_offset_reset="earliest", enable_auto_commit=False
    ) as consumer:
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        while consumer.position(place) < end:
            for record in consumer.poll(500).get(place, []):
                block = decode_block(record.value)
                partition = block.source.rpartition("/")[2]
                found[int(partition), block.bucket] += block.records
                watermarks[partition] = max(watermarks[partition], block.watermark)
    return {"buckets": [[*at, number] for at, number in found.items() if number], "watermarks": watermarks}
