import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

from kafka.admin import NewTopic

from config.settings import KafkaSettings
from detectors.state.state import unpack
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics
from tests.faults.daemons import handles_sigterm
from tests.kafka import topic as topics

PARTITIONS = 4
PATIENCE = 240  # a busy machine starts a worker in half a minute
RECORDS = 40_000  # of each partition
EXPECTED = {"records": RECORDS, "sum": RECORDS * (RECORDS - 1) // 2}
WORKER = Path(__file__).parent / "counting_worker.py"
ROOT = Path(__file__).parent.parent.parent


class Workers:
    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(WORKER), *self._arguments]
        worker = subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
        self.running.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        worker.wait()
        self.running.remove(worker)

    def stop(self) -> list[int]:
        for worker in self.running:
            handles_sigterm(worker.pid)
            worker.send_signal(signal.SIGTERM)
        codes = []
        for worker in self.running:
            try:
                codes.append(worker.wait(60))
            except subprocess.TimeoutExpired:
                worker.kill()
                codes.append(worker.wait())
        self.running.clear()
        return codes


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


def test_every_record_is_counted_once_through_a_join_a_kill_and_a_return(kafka: str) -> None:
    app, source = prepared(kafka)
    workers = Workers(kafka, app, source, "0.5", "0.25")
    try:
        workers.start()
        victim = workers.start()
        reached(kafka, app, source, workers, at_least=1)
        workers.kill(victim)
        workers.start()
        halfway = topics.committed(kafka, app, source, PARTITIONS)
        reached(kafka, app, source, workers, at_least=RECORDS * PARTITIONS)
        codes = workers.stop()
    finally:
        for worker in list(workers.running):
            workers.kill(worker)

    assert sum(halfway) < RECORDS * PARTITIONS  # the kill came before the end
    assert codes == [0, 0]
    assert topics.committed(kafka, app, source, PARTITIONS) == [RECORDS] * PARTITIONS
    assert checkpointed(kafka, app, source) == [(RECORDS, EXPECTED)] * PARTITIONS


def test_a_worker_that_slept_through_its_session_ends_without_writing_over_its_successor(kafka: str) -> None:
    app, source = prepared(kafka)
    workers = Workers(kafka, app, source, "0.5", "0.25")
    try:
        sleeper = workers.start()
        reached(kafka, app, source, workers, at_least=1)
        sleeper.send_signal(signal.SIGSTOP)
        workers.start()
        reached(kafka, app, source, workers, at_least=RECORDS * PARTITIONS)
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.wait(PATIENCE) == 1
        workers.running.remove(sleeper)
        codes = workers.stop()
    finally:
        for worker in list(workers.running):
            workers.kill(worker)
    assert codes == [0]
    assert topics.committed(kafka, app, source, PARTITIONS) == [RECORDS] * PARTITIONS
    assert checkpointed(kafka, app, source) == [(RECORDS, EXPECTED)] * PARTITIONS


def reached(broker: str, app: str, source: str, workers: Workers, at_least: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while sum(topics.committed(broker, app, source, PARTITIONS)) < at_least:
        assert time.monotonic() < deadline, "the workers did not get there"
        assert all(worker.poll() is None for worker in workers.running), "a worker has ended"
        time.sleep(0.2)
