"""Plays the story on Kafka, by a daemon of its own process."""

import asyncio
import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from streams.cli.state import export_state
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.outbox import KafkaOutboxStorage
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics, setup_topics
from streams.engine.detect.gather import JudgedStep
from streams.notify.messenger import messenger
from tests.faults.daemons import Supervisor, wait_until
from tests.golden.story import (
    MINUTES,
    PARTITIONS,
    SHARDS,
    SILENCED,
    START,
    Sent,
    minutes,
    read_sent,
    settings,
    told,
)
from tests.kafka import topic as topics

REQUESTS = "golden-requests"
PATIENCE = 120.0


def kafka_settings(broker: str, app: str) -> Settings:
    """Return the settings of an app of the story."""
    kafka = {"brokers": [broker], "app": app, "requests": REQUESTS, "shards": SHARDS}
    return settings(kafka=kafka, web={"listen": "127.0.0.1:0"})


def create(broker: str, app: str) -> None:
    """Create all topics of an app, and the requests."""
    topics.create(broker, NewTopic(REQUESTS, PARTITIONS, 1, topic_configs={"retention.ms": "-1"}))
    setup_topics(kafka_settings(broker, app))


def fill(broker: str, sent: Sequence[Sent]) -> None:
    """Write records, with their arrival as the broker would stamp it."""
    parts = [[one for one in sent if one.partition == number] for number in range(PARTITIONS)]
    arrived = [np.array([one.arrived for one in part]) for part in parts]
    topics.fill(broker, REQUESTS, [[one.record for one in part] for part in parts], arrived=arrived)


def read_all(broker: str, app: str, supervisor: Supervisor, log: Path) -> None:
    """Run a daemon until every stage has everything in its checkpoint."""
    given = kafka_settings(broker, app)
    assert given.kafka is not None
    names = Topics.of(given.kafka)
    log.touch()
    daemon = supervisor.start(given, log, worker="golden")
    with open_client(
        KafkaConsumer, bootstrap_servers=broker, group_id=app, enable_auto_commit=False
    ) as consumer:

        def done() -> bool:
            return topics.has_committed(
                consumer, names.requests, names.rollups, names.findings, names.notices
            )

        has_read = daemon.logged("started") and wait_until(lambda: done() and done(), PATIENCE, 1.0)
    assert daemon.stop() == 0, daemon.output()[-3000:]
    assert has_read, daemon.output()[-3000:]


def findings(broker: str, app: str, start: int = 0) -> list[dict[str, Any]]:
    """Return what is told on the findings topic from an offset on, once each."""
    found = {
        (finding.id, finding.revision): told(finding)
        for record in topics.read(broker, f"{app}-findings", start)
        for finding in msgspec.msgpack.decode(record.value, type=JudgedStep).findings
    }
    return [found[key] for key in sorted(found)]


async def by_people(given: Settings) -> None:
    """Label the incident that has ended and silence what never happens; their messages stay unsent."""
    assert given.kafka is not None
    records = FencedStore(
        Topics.of(given.kafka).checkpoints, CHECKPOINTS_PARTITIONS, aiokafka_options(given.kafka)
    )
    storage, pipeline = KafkaOutboxStorage(records), Pipeline(given)
    async with messenger(given, storage, pipeline) as (courier, outbox):
        await courier.start()
        (ended,) = [incident.incident.id for incident in pipeline._registry if incident.ended_at is not None]
        assert [incident for incident in pipeline._registry if incident.ended_at is None], "one is open"
        at, matching = START + 60 * MINUTES, Matcher(scopes=[SILENCED])
        for name, kind, more in (
            ("label", CommandKind.NOT_AN_ANOMALY, {"incident": ended}),
            ("silence", CommandKind.SILENCE, {"matcher": matching, "until": START + 10**9}),
        ):
            await courier.command(Command(id=name, kind=kind, at=at, by="U0ANA", **more))
        assert outbox.waiting(), "an edit waits"
    await storage.close()


def make_kafka(folder: Path, broker: str, work: Path) -> None:
    """Take the state in the middle, and note how the same app goes on."""
    app = "golden"
    given = kafka_settings(broker, app)
    create(broker, app)
    with Supervisor() as supervisor:
        fill(broker, list(chain.from_iterable(minutes(0, MINUTES))))
        read_all(broker, app, supervisor, work / "log")
        asyncio.run(by_people(given))
        assert export_state(given, folder / "kafka.tar.zst", "") == 0
        with open_client(KafkaConsumer, bootstrap_servers=broker, group_id=app) as consumer:
            start = consumer.committed(TopicPartition(f"{app}-findings", 0)) or 0
        fill(broker, read_sent(folder / "after.ndjson.zst"))
        read_all(broker, app, supervisor, work / "log")
    outcome = {"findings": findings(broker, app, start)}
    (folder / "kafka.json").write_text(json.dumps(outcome, indent=1) + "\n")
    assert outcome["findings"]
