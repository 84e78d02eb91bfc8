"""With Kafka, history is learnt shard by shard: before the first start, while daemons run, through kills."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer

from config.yaml_tree import to_yaml
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.stage import TOPIC
from streams.drivers.kafka.stages import REQUESTED
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS
from tests.faults.daemons import Daemon, Supervisor
from tests.kafka import topic as topics
from tests.kafka.kafka_app import KafkaApp
from tests.streams.offline.backfill.hammered_history import BEGIN, HAMMERED, at, records

pytestmark = pytest.mark.release

UNERI = Path(sys.executable).with_name("uneri")
SHARDS = 2
TAKEN_UP = "the history is taken up"


class TaughtApp(KafkaApp):
    """An app with a file of its configuration, on one partition of requests, which others may read too."""

    def __init__(self, broker: str, supervisor: Supervisor, folder: Path, requests: str | None) -> None:
        sections: dict[str, Any] = {
            "kafka": {"shards": SHARDS} | ({"requests": requests} if requests else {}),
            "time": {"idle": 3600},
            "judge": {"young": 86400},
            "notify": {"since": "2020-01-01"},
        }
        super().__init__(broker, supervisor, folder, partitions=0 if requests else 1, **sections)
        self.config = folder / f"{self.kafka.app}.yaml"
        self.config.write_text(to_yaml(self.settings.model_dump(mode="json", exclude_unset=True)))

    def send(self, first: float, last: float) -> int:
        """Send what came between two moments; return how many records there are now."""
        topics.fill(self.kafka.brokers[0], self.kafka.requests, [records()[at(first) : at(last)]])
        return at(last) - at(BEGIN)

    def until_read(self, count: int) -> None:
        """Wait until checkpoints include this many requests, and every block that was made of them."""
        broker, name = self.kafka.brokers[0], self.kafka.app
        with open_client(KafkaConsumer, bootstrap_servers=broker, group_id=name) as consumer:
            self.until(
                lambda: (
                    topics.committed(broker, name, self.kafka.requests, 1) == [count]  # no more blocks come
                    and topics.has_committed(consumer, self.names.rollups)
                )
            )

    def until_taken_up(self, daemon: Daemon, times: int) -> None:
        self.until(lambda: daemon.output().count(TAKEN_UP) >= times)

    def backfill(self, *arguments: str, config: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [str(UNERI), "backfill", *arguments, "--config", str(config or self.config)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def shards(self) -> list[dict[str, bytes]]:
        """Return the state of each shard, as its checkpoint has it."""

        async def peek() -> list[dict[str, bytes]]:
            store = FencedStore(
                self.names.checkpoints, CHECKPOINTS_PARTITIONS, {"bootstrap_servers": self.kafka.brokers}
            )
            found = [await KafkaCheckpoints(store).peek(f"detect/{shard}") for shard in range(SHARDS)]
            return [
                {name: body for name, body in checkpoint.parts.items() if name != TOPIC}
                for checkpoint in found
                if checkpoint is not None
            ]

        return asyncio.run(peek())


NewApp = Callable[..., TaughtApp]


@pytest.fixture
def new_app(kafka: str, supervisor: Supervisor, tmp_path: Path) -> Iterator[NewApp]:
    with ExitStack() as apps:
        yield lambda requests=None: apps.enter_context(TaughtApp(kafka, supervisor, tmp_path, requests))


@pytest.fixture
def history(tmp_path: Path) -> str:
    path = tmp_path / "history.ndjson"
    path.write_bytes(b"\n".join(records()[: at(BEGIN + 600)]))  # it overlaps what is live
    return str(path)


def test_a_running_daemon_goes_on_as_if_the_history_had_come_before_its_first_start(
    new_app: NewApp, history: str
) -> None:
    middle, end = HAMMERED + 300, HAMMERED + 3900  # past the hour
    running = new_app()
    daemon = running.start()
    running.until_read(running.send(BEGIN, middle))
    young = [len(parts) for parts in running.shards()]
    done = running.backfill(history)
    assert done.returncode == 0, done.stderr
    assert f"learnt from {at(BEGIN):,} records, up to" in done.stdout
    assert "each of the 2 shards takes this up by itself" in done.stdout
    daemon.kill()  # wherever it is with that
    daemon = running.start()
    running.until(  # each has parts of the days before, not only been asked
        lambda: all(
            REQUESTED.name not in parts and len(parts) > few
            for parts, few in zip(running.shards(), young, strict=True)
        )
    )
    count = running.send(middle, end)
    running.until_read(count)
    assert daemon.stop() == 0

    there = new_app(running.kafka.requests)
    done = there.backfill(history, "--to", str(int(BEGIN)))
    assert done.returncode == 0, done.stderr
    daemon = there.start()
    there.until_taken_up(daemon, SHARDS)
    there.until_read(count)
    assert daemon.stop() == 0
    mine, theirs = running.shards(), there.shards()
    assert [len(parts) > few for parts, few in zip(mine, young, strict=True)] == [True, True]
    assert mine == theirs


def test_a_stopped_backfill_goes_on_and_what_it_taught_is_taken_back(
    new_app: NewApp, tmp_path: Path, history: str
) -> None:
    app = new_app()
    command = [str(UNERI), "backfill", history, "--config", str(app.config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode in (0, 130), said  # through, or stopped somewhere
    done = app.backfill(history)
    assert done.returncode == 0, done.stderr
    daemon = app.start()
    count = app.send(BEGIN, HAMMERED + 1200)
    app.until_taken_up(daemon, SHARDS)
    app.until_read(count)
    taught = [len(parts) for parts in app.shards()]
    other = tmp_path / "other.yaml"
    other.write_text(app.config.read_text().replace("young: 86400", "young: 86400\n  weeks: 3"))
    done = app.backfill(history, "--restart", config=other)
    assert (done.returncode, "judge by other settings than this command" in done.stderr) == (2, True)
    done = app.backfill("--undo")
    assert (done.returncode, "what backfills taught is to be forgotten" in done.stdout) == (0, True)
    app.until_taken_up(daemon, 2 * SHARDS)
    assert daemon.stop() == 0
    assert all(len(parts) < many for parts, many in zip(app.shards(), taught, strict=True))
