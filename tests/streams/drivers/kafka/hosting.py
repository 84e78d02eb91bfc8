"""A host of stages without a broker, and partitions of it whose runners are given."""

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from config.settings import KafkaSettings
from streams.drivers.checkpointing import USUAL, RunOptions
from streams.drivers.kafka.app import aiokafka_options, chunk_app
from streams.drivers.kafka.hosted_partition import Hosted, HostedPartition
from streams.drivers.kafka.stage_host import StageHost
from streams.process.metrics import Metrics

ROLLUP: Any = Hosted("requests", "rollup", lambda _: SimpleNamespace())
DETECT: Any = Hosted("rollups", "detect", lambda _: SimpleNamespace())


def hosting(
    *hosted: Any, checkpoints: Any = None, options: RunOptions = USUAL, metrics: Metrics | None = None
) -> StageHost:
    """Return a host of these stages, by default of rollups; it must be made within an event loop."""
    kafka = KafkaSettings(brokers=["127.0.0.1:1"])
    return StageHost(
        chunk_app(kafka),
        list(hosted) or [ROLLUP],
        checkpoints,
        aiokafka_options(kafka),
        options,
        metrics=metrics,
    )


def add_partition(host: StageHost, tp: TP, runner: Any) -> HostedPartition:
    """Add a partition that has this runner, or, if it is a future, gets it."""
    hosted, now = host._hosted[tp.topic], host.stalls.clock()
    count = partial(host.count_deleted, hosted, tp)
    added = HostedPartition(tp, hosted, host.clients, "", now, count_deleted=count)
    if isinstance(runner, asyncio.Future):
        added.opening = runner
    else:
        added.opening = asyncio.get_running_loop().create_future()
        added.opening.set_result(runner)
    host.partitions[tp] = added
    return added
