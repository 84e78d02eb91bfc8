"""Trouble of Kafka itself: each ends caught up and exact, or in one clear line with exit code 1."""

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic

from streams.kafka.client import open_client
from tests.faults.daemons import Life, Nursery, wait_until
from tests.faults.kafka_run import Input, KafkaRun, Report
from tests.faults.traffic import PARTITIONS, traffic
from tests.kafka.broker import Broker, Cluster

# A client that loses its broker leaves sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FROZEN = float(
    os.environ.get("UNERI_FROZEN", "15")
)  # seconds: longer than a session; a minute in `make faults`


@pytest.fixture(autouse=True)
def _sockets_are_collected_here() -> Iterator[None]:
    """Not in the next test, which would be blamed for them."""
    yield
    gc.collect()


@pytest.fixture
def broker(kafka: str) -> Iterator[Broker]:  # noqa: ARG001 - no Kafka, no test
    """A broker that a test may harm."""
    with Broker() as one:
        yield one


def kept_alive(run: KafkaRun, life: Life, seconds: float = 120) -> tuple[Report, list[str]]:
    """Start the daemon again whenever it ends with code 1, as an orchestrator would; return last words.

    Who takes in an input that pauses must be patient: when a partition is said to be silent depends on wall
    time, and it is another input then. So the end is left to one more worker, for which all are silent.
    """
    words = []
    deadline = time.monotonic() + seconds
    while not run.taken_in(life, 3) and time.monotonic() < deadline:
        if life.code is not None:
            assert life.code == 1, life.said()
            words.append(life.said().strip().splitlines()[-1])
            life = run.start(patient=True)
    life.listens()  # the newest may have found nothing to do as soon as it was born
    assert life.stop() == 0, life.said()
    return run.finish(seconds), words


def test_a_broker_that_is_killed_and_comes_back_costs_nothing(
    nursery: Nursery, broker: Broker, tmp_path: Path
) -> None:
    given = Input(broker.address, traffic(3))
    given.fill(0, 0.5)
    run = KafkaRun(given, nursery, tmp_path)
    life = run.start(patient=True)
    assert life.heard("stage opened")
    life.wait(1)
    broker.kill()
    life.wait(3)
    broker.start()
    given.fill(0.5, 1)
    report, _ = kept_alive(run, life)
    assert report.wrong == []


def test_a_broker_that_hangs_longer_than_a_session_costs_nothing(
    nursery: Nursery, broker: Broker, tmp_path: Path
) -> None:
    given = Input(broker.address, traffic(3))
    given.fill(0, 0.5)
    run = KafkaRun(given, nursery, tmp_path)
    life = run.start(patient=True)
    assert life.heard("stage opened")
    life.wait(1)
    broker.freeze()
    life.wait(FROZEN)
    broker.thaw()
    given.fill(0.5, 1)
    report, _ = kept_alive(run, life)
    assert report.wrong == []


def test_the_loss_of_one_of_three_brokers_costs_nothing(
    kafka: str,  # noqa: ARG001 - skipped where there is none
    nursery: Nursery,
    tmp_path: Path,
) -> None:
    with Cluster() as cluster:
        given = Input(cluster.address, traffic(3), replication=3)
        given.fill(0, 0.5)
        run = KafkaRun(given, nursery, tmp_path)
        life = run.start(patient=True)
        assert life.heard("stage opened")
        life.wait(1)
        cluster.brokers[1].kill()
        given.fill(0.5, 1)
        report, _ = kept_alive(run, life)
        assert report.wrong == []


def test_a_requests_topic_that_is_deleted_ends_the_daemon_with_a_line(
    nursery: Nursery, kafka: str, tmp_path: Path
) -> None:
    given = Input(kafka, traffic(3))
    given.fill(0, 0.5)
    life = KafkaRun(given, nursery, tmp_path).start()
    assert life.heard("stage opened")
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as client:
        client.delete_topics([given.requests])
    assert life.wait(30) == 1
    assert f"the topic {given.requests} was deleted while it was read" in life.said()
    assert "Traceback" not in life.said()


def test_a_requests_topic_that_is_made_anew_is_never_taken_for_the_old_one(
    nursery: Nursery, kafka: str, tmp_path: Path
) -> None:
    given = Input(kafka, traffic(3))
    given.fill(0, 0.5)
    run = KafkaRun(given, nursery, tmp_path)
    life = run.start()
    assert life.heard("stage opened")
    life.wait(1)
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as client:
        client.delete_topics([given.requests])
        assert wait_until(lambda: given.requests not in client.list_topics(), 20)
        client.create_topics([NewTopic(given.requests, PARTITIONS, 1, topic_configs={"retention.ms": "-1"})])
    given.fill()  # beyond where the old one was read to
    assert life.wait(30) == 1
    assert "deleted and created anew" in life.said()
    again = run.start()
    assert again.wait(30) == 1
    assert "is of another topic than the one that the checkpoint" in again.said()
    assert "Traceback" not in again.said()


def test_partitions_that_are_added_are_read_after_a_restart(
    nursery: Nursery, kafka: str, tmp_path: Path
) -> None:
    records = traffic(3)
    given = Input(kafka, records)
    given.fill(0, 0.5)
    run = KafkaRun(given, nursery, tmp_path)
    life = run.start()
    assert life.heard("stage opened")
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as client:
        client.create_partitions({given.requests: NewPartitions(PARTITIONS + 1)})
    assert life.wait(30) == 1
    assert f"has {PARTITIONS + 1} partitions now and had {PARTITIONS} at the start" in life.said()
    again = run.start()
    assert again.heard(f"key=rollup/{PARTITIONS} ")
    assert again.stop() == 0
