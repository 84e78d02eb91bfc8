"""Limits of a worker: its shards take in those that are new, and its status shows them at once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from config.capacity import Capacity
from config.reload import Reload
from config.settings import KafkaSettings, LimitsSettings, Settings, TableLimit, WebSettings
from streams.drivers.kafka.daemon import KafkaDaemon
from streams.drivers.kafka.stages import DetectStage
from streams.drivers.kafka.topics import Topics
from streams.ingest.limits.reading import FoundLimit, PartReading, known_limits, merged, save_limits
from streams.process.watchdog import Watchdog

KAFKA = KafkaSettings(brokers=["127.0.0.1:9"])


def read(file: Path, wcu: float) -> None:
    found = (FoundLimit("table", "items", "wcu", wcu),)
    save_limits(file, merged(known_limits(file), [PartReading("1", "eu-west-1", "dynamodb", found)], 0.0))


def worker(folder: Path, *roles: str) -> KafkaDaemon:
    file = folder / "limits.json"
    read(file, 50.0)
    limits = LimitsSettings(file=str(file))
    settings = Settings(kafka=KAFKA, web=WebSettings(listen="127.0.0.1:0"), limits=limits)
    return KafkaDaemon(settings, KAFKA, roles, Watchdog())


def test_the_status_of_a_worker_that_judges_shows_its_limits(tmp_path: Path) -> None:
    assert str(worker(tmp_path, "detect").status()["limits"]).startswith("['1 read from AWS, ")
    assert "limits" not in worker(tmp_path, "notify").status()


def with_two_shards(daemon: KafkaDaemon) -> list[DetectStage]:
    shards = [DetectStage(shard, ["requests/0"], Settings(), Topics.of(KAFKA)) for shard in range(2)]
    host: Any = SimpleNamespace(runners={shard: SimpleNamespace(stage=shard) for shard in shards})
    daemon._stages.host = host
    return shards


def test_every_shard_of_a_worker_goes_on_with_new_limits(tmp_path: Path) -> None:
    daemon = worker(tmp_path, "detect")
    shards = with_two_shards(daemon)
    capacity = Capacity(LimitsSettings(tables={"items": TableLimit(wcu=5.0)}))
    daemon._stages.limit(capacity)
    assert [shard.detect._capacity for shard in shards] == [capacity, capacity]


async def test_a_reload_takes_in_a_file_of_limits_that_was_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = worker(tmp_path, "detect")
    shards = with_two_shards(daemon)
    monkeypatch.setattr(daemon.delivery, "reload", AsyncMock())
    read(tmp_path / "limits.json", 80.0)
    await daemon._apply(Reload(daemon.settings, (), ()))
    assert [shard.detect._capacity.limit_of("table", "1", "items", "wcu", at=600) for shard in shards] == [
        80,
        80,
    ]
