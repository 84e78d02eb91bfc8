import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from kafka.admin import NewTopic

from config.settings import KafkaSettings
from detectors.state.state import unpack
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics
from tests.faults.daemons import ROOT, catches_sigterm, wait_until
from tests.kafka import topic as topics

PARTITIONS = 4
PATIENCE = 240  # a busy machine starts a worker in half a minute
RECORDS = 40_000  # of each partition
EXPECTED = {"records": RECORDS, "sum": RECORDS * (RECORDS - 1) // 2}
WORKER = Path(__file__).parent / "counting_worker.py"


class Workers:
    """Processes that count the records of an app's source, in checkpointed state."""

    def __init__(self, broker: str) -> None:
        self._broker, self._app, self._source = broker, *prepared(broker)
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        given = (self._broker, self._app, self._source, "0.5", "0.25")
        command = [sys.executable, str(WORKER), *given]
        worker = subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
        self.running.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        worker.wait()
        self.running.remove(worker)

    def committed(self) -> list[int]:
        return topics.committed(self._broker, self._app, self._source, PARTITIONS)

    def reach(self, at_least: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while sum(self.committed()) < at_least:
            assert time.monotonic() < deadline, "the workers did not get there"
            assert all(worker.poll() is None for worker in self.running), "a worker has ended"
            time.sleep(0.2)

    def stop(self) -> None:
        """End all, which must have counted every record once."""
        for worker in self.running:
            wait_until(partial(catches_sigterm, worker.pid), 60)
            worker.send_signal(signal.SIGTERM)
        assert [worker.wait(60) for worker in self.running] == [0] * len(self.running)
        assert self.committed() == [RECORDS] * PARTITIONS
        assert checkpointed(self._broker, self._app, self._source) == [(RECORDS, EXPECTED)] * PARTITIONS


@pytest.fixture
def workers(kafka: str) -> Iterator[Workers]:
    counting = Workers(kafka)
    yield counting
    for worker in list(counting.running):
        counting.kill(worker)


def checkpointed(broker: str, app: str, source: str) -> list[tuple[int, dict[str, int]]]:
    """Offset and counts in the checkpoint of each partition."""
    kafka = KafkaSettings(brokers=[broker], app=app)

    async def read() -> list[tuple[int, dict[str, int]]]:
        records = FencedStore(Topics.of(kafka).checkpoints, CHECKPOINTS_PARTITIONS, aiokafka_options(kafka))
        checkpoints = KafkaCheckpoints(records)
        found = []
        for number in range(PARTITIONS):
            checkpoint = await checkpoints.load(f"count/{number}")
            assert checkpoint is not None
            counts, _ = unpack(checkpoint.parts["counts"], "counts", 1, dict[str, int])
            found.append((checkpoint.offsets[f"{source}/{number}"], counts))
        await checkpoints.close()
        return found

    return asyncio.run(read())


def prepared(kafka: str) -> tuple[str, str]:
    """Make an app's topics, the source filled with the numbers up to RECORDS in each partition."""
    app, source = topics.unique("app"), topics.unique("numbers")
    topics.create(
        kafka,
        NewTopic(source, PARTITIONS, 1, topic_configs={"retention.ms": "-1"}),
        NewTopic(
            f"{app}-checkpoints", CHECKPOINTS_PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"}
        ),
    )
    numbers = [b"%200d" % n for n in range(RECORDS)]  # so wide that a partition takes many fetches
    topics.fill(kafka, source, [numbers] * PARTITIONS)
    return app, source


def test_every_record_is_counted_once_through_a_join_a_kill_and_a_return(workers: Workers) -> None:
    workers.start()
    victim = workers.start()
    workers.reach(1)
    workers.kill(victim)
    workers.start()
    assert sum(workers.committed()) < RECORDS * PARTITIONS  # the kill came before the end
    workers.reach(RECORDS * PARTITIONS)
    workers.stop()


@pytest.mark.release
def test_a_worker_that_slept_through_its_session_ends_without_writing_over_its_successor(
    workers: Workers,
) -> None:
    sleeper = workers.start()
    workers.reach(1)
    sleeper.send_signal(signal.SIGSTOP)
    workers.start()
    workers.reach(RECORDS * PARTITIONS)
    sleeper.send_signal(signal.SIGCONT)
    assert sleeper.wait(PATIENCE) == 1
    workers.running.remove(sleeper)
    workers.stop()
