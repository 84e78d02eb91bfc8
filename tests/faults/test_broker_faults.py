"""Trouble of Kafka itself: each ends caught up and exact, or in one clear line with exit code 1."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic

from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.group_watch import LOOK_SECONDS
from streams.drivers.kafka.topics import setup_topics
from tests.faults.daemons import Daemon, Supervisor, wait_until
from tests.faults.kafka_run import Input, KafkaRun, Report
from tests.faults.traffic import PARTITIONS, traffic
from tests.kafka.broker import Broker, Cluster
from tests.kafka.topic import committed

FROZEN = float(
    os.environ.get("UNERI_FROZEN", "15")
)  # seconds: longer than a session; a minute in `make faults`


def restarted_until_done(run: KafkaRun, daemon: Daemon, seconds: float = 120) -> tuple[Report, list[str]]:
    """Restart the daemon whenever it exits with code 1, as an orchestrator would; return its last log lines.

    A worker whose input pauses must never report idle sources: idleness depends on wall time and would change
    the results. A last worker, for which all sources become idle, finishes.
    """
    words = []
    deadline = time.monotonic() + seconds
    while not run.taken_in(daemon, 3) and time.monotonic() < deadline:
        if daemon.code is not None:
            assert daemon.code == 1, daemon.output()
            words.append(daemon.output().strip().splitlines()[-1])
            daemon = run.start(never_idle=True)
    assert daemon.stop() == 0, daemon.output()
    return run.finish(seconds), words


@contextmanager
def half_read(supervisor: Supervisor, given: Input, folder: Path) -> Iterator[Daemon]:
    """Let something happen while a daemon works, then send the other half: nothing may be lost or doubled."""
    given.fill(0, 0.5)
    run = KafkaRun(given, supervisor, folder)
    daemon = run.start(never_idle=True)
    assert daemon.logged("stage opened")
    daemon.wait(1)
    yield daemon
    given.fill(0.5, 1)
    report, _ = restarted_until_done(run, daemon)
    assert report.wrong == []


def test_a_broker_that_is_killed_and_comes_back_costs_nothing(
    supervisor: Supervisor, own_broker: Broker, tmp_path: Path
) -> None:
    with half_read(supervisor, Input(own_broker.address, traffic(3)), tmp_path) as daemon:
        own_broker.kill()
        daemon.wait(3)
        own_broker.start()


@pytest.mark.release
def test_a_broker_that_comes_back_with_an_older_disk_ends_the_daemon_with_a_line(
    supervisor: Supervisor, own_broker: Broker, tmp_path: Path
) -> None:
    given = Input(own_broker.address, traffic(3))
    given.fill(0, 0.5)
    run = KafkaRun(given, supervisor, tmp_path)
    daemon = run.start(never_idle=True)
    assert daemon.logged("stage opened")
    older = tmp_path / "older"
    own_broker.keep(older)
    given.fill(0.5, 1)
    assert wait_until(lambda: run.taken_in(daemon, 3), 120)
    assert daemon.wait(2 * LOOK_SECONDS) is None, daemon.output()  # it has seen how far the topics went
    own_broker.go_back(older)
    assert daemon.wait(120) == 1
    assert "a broker come back with an older disk" in daemon.output()
    assert run.start().logged("stage opened")


@pytest.mark.release
def test_a_broker_that_hangs_longer_than_a_session_costs_nothing(
    supervisor: Supervisor, own_broker: Broker, tmp_path: Path
) -> None:
    with half_read(supervisor, Input(own_broker.address, traffic(3)), tmp_path) as daemon:
        own_broker.freeze()
        daemon.wait(FROZEN)
        own_broker.thaw()


@pytest.mark.release
def test_the_loss_of_one_of_three_brokers_costs_nothing(
    kafka: str,  # noqa: ARG001 - skipped where there is none
    supervisor: Supervisor,
    tmp_path: Path,
) -> None:
    with (
        Cluster() as cluster,
        half_read(supervisor, Input(cluster.address, traffic(3), replication=3), tmp_path),
    ):
        cluster.brokers[1].kill()


def test_a_requests_topic_that_is_deleted_ends_the_daemon_with_a_line(
    supervisor: Supervisor, kafka: str, tmp_path: Path
) -> None:
    given = Input(kafka, traffic(3))
    given.fill(0, 0.5)
    daemon = KafkaRun(given, supervisor, tmp_path).start()
    assert daemon.logged("stage opened")
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as client:
        client.delete_topics([given.requests])
    assert daemon.wait(30) == 1
    assert f"the topic {given.requests} was deleted while it was read" in daemon.output()
    assert "Traceback" not in daemon.output()


@pytest.mark.release
def test_a_requests_topic_that_is_made_anew_is_never_taken_for_the_old_one(
    supervisor: Supervisor, kafka: str, tmp_path: Path
) -> None:
    given = Input(kafka, traffic(3))
    given.fill(0, 0.5)
    run = KafkaRun(given, supervisor, tmp_path)
    daemon = run.start()
    assert wait_until(lambda: any(committed(kafka, run.kafka.app, given.requests, PARTITIONS)), 240)
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as client:
        client.delete_topics([given.requests])
        assert wait_until(lambda: given.requests not in client.list_topics(), 20)
        client.create_topics([NewTopic(given.requests, PARTITIONS, 1, topic_configs={"retention.ms": "-1"})])
    given.fill()  # beyond where the old one was read to
    assert daemon.wait(30) == 1
    assert "deleted and created anew" in daemon.output()
    again = run.start()
    assert again.wait(30) == 1
    assert "belongs to a different topic from the one the checkpoint" in again.output()
    assert "Traceback" not in again.output()


@pytest.mark.release
def test_checkpoints_that_are_deleted_and_created_anew_are_missed(
    supervisor: Supervisor, kafka: str, tmp_path: Path
) -> None:
    given = Input(kafka, traffic(3))
    given.fill(0, 0.5)
    run = KafkaRun(given, supervisor, tmp_path)
    names = run.names
    daemon = run.start()
    assert wait_until(lambda: any(committed(kafka, run.kafka.app, names.rollups, run.kafka.shards)), 240)
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as client:
        client.delete_topics([names.checkpoints])
    assert daemon.wait(30) == 1
    assert f"the topic {names.checkpoints} was deleted" in daemon.output()
    assert wait_until(lambda: f"{names.checkpoints}: created" in " ".join(setup_topics(run.settings)), 20)
    again = run.start()
    assert again.wait(30) == 1
    assert f"the topic {names.checkpoints} was deleted and created anew" in again.output()
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as client:
        client.delete_topics([names.rollups, names.findings, names.notices])
    assert wait_until(lambda: f"{names.rollups}: created" in " ".join(setup_topics(run.settings)), 20)
    assert run.start().logged("stage opened")


@pytest.mark.release
def test_partitions_that_are_added_are_read_after_a_restart(
    supervisor: Supervisor, kafka: str, tmp_path: Path
) -> None:
    records = traffic(3)
    given = Input(kafka, records)
    given.fill(0, 0.5)
    run = KafkaRun(given, supervisor, tmp_path)
    daemon = run.start()
    assert daemon.logged("stage opened")
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as client:
        client.create_partitions({given.requests: NewPartitions(PARTITIONS + 1)})
    assert daemon.wait(30) == 1
    assert f"has {PARTITIONS + 1} partitions now and had {PARTITIONS} at the start" in daemon.output()
    again = run.start()
    assert again.logged(f"key=rollup/{PARTITIONS} ")
    assert again.stop() == 0
