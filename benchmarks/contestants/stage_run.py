"""Runs a stage of this project over a whole topic, as the daemon does: checkpoints, commits, everything."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from benchmarks.cpu_owners import CpuOwners
from benchmarks.meter import Meter
from config.settings import KafkaSettings, Settings
from streams.drivers.compile_ahead import prepare_process
from streams.drivers.kafka.app import aiokafka_options, chunk_app
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.hosted_partition import Hosted
from streams.drivers.kafka.stage import Emission, Stage
from streams.drivers.kafka.stage_host import StageHost
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics, setup_topics
from streams.engine.stages.checkpoint import Checkpoint


class StageRun:
    """One run as an app of its own, whose topics are made for it; ``make`` gives a stage for a partition.

    ``words`` are those of the command line behind broker and topic: records, those of a partition that warm
    up, and ``profile`` where the owners of the CPU time are asked for.
    """

    def __init__(self, broker: str, topic: str, words: list[str]) -> None:
        self.kafka = KafkaSettings(brokers=[broker], app=f"bench-{os.getpid()}", requests=topic, shards=2)
        self.owners = CpuOwners() if "profile" in words else None
        self.meter = Meter.of([word for word in words if word != "profile"])
        self._saved = 0
        self._done = asyncio.Event()
        if self.owners is not None:
            self.meter.on_start, self.meter.on_stop = self.owners.start, self.owners.stop

    def took(self, partition: int, records: int) -> None:
        """Count so many records as done."""
        if self.meter.took(partition, records):
            self._done.set()

    async def run(self, make: Callable[[int], Stage], *, at_once: int | None = None) -> None:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for JSON
        prepare_process()
        setup_topics(Settings(kafka=self.kafka))
        options = aiokafka_options(self.kafka)
        run = self

        class Counted(KafkaCheckpoints):
            async def save(self, key: str, checkpoint: Checkpoint, once: Sequence[Emission] = ()) -> None:
                await super().save(key, checkpoint, once)
                run.saved()

        records = FencedStore(Topics.of(self.kafka).checkpoints, CHECKPOINTS_PARTITIONS, options)
        hosted = Hosted(self.kafka.requests, "rollup", make, at_once=at_once)
        host = StageHost(chunk_app(self.kafka), [hosted], Counted(records), options)
        await host.start()
        await self._done.wait()
        await host.stop()

    def saved(self) -> None:
        """Count a checkpoint, while the clock runs."""
        self._saved += self.meter.started and not self.meter.over

    def report(self, **more: Any) -> None:
        """Report the measurements, and how many checkpoints were written meanwhile."""
        if self.owners is not None:
            more |= {"owners": self.owners.shares(), "absent": self.owners.absent}
        self.meter.report(checkpoints=self._saved, **more)
