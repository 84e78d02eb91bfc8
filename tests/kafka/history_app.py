"""An app with a history: its topics, its processes, and what they show."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from kafka.admin import NewTopic

from config.settings import Settings
from streams.drivers.kafka.topics import BLOCK_BYTES, Topics, setup_topics
from streams.record.history.history_files import HistoryFolder
from tests.faults.daemons import Daemon, Supervisor, wait_until
from tests.free_port import free_port
from tests.kafka import topic as topics

PATIENCE = 240.0  # a busy machine takes its time
SHARDS = 2
PARTITIONS = 2
SOON = [
    ["streams.record.history.history_writer", "WRITE_SECONDS", 0.1],
    ["streams.record.history.history_writer", "RETRY_SECONDS", 0.1],
]


def given(kafka: str, place: Path, **sections: Any) -> Settings:
    """Return the settings of a new app whose topics are there."""
    name = topics.unique("requests")
    topics.create(kafka, NewTopic(name, PARTITIONS, 1, topic_configs={"retention.ms": "-1"}))
    settings = Settings.model_validate(
        {
            "kafka": {"brokers": [kafka], "app": topics.unique("app"), "requests": name, "shards": SHARDS},
            "web": {"listen": f"127.0.0.1:{free_port()}"},
            "time": {"idle": 3600},
            "judge": {"young": 3600},
            "notify": {"since": "2020-01-01"},
            "history": {"place": str(place)},
            **sections,
        }
    )
    setup_topics(settings)
    return settings


def elsewhere(settings: Settings) -> Settings:
    """Return the settings of another process of the same app."""
    web = settings.web.model_copy(update={"listen": f"127.0.0.1:{free_port()}"})
    return settings.model_copy(update={"web": web})


@dataclass
class App:
    """The processes of an app; each has the log of the app."""

    settings: Settings
    supervisor: Supervisor
    log: Path
    running: list[Daemon] = field(default_factory=list)

    def start(
        self, worker: str, roles: Sequence[str], settings: Settings | None = None, **options: Any
    ) -> Daemon:
        options = {"constants": SOON, "session": 6, **options}
        daemon = self.supervisor.start(
            settings or self.settings, self.log, worker=worker, roles=list(roles), **options
        )
        self.running.append(daemon)
        return daemon

    def board(self, worker: str = "board", settings: Settings | None = None, **options: Any) -> Daemon:
        return self.start(worker, ["board"], settings, **options)

    def place(self) -> HistoryFolder:
        assert self.settings.history.place is not None
        return HistoryFolder(self.settings.history.place)

    def until(self, done: Callable[[], bool]) -> None:
        if not wait_until(done, PATIENCE, 0.1):
            raise AssertionError(self.log.read_text()[-5000:])

    def wrote(self, end: int) -> None:
        self.until(lambda: max((file.end for file in self.place().files()), default=0) >= end)


def shown(settings: Settings, path: str = "/status") -> dict[str, Any]:
    """Return a page of JSON; {} while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{settings.web.listen}{path}", timeout=5) as answer:
            found: dict[str, Any] = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        found = json.loads(error.read())
    except OSError:
        return {}
    return found


def metric(settings: Settings, name: str) -> float:
    with urllib.request.urlopen(f"http://{settings.web.listen}/metrics", timeout=5) as answer:
        page = answer.read().decode()
    return next(float(line.split()[-1]) for line in page.splitlines() if line.startswith(f"{name} "))


def leave(settings: Settings, records: Sequence[bytes]) -> None:
    """Write records of steps as the role detect does."""
    assert settings.kafka is not None
    brokers, topic = settings.kafka.brokers, Topics.of(settings.kafka).steps

    async def write() -> None:
        async with AIOKafkaProducer(bootstrap_servers=brokers, max_request_size=BLOCK_BYTES) as producer:
            for record in records:
                await producer.send(topic, record, partition=0)

    asyncio.run(write())
