"""Runs a stage of this project over a whole topic, as the daemon does: checkpoints, commits, everything."""

import asyncio
import os
import sys
from collections.abc import Callable

import structlog

from benchmarks.meter import Meter
from config.settings import KafkaSettings, Settings
from streams.engine.warm import warm
from streams.kafka.app import aiokafka_options, chunk_app
from streams.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.kafka.checkpoints.fenced_store import FencedStore
from streams.kafka.stage import Stage
from streams.kafka.stage_host import Hosted, StageHost
from streams.kafka.topics import CHECKPOINTS_PARTITIONS, Topics, setup_topics

WARM = 0.4
"""Share of the topic that is read before the clock is started: its names are known by then."""


class StageRun:
    """One run as an app of its own, whose topics are made for it; ``make`` gives a stage for a partition."""

    def __init__(self, broker: str, topic: str, expected: int) -> None:
        self.kafka = KafkaSettings(brokers=[broker], app=f"bench-{os.getpid()}", requests=topic, shards=2)
        self.meter = Meter()
        self._expected = expected
        self._taken = 0
        self.measured: int | None = None  # records from where the clock was started on
        self._done = asyncio.Event()

    def took(self, records: int) -> None:
        """Say that so many records are where they belong."""
        self._taken += records
        if self.measured is None and self._taken >= self._expected * WARM:
            self.measured = self._expected - self._taken
            self.meter.start()
        if self._taken >= self._expected:
            self.meter.stop()
            self._done.set()

    @property
    def taken(self) -> int:
        return self._taken

    async def run(self, make: Callable[[int], Stage]) -> None:
        structlog.configure(
            logger_factory=structlog.PrintLoggerFactory(sys.stderr)
        )  # one line of JSON is told
        warm()
        setup_topics(Settings(kafka=self.kafka))
        options = aiokafka_options(self.kafka)
        records = FencedStore(Topics.of(self.kafka).checkpoints, CHECKPOINTS_PARTITIONS, options)
        hosted = Hosted(self.kafka.requests, "rollup", make)
        host = StageHost(chunk_app(self.kafka), [hosted], KafkaCheckpoints(records), options)
        await host.start()
        await self._done.wait()
        await host.stop()
