"""The state that every release left in Kafka, imported into a broker, and a daemon that goes on with it."""

import json
from pathlib import Path

import pytest

from streams.cli.state import import_state
from tests.faults.daemons import Supervisor
from tests.golden.kafka_story import create, fill, findings, kafka_settings, read_all
from tests.golden.story import read_sent
from tests.golden.test_golden_embedded import same
from tests.golden.test_golden_kafka import RELEASES
from tests.kafka.broker import Broker

pytestmark = pytest.mark.release


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_daemon_goes_on_with_the_state_of_a_release(
    kafka: str, release: Path, supervisor: Supervisor, tmp_path: Path
) -> None:
    assert kafka  # there is a way to run a broker; the name of the requests is taken once a broker
    app = "restored"
    with Broker() as broker:
        create(broker.address, app)
        assert import_state(kafka_settings(broker.address, app), release / "kafka.tar.zst") == 0
        fill(broker.address, read_sent(release / "after.ndjson.zst"))
        read_all(broker.address, app, supervisor, tmp_path / "log")
        expected = json.loads((release / "kafka.json").read_text())["findings"]
        assert same(findings(broker.address, app), expected)
