"""An app of its own on a broker: its topics, its processes, what they answer, and what they leave."""

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from kafka.admin import NewTopic
from kafka.consumer.fetcher import ConsumerRecord

from config.settings import KafkaSettings, Settings
from detectors.model.array_types import Floats
from streams.drivers.kafka.topics import REQUESTS_PARTITIONS, Topics, setup_topics
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block
from tests.faults.daemons import Daemon, Supervisor, wait_until
from tests.free_port import free_port
from tests.kafka import topic as topics

START: Final = 1_760_000_000
PARTITIONS: Final = 2
PATIENCE: Final = 240.0  # a busy machine takes its time
KEPT: Final = {"retention.ms": "-1"}
LARGE: Final = 1 << 20  # bytes of a fetch, as a daemon that is installed asks for


def event(number: int) -> bytes:
    """Return a request of a function that reads a table, twenty a second."""
    return json.dumps(
        {
            "ts": START + number * 0.05,
            "id": f"r{number}",
            "account": "1",
            "service": "shop",
            "function": f"f{number % 5}",
            "ms": {"total": 12.0},
            "tables": [{"name": "items", "op": "GetItem", "rcu": 1.0}],
        }
    ).encode()


def stamps(count: int, apart: float) -> Floats:
    """Return when records arrive that happen at equal distances, three seconds after each."""
    return START + 3 + apart * np.arange(count, dtype=np.float64)


class KafkaApp:
    """An app and its processes, which end with the ``with`` block.

    Parameters
    ----------
    broker, supervisor
        Where its topics are, and what starts its processes.
    folder
        Of their logs.
    partitions, configs
        Of the topics that records come from. Without partitions, `uneri setup` makes them as it will.
    prepared
        Whether the topics are there.
    sections
        Of the settings.
    """

    def __init__(
        self,
        broker: str,
        supervisor: Supervisor,
        folder: Path,
        *,
        prepared: bool = True,
        partitions: int = PARTITIONS,
        configs: dict[str, str] = KEPT,
        **sections: Any,
    ) -> None:
        own = {"app": topics.unique("app"), "requests": topics.unique("requests"), "shards": 2}
        common = {"web": {"listen": f"127.0.0.1:{free_port()}"}, "time": {"idle": 2}}
        kafka = {"brokers": [broker], **own, **sections.pop("kafka", {})}
        self.settings = Settings.model_validate({**common, **sections, "kafka": kafka})
        self._broker, self._supervisor, self._folder = broker, supervisor, folder
        self._daemons: list[Daemon] = []
        self._partitions = partitions or REQUESTS_PARTITIONS
        if prepared and partitions:
            sources = filter(None, (self.kafka.requests, *self.names.inputs))
            topics.create(broker, *(NewTopic(name, partitions, 1, topic_configs=configs) for name in sources))
        if prepared:
            setup_topics(self.settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for daemon in self._daemons:
            daemon.signal(signal.SIGCONT)
            daemon.kill()
        said = self.said()
        print(said)  # noqa: T201 - shown when the test fails, and searched for secrets
        assert "Traceback" not in said

    @property
    def kafka(self) -> KafkaSettings:
        assert self.settings.kafka is not None
        return self.settings.kafka

    @property
    def names(self) -> Topics:
        return Topics.of(self.kafka, self.settings.sources)

    # Its processes

    def start(self, *roles: str, settings: Settings | None = None, **options: Any) -> Daemon:
        """Start a process, by default with all roles, each with a log of its own."""
        log = self._folder / f"{self.kafka.app}-{len(self._daemons)}.log"
        log.touch()
        given = {"roles": list(roles) or None, "fetch": LARGE, **options}
        self._daemons.append(self._supervisor.start(settings or self.settings, log, **given))
        return self._daemons[-1]

    def elsewhere(self) -> Settings:
        """Return the settings of another process of the app."""
        web = self.settings.web.model_copy(update={"listen": f"127.0.0.1:{free_port()}"})
        return self.settings.model_copy(update={"web": web})

    def said(self) -> str:
        """Return the logs of all processes."""
        return "".join(daemon.output() for daemon in self._daemons)

    def until(self, done: Callable[[], bool]) -> None:
        if not wait_until(done, PATIENCE, 0.1):
            raise AssertionError(f"it did not get there in time: {self.said()[-5000:]}")

    # What they answer

    def get(self, path: str, settings: Settings | None = None) -> tuple[int, str]:
        """Return the status and the text of a page; 0 and nothing while nobody answers."""
        listen = (settings or self.settings).web.listen
        try:
            with urllib.request.urlopen(f"http://{listen}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def shown(self, path: str = "/status", settings: Settings | None = None) -> dict[str, Any]:
        """Return a page of JSON; {} while nobody answers."""
        found: dict[str, Any] = json.loads(self.get(path, settings)[1] or "{}")
        return found

    def ready(self, settings: Settings | None = None) -> bool:
        return self.get("/readyz", settings)[0] == 200

    def metric(self, name: str, **labels: str) -> float | None:
        return metric(self.get("/metrics")[1], name, **labels)

    # What is in its topics

    def fill(
        self, topic: str, values: Sequence[bytes], apart: float, first: float = 0, last: float = 1
    ) -> None:
        """Write a stretch of the records of a topic, by turns to its partitions; each arrives on time."""
        part = slice(int(len(values) * first), int(len(values) * last))
        arrived, turns = stamps(len(values), apart)[part], range(self._partitions)
        topics.fill(
            self._broker,
            topic,
            [values[part][turn :: self._partitions] for turn in turns],
            arrived=[arrived[turn :: self._partitions] for turn in turns],
        )

    def committed(self, topic: str | None = None) -> list[int]:
        """Return how far a topic, by default that of the requests, was read in each partition."""
        return topics.committed(self._broker, self.kafka.app, topic or self.kafka.requests, self._partitions)

    def records(self, topic: str) -> list[ConsumerRecord]:
        return topics.read(self._broker, topic)

    def blocks(self) -> list[Block]:
        """Return the blocks that count, once each; what was written again is the same."""
        kept: dict[tuple[str, int, int], bytes] = {}
        for record in self.records(self.names.rollups):
            block = decode_block(record.value)
            assert record.partition == block.shard
            if not (block.idle or block.ends):  # these borrow their number
                key = block.source, block.shard, block.sequence
                assert kept.setdefault(key, record.value) == record.value
        return list(map(decode_block, kept.values()))

    def dead_letters(self) -> list[tuple[str, dict[str, Any]]]:
        """Return keys and letters."""
        found = self.records(self.names.dead_letters)
        return [(record.key.decode(), json.loads(record.value)) for record in found]


MakeApp = Callable[..., KafkaApp]
"""Makes an app on the shared broker from sections of its settings; it ends with the test."""


def metric(page: str, name: str, **labels: str) -> float | None:
    shown = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    start = f"{name}{{{shown}}} " if labels else f"{name} "
    return next((float(line[len(start) :]) for line in page.splitlines() if line.startswith(start)), None)
