"""The whole program with a broker as companies run it: each command, and a daemon that works and restarts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import ACLOperation, ResourceType

from config.settings import KafkaSettings, Settings
from config.yaml_tree import to_yaml
from streams.drivers.kafka.topics import setup_topics
from tests.free_port import free_port
from tests.kafka.broker import BrokerUnavailableError
from tests.kafka.secured import CLIENT_SECRET, USERS, SecuredBroker
from tests.kafka.topic import committed, unique
from tests.main_job.job import daemon, judged_until, uneri, wait_until

pytestmark = pytest.mark.release

START = 1_756_652_400  # of the scenario
HOUR = 3600
USER = {"SASL": "alice", "OAUTH": "oauth-client", "MUTUAL": "limited-client"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    try:
        with SecuredBroker(tmp_path_factory.mktemp("secured")) as secured:
            yield secured
    except BrokerUnavailableError as error:
        if os.environ.get("UNERI_REQUIRE_KAFKA") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.mark.parametrize("listener", USER)
def test_a_daemon_with_exactly_the_documented_rights_works_on_a_secured_broker(
    broker: SecuredBroker, listener: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, requests, port = unique("app"), unique("requests"), free_port()
    setup_topics(Settings(kafka=KafkaSettings(brokers=[broker.broker.address], app=app, requests=requests)))
    broker.allow_daemon(USER[listener], app, requests)
    broker.allow(USER[listener], ResourceType.TOPIC, requests, ACLOperation.WRITE)  # of the sender
    monkeypatch.setenv("KAFKA_USERNAME", "alice")
    monkeypatch.setenv("KAFKA_PASSWORD", USERS["alice"])
    monkeypatch.setenv("KAFKA_CLIENT_SECRET", CLIENT_SECRET)
    kafka = broker.settings(listener, app=app, requests=requests)
    if listener == "MUTUAL":
        cert = broker.certify(tmp_path / "client.pem", USER[listener])
        kafka = broker.settings(
            listener, app=app, requests=requests, tls={"ca": str(broker.ca), "cert": str(cert)}
        )
    config = tmp_path / "uneri.yaml"
    given = {
        "kafka": kafka.model_dump(exclude_unset=True),
        "web": {"listen": f"127.0.0.1:{port}"},
        "time": {"idle": 2},
    }
    config.write_text(to_yaml(given))
    checked = uneri("check", "--config", config)
    assert checked.returncode == 0, checked.stdout

    def simulate(first: int, last: int) -> None:
        where = f"kafka://{kafka.brokers[0]}/{requests}"
        between = ("--from", START + first, "--until", START + last)
        done = uneri("simulate", "quiet", "--to", where, "--config", config, *between)
        assert done.returncode == 0, done.stderr

    simulate(0, HOUR)
    with daemon(config):
        wait_until(lambda: judged_until(port) >= START + HOUR - 600, "the first hour")
        simulate(HOUR, 2 * HOUR)
        wait_until(lambda: judged_until(port) >= START + 2 * HOUR - 600, "the second hour")
    ends = committed(broker.broker.address, app, requests, 8)

    def every_partition_went_on() -> bool:
        after = committed(broker.broker.address, app, requests, 8)
        return all(before < later for before, later in zip(ends, after, strict=True))

    with daemon(config):
        simulate(2 * HOUR, 3 * HOUR)
        wait_until(
            lambda: judged_until(port) >= START + 3 * HOUR - 600 and every_partition_went_on(),
            "the third hour, of every partition, after a restart",
        )
    out = tmp_path / "replayed"
    replayed = uneri("replay", f"kafka://{kafka.brokers[0]}/{requests}", "--config", config, "--out", out)
    assert replayed.returncode == 0, replayed.stderr
