"""The contestants of our own.

    python -m benchmarks.contestants.uneri KIND BROKER TOPIC RECORDS WARM [profile]

``lane`` takes records in and looks at none: the cost of the batch consumer. ``plain`` is the aggregation that
all peers can do. ``path`` does all that the daemon does in the role rollup: every scope and edge, closed
buckets as blocks to Kafka, checkpoints, commits; its result is read back from the blocks. ``spans`` is that
of a topic with messages of OpenTelemetry, which are its records. ``read`` reads a topic as replay does and
does nothing with it, ``replay`` does everything that `uneri replay` does but the files it leaves.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.contestants.plain_stage import PlainStage
from benchmarks.contestants.stage_run import closed, counting, stage_host
from benchmarks.harness.cpu_owners import CpuOwners
from benchmarks.harness.meter import Meter
from benchmarks.harness.totals import Totals
from config.sections.sources import InputSettings, SourcesSettings
from config.settings import KafkaSettings, Settings
from streams.drivers.compile_ahead import prepare_process
from streams.drivers.kafka.daemon import TURN_BYTES
from streams.drivers.kafka.stage import Emission, Stage
from streams.drivers.kafka.stages import RollupStage
from streams.drivers.kafka.topics import Topics
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.formats.inputs import Inputs
from streams.offline.replay.replay_pass import ReplayPass
from streams.offline.sources.topic import TopicSource


class Lane(Stage):
    """Reads no record."""

    def feed(self, chunk: Chunk) -> list[Emission]:
        del chunk
        return []

    def snapshot(self) -> dict[str, bytes]:
        return {}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """There is nothing."""


class Live:
    """A run of the live path, as an app of its own."""

    def __init__(self, kind: str, broker: str, topic: str, words: list[str]) -> None:
        self._kind, self._topic = kind, topic
        self._kafka = KafkaSettings(brokers=[broker], app=f"bench-{os.getpid()}", requests=topic, shards=2)
        self._owners = CpuOwners() if "profile" in words else None
        self._meter = Meter.of([word for word in words if word != "profile"])
        self._plain: list[PlainStage] = []
        self._saved = 0
        self._done = asyncio.Event()
        if self._owners is not None:
            self._meter.on_start, self._meter.on_stop = self._owners.start, self._owners.stop

    async def run(self) -> None:
        """Read the topic to its end, and report."""
        turn_bytes = TURN_BYTES if self._kind == "spans" else None
        make = {"lane": self._lane, "plain": self._aggregation, "path": self._path, "spans": self._spans}[
            self._kind
        ]
        host = stage_host(
            self._kafka, lambda number: counting(make(number), self._took), self._note_saved, turn_bytes
        )
        await host.start()
        await self._done.wait()
        await host.stop()
        more: dict[str, Any] = {"checkpoints": self._saved}
        if self._owners is not None:
            more |= {"owners": self._owners.shares(), "absent": self._owners.absent}
        if self._kind in {"path", "spans"}:
            more |= closed(self._kafka)
        if self._kind == "plain":
            more["totals"] = Totals(row for stage in self._plain for row in stage.rows()).rows()
        self._meter.report(**more)

    def _took(self, partition: int, records: int) -> None:
        if self._meter.took(partition, records):
            self._done.set()

    def _note_saved(self) -> None:
        self._saved += self._meter.running

    def _lane(self, _: int) -> Stage:
        return Lane()

    def _aggregation(self, _: int) -> Stage:
        self._plain.append(PlainStage())
        return self._plain[-1]

    def _path(self, number: int) -> Stage:
        return RollupStage(number, Settings(kafka=self._kafka), self._kafka.shards, Topics.of(self._kafka))

    def _spans(self, number: int) -> Stage:
        sources = SourcesSettings(
            inputs=[InputSettings(name="spans", topic=self._topic, format="otlp_proto")]
        )
        settings = Settings(kafka=self._kafka.model_copy(update={"requests": "none"}), sources=sources)
        source = Inputs(sources).topics[self._topic]
        names = Topics.of(self._kafka)
        return RollupStage(number, settings, self._kafka.shards, names, source=source, topic=self._topic)


def read(broker: str, topic: str, *, judged: bool) -> None:
    """Read a topic as replay does, and judge it or not."""
    prepare_process()
    meter, source = Meter(), TopicSource(KafkaSettings(brokers=[broker]), topic)
    if judged:
        replay = ReplayPass(source, [Settings()])
        (found,) = replay.run(lambda *_: None if meter.running else meter.start())
        records = found.records
    else:
        records = 0
        for piece in source.pieces():
            if not meter.running:
                meter.start()
            records += len(piece.records or ())
    meter.stop()
    meter.report(records=records)


def main(kind: str, broker: str, topic: str, words: list[str]) -> None:
    if kind in {"read", "replay"}:
        read(broker, topic, judged=kind == "replay")
    else:
        asyncio.run(Live(kind, broker, topic, words).run())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
