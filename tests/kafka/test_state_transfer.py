"""A backup of an app of Kafka, and what another app that it was imported into may not do."""

from pathlib import Path
from typing import Any

import pytest
from kafka.admin import ConfigResource, KafkaAdminClient

from config.settings import Settings
from streams.drivers.kafka.checkpoints.checkpoints import BlockingCheckpoints
from streams.drivers.kafka.checkpoints.state_transfer import export_app, import_app
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.stage import TOPIC
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics, existing_topics, setup_topics
from streams.engine.stages.checkpoint import Checkpoint
from streams.offline.backfill import kafka_backfill
from streams.offline.backfill.kafka_backfill import find_app
from streams.offline.backfill.lesson import Watch
from streams.offline.sources.replay_error import ReplayError
from tests.kafka import topic as topics


def prepared(broker: str, requests: str) -> Settings:
    kafka = {"brokers": [broker], "app": topics.unique("app"), "requests": requests, "shards": 1}
    settings = Settings.model_validate({"kafka": kafka})
    setup_topics(settings)
    return settings


@pytest.mark.release
def test_a_topic_that_is_created_anew_before_the_export_is_read_from_its_start_by_the_app_of_the_import(
    kafka: str, tmp_path: Path
) -> None:
    requests, file = topics.unique("requests"), tmp_path / "uneri-state.tar.zst"
    old, new = prepared(kafka, requests), prepared(kafka, requests)
    assert old.kafka is not None
    assert new.kafka is not None
    topics.fill(kafka, requests, [[b"{}"] * 50])
    read = existing_topics(old.kafka, [requests])[requests].id
    rollup = Checkpoint({f"{requests}/0": 40}, {"counted": b"much", TOPIC: read.encode()})
    with BlockingCheckpoints(old.kafka, Topics.of(old.kafka).checkpoints, CHECKPOINTS_PARTITIONS) as store:
        store.save("rollup/0", rollup)
    export_app(old, file)
    assert import_app(new, file).topic_id == read
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
        admin.delete_topics([requests])
    setup_topics(old)
    topics.fill(kafka, requests, [[b"{}"] * 60])
    assert existing_topics(old.kafka, [requests])[requests].id != read
    export_app(old, file)
    again = prepared(kafka, requests)
    assert again.kafka is not None
    import_app(again, file)
    for app, begins in ((new.kafka, 40), (again.kafka, 0)):
        with BlockingCheckpoints(app, Topics.of(app).checkpoints, CHECKPOINTS_PARTITIONS) as store:
            found = store.peek("rollup/0")
        assert found == Checkpoint({f"{requests}/0": begins}, {"counted": b"much"})


def test_what_an_imported_state_has_learnt_is_not_dropped_by_a_backfill(
    kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, file = topics.unique("requests"), tmp_path / "uneri-state.tar.zst"
    old, new = prepared(kafka, requests), prepared(kafka, requests)
    assert old.kafka is not None
    assert new.kafka is not None
    checkpoints = Topics.of(old.kafka).checkpoints
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
        admin.alter_configs([ConfigResource("TOPIC", checkpoints, configs={"compression.type": "zstd"})])
    learnt = Checkpoint({f"{Topics.of(old.kafka).rollups}/0": 0}, {"learnt": b"much" * 1000})
    with BlockingCheckpoints(old.kafka, checkpoints, CHECKPOINTS_PARTITIONS) as store:
        store.save("detect/0", learnt)
    export_app(old, file)
    import_app(new, file)
    app = find_app(new.kafka, new)
    lesson: Any = None
    refusal = r"was imported.* would be dropped\. Run this for the app that"
    with pytest.raises(ReplayError, match=refusal):
        app.forget()
    with pytest.raises(ReplayError, match=refusal):
        app.learn(lesson, Watch(), restart=False)
    with BlockingCheckpoints(new.kafka, Topics.of(new.kafka).checkpoints, CHECKPOINTS_PARTITIONS) as store:
        found = store.peek("detect/0")
    assert found is not None
    assert found.parts == learnt.parts
    find_app(old.kafka, old).forget()
    monkeypatch.setattr(kafka_backfill, "WEEK", "0")
    app.forget()
