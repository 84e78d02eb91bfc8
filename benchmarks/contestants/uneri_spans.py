"""The whole path from messages of OpenTelemetry spans: a topic of them, as the daemon reads it.

python -m benchmarks.contestants.uneri_spans BROKER TOPIC MESSAGES [WARM] [profile]

Its result is that of ``uneri_path``; records are messages.
"""

import asyncio
import sys

from benchmarks.contestants.stage_run import StageRun
from benchmarks.contestants.uneri_path import closed
from config.sections.sources import InputSettings, SourcesSettings
from config.settings import Settings
from streams.drivers.kafka.daemon import TURN_BYTES
from streams.drivers.kafka.stage import Emission
from streams.drivers.kafka.stages import RollupStage
from streams.drivers.kafka.topics import Topics
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.formats.inputs import Inputs


async def main(broker: str, topic: str, words: list[str]) -> None:
    run = StageRun(broker, topic, words)
    sources = SourcesSettings(inputs=[InputSettings(name="spans", topic=topic, format="otlp_proto")])
    settings = Settings(kafka=run.kafka.model_copy(update={"requests": "none"}), sources=sources)
    source = Inputs(sources).topics[topic]

    class Measured(RollupStage):
        def feed(self, chunk: Chunk) -> list[Emission]:
            emissions = list(super().feed(chunk))
            run.took(chunk.partition, len(chunk))
            return emissions

    names = Topics.of(run.kafka)
    await run.run(
        lambda number: Measured(number, settings, run.kafka.shards, names, source=source, topic=topic),
        turn_bytes=TURN_BYTES,
    )
    buckets, watermarks = closed(run.kafka)
    run.report(buckets=buckets, watermarks=watermarks)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
