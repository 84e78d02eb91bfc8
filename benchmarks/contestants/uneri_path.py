"""This project's whole path, as the daemon runs it in the role rollup.

python -m benchmarks.contestants.uneri_path BROKER TOPIC EVENTS [WARM] [profile]

Poll, decode, all scopes and edges, closed buckets as blocks to Kafka, checkpoints, commits. Its result is
read back from the blocks: how many events are in each closed bucket of each partition, and how far each
partition is.
"""

import asyncio
import sys
from collections import Counter

from kafka import KafkaConsumer, TopicPartition

from benchmarks.contestants.stage_run import StageRun
from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.stage import Emission
from streams.drivers.kafka.stages import RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.ingest.batch_consumer.chunk import Chunk


async def main(broker: str, topic: str, words: list[str]) -> None:
    run = StageRun(broker, topic, words)

    class Measured(RollupStage):
        def feed(self, chunk: Chunk) -> list[Emission]:
            emissions = list(super().feed(chunk))
            run.took(chunk.partition, len(chunk))
            return emissions

    kafka = run.kafka
    await run.run(lambda number: Measured(number, Settings(kafka=kafka), kafka.shards, Topics.of(kafka)))
    buckets, watermarks = closed(kafka)
    run.report(buckets=buckets, watermarks=watermarks)


def closed(kafka: KafkaSettings) -> tuple[list[list[int]], dict[str, int]]:
    """Return rows of partition, start and events, and the watermark of each partition, from the first shard.

    A block counts the records of its source, not of its shard: one shard has them all.
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
    return [[*place, number] for place, number in found.items() if number], dict(watermarks)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
