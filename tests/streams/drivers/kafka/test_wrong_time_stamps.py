"""Topics whose records have wrong time stamps: by them, all events come from the future."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from faust.types import TP

from config.settings import KafkaSettings, Settings, WebSettings
from streams.drivers.kafka.daemon import KafkaDaemon
from streams.drivers.kafka.stages import RollupStage
from streams.drivers.kafka.topics import Topics
from streams.ingest.batch_consumer.chunk import Chunk
from streams.process.watchdog import Watchdog

KAFKA = KafkaSettings(brokers=["127.0.0.1:9"])
NOW = 1_760_000_000.0


def one(offset: int, at: float) -> Chunk:
    value = json.dumps({"ts": at, "service": "shop"}).encode()
    return Chunk("requests", 3, offset, offset + 1, [offset], [value], arrived=np.full(1, at))


def chunk(first: int, arrived: float) -> Chunk:
    values = [json.dumps({"ts": NOW + first + at, "service": "shop"}).encode() for at in range(400)]
    offsets = range(first, first + 400)
    return Chunk("requests", 3, first, first + 400, offsets, values, arrived=np.full(400, arrived))


def test_a_partition_that_one_record_moved_into_the_future_is_not_ready_until_its_time_has_come() -> None:
    settings = Settings(kafka=KAFKA, web=WebSettings(listen="127.0.0.1:0"))
    daemon = KafkaDaemon(settings, KAFKA, ["rollup"], Watchdog())
    now = [NOW]
    stage = RollupStage(3, settings, 1, Topics.of(KAFKA), now=lambda: now[0])
    runners = {TP("requests", 3): SimpleNamespace(stage=stage)}
    host: Any = SimpleNamespace(runners=runners, partitions={}, opening=[], waiting=[])
    daemon._stages.host, daemon._waits_for = host, ""
    list(stage.feed(chunk(0, NOW)))
    assert daemon.not_ready() is None
    list(stage.feed(one(400, NOW + 3300)))
    for first in range(401, 2400, 400):
        now[0] += 400
        list(stage.feed(chunk(first, now[0])))
    reason = str(daemon.not_ready())
    assert "requests/3: most records are late: one from the future has moved time ahead" in reason
    assert "LogAppendTime" in reason
    now[0] = NOW + 3300
    assert daemon.not_ready() is None


@pytest.mark.parametrize("arrived", [NOW / 1000, 0.0, NOW - 3600])
def test_a_topic_with_wrong_time_stamps_is_not_ready(arrived: float) -> None:
    settings = Settings(kafka=KAFKA, web=WebSettings(listen="127.0.0.1:0"))
    daemon = KafkaDaemon(settings, KAFKA, ["rollup"], Watchdog())
    stage = RollupStage(3, settings, 1, Topics.of(KAFKA))
    runners = {TP("requests", 3): SimpleNamespace(stage=stage)}
    host: Any = SimpleNamespace(runners=runners, partitions={}, opening=[], waiting=[])
    daemon._stages.host, daemon._waits_for = host, ""
    assert "their arrival" not in str(daemon.not_ready())
    list(stage.feed(chunk(0, arrived)))
    reason = str(daemon.not_ready())
    assert "requests/3: most records are not judged: they claim a time after their arrival" in reason
    assert "`uneri check`" in reason
    for first in range(400, 4000, 400):
        list(stage.feed(chunk(first, NOW + first + 400)))
    assert "their arrival" not in str(daemon.not_ready())
