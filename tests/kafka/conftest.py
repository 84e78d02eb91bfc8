"""Apps and topics on the shared broker."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import NewTopic

from tests.faults.daemons import Supervisor
from tests.kafka import topic as topics
from tests.kafka.kafka_app import KafkaApp, MakeApp


@pytest.fixture
def make_app(kafka: str, supervisor: Supervisor, tmp_path: Path) -> Iterator[MakeApp]:
    with ExitStack() as apps:

        def make(broker: str = kafka, **given: Any) -> KafkaApp:
            return apps.enter_context(KafkaApp(broker, supervisor, tmp_path, **given))

        yield make


@pytest.fixture
def topic(kafka: str) -> str:
    name = topics.unique("checkpoints")
    topics.create(kafka, NewTopic(name, 1, 1, topic_configs={"cleanup.policy": "compact"}))
    return name
