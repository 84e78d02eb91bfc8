"""What a daemon makes of a topic, how it ends, and what `uneri setup` makes and finds."""

import time
from typing import Any

import msgspec
import pytest
from kafka.admin import ConfigResource, KafkaAdminClient, NewTopic

from config.settings import KafkaSettings, Settings, SourcesSettings
from streams.cli.check.kafka import check_kafka
from streams.drivers.kafka import topics as topics_module
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.topics import TopicError, setup_topics, verified_topics
from streams.engine.detect.gather import JudgedStep
from tests.free_port import free_port
from tests.kafka import topic as topics
from tests.kafka.kafka_app import PATIENCE, START, KafkaApp, MakeApp, event

EVENTS = 12_000
PARTITIONS = 8


def test_events_become_blocks_and_judged_steps_and_a_kill_changes_none_of_them(
    kafka: str, make_app: MakeApp
) -> None:
    app = make_app(partitions=0)
    requests = app.kafka.requests
    events = [event(number) for number in range(EVENTS)]
    half = EVENTS // 2
    first = [events[number:half:PARTITIONS] for number in range(PARTITIONS)]
    first[3][7:7] = [b"no event", b'{"ts": NaN}']
    topics.fill(kafka, requests, first)
    running = app.start()
    app.until(lambda: app.committed() == [len(lines) for lines in first])
    topics.fill(kafka, requests, [events[half + n : EVENTS : PARTITIONS] for n in range(PARTITIONS)])
    time.sleep(0.7)  # somewhere in the second half
    running.kill()
    running = app.start()
    counts = [EVENTS // PARTITIONS + (2 if number == 3 else 0) for number in range(PARTITIONS)]
    app.until(lambda: app.committed() == counts)
    app.until(lambda: len(judged_steps(app)) > 2)  # on a busy machine, some time later
    assert running.stop() == 0

    closed = app.blocks()
    last = min(
        max(block.watermark for block in closed if block.source == source)
        for source in {b.source for b in closed}
    )
    # what a source had counted when it fell idle reaches beyond its watermark
    last = min(
        (block.bucket for block in closed if block.bucket < last < block.bucket + block.width), default=last
    )
    expected = sum(1 for number in range(EVENTS) if START + number * 0.05 < last)
    for shard in range(2):
        counted = sum(block.records for block in closed if block.shard == shard and block.bucket < last)
        assert counted == expected

    letters = dict(app.dead_letters()).values()
    assert {(letter["reason"], letter["partition"], letter["offset"]) for letter in letters} == {
        ("not_json", 3, 7),
        ("not_finite", 3, 8),
    }
    assert len(judged_steps(app)) > 2


def judged_steps(app: KafkaApp) -> dict[tuple[int, int], bytes]:
    """Return what was emitted for each shard and step: always the same."""
    emitted: dict[tuple[int, int], bytes] = {}
    for record in app.records(app.names.findings):
        judged = msgspec.msgpack.decode(record.value, type=JudgedStep)
        assert emitted.setdefault((judged.shard, judged.start), record.value) == record.value
    return emitted


def lines_of(app: KafkaApp) -> list[str]:
    """Return what a daemon said, without what a client remarks of a busy machine."""
    return [line for line in app.said().splitlines() if "kafka.net.selector" not in line]


def test_an_unreachable_broker_is_said_in_one_line_and_tried_again(make_app: MakeApp) -> None:
    address = f"127.0.0.1:{free_port()}"
    app = make_app(address, prepared=False)
    running = app.start()
    assert running.logged("\n")  # however long a busy machine takes to start
    assert running.wait(1) is None
    assert running.stop() == 0
    (line,) = lines_of(app)
    assert f"Kafka at {address} does not answer" in line
    assert "retrying every 5 s" in line


def test_missing_topics_end_the_daemon_with_the_remedy(make_app: MakeApp) -> None:
    app = make_app(prepared=False)
    assert app.start().wait(PATIENCE) == 1
    (line,) = lines_of(app)
    assert f"Kafka has no topic {app.kafka.requests}" in line
    assert "run `uneri setup` to create it" in line


def test_setup_has_an_existing_topic_of_dead_letters_keep_one_of_each_and_no_more_than_fit(
    kafka: str,
) -> None:
    app = topics.unique("uneri")
    settings = Settings(kafka=KafkaSettings(brokers=[kafka], app=app, requests=f"{app}-requests"))
    name = f"{app}-dead-letters"
    topics.create(
        kafka, NewTopic(name, 1, 1, topic_configs={"cleanup.policy": "delete", "retention.ms": "1000000"})
    )
    assert [line for line in setup_topics(settings) if name in line] == [
        f"{name}: exists, 1 partition",
        f"{name}: changed to keep one dead letter for each bad record (cleanup.policy compact,delete)",
        f"{name}: changed to keep at most 256 MiB of dead letters (retention.bytes)",
    ]
    deadline = time.monotonic() + 20  # a broker shows what it received a moment later
    while [line for line in setup_topics(settings) if name in line] != [f"{name}: exists, 1 partition"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
        found = admin.describe_configs([ConfigResource("TOPIC", name)])["topic"][name]
    assert found["cleanup.policy"]["value"] == "compact,delete"
    assert found["retention.bytes"]["value"] == str(256 << 20)
    assert found["retention.ms"]["value"] == "1000000", "what an operator set stays"


def test_setup_verifies_a_topic_that_the_broker_shows_a_moment_later(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = topics.unique("uneri")
    settings = Settings(kafka=KafkaSettings(brokers=[kafka], app=app, requests=f"{app}-requests", shards=2))
    topics.create(kafka, NewTopic(f"{app}-rollups", 3, 1))
    shown, asked = topics_module._partitions, []

    def later(admin: Any) -> dict[str, int]:
        asked.append(admin)
        return {} if len(asked) == 1 else shown(admin)

    monkeypatch.setattr(topics_module, "_partitions", later)
    with pytest.raises(TopicError, match=f"{app}-rollups has 3 partitions"):
        setup_topics(settings)


def test_setup_and_check_say_where_producers_stamp_requests(kafka: str) -> None:
    app = topics.unique("uneri")
    own, theirs = f"{app}-own", f"{app}-theirs"
    topics.create(kafka, NewTopic(theirs, 1, 1))
    for name in (own, theirs):
        setup_topics(Settings(kafka=KafkaSettings(brokers=[kafka], app=app, requests=name)))
    found = [
        line
        for name in (own, theirs)
        for line in setup_topics(Settings(kafka=KafkaSettings(brokers=[kafka], app=app, requests=name)))
        if "LogAppendTime" in line
    ]
    assert len(found) == 1
    assert found[0].startswith(f"{theirs}: its producers' clocks decide when a record arrived")
    for name, notes in ((own, 0), (theirs, 1)):
        checked = check_kafka(KafkaSettings(brokers=[kafka], app=app, requests=name), SourcesSettings())
        assert sum("its producers' clocks decide when" in result.text for result in checked) == notes


def test_setup_keeps_requests_for_five_weeks_and_says_where_they_are_kept_forever(kafka: str) -> None:
    app = topics.unique("uneri")
    own, theirs = (
        KafkaSettings(brokers=[kafka], app=app, requests=name) for name in (f"{app}-own", f"{app}-theirs")
    )
    topics.create(kafka, NewTopic(theirs.requests, 1, 1, topic_configs={"retention.ms": "-1"}))
    said = [line for given in (own, own, theirs) for line in setup_topics(Settings(kafka=given))]
    (line,) = [line for line in said if "forever" in line]
    assert line.startswith(
        f"{theirs.requests}: keeps records forever; set its retention.ms to 3024000000 (35 "
    )
    meant = theirs.model_copy(update={"keep": None})
    assert not [line for line in setup_topics(Settings(kafka=meant)) if "forever" in line]
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
        found = admin.describe_configs([ConfigResource("TOPIC", own.requests)])["topic"][own.requests]
    assert found["retention.ms"]["value"] == "3024000000"


def test_setup_lists_existing_topics_and_refuses_another_number_of_shards(make_app: MakeApp) -> None:
    app = make_app(partitions=0)
    assert all("exists" in line for line in setup_topics(app.settings))
    assert verified_topics(app.kafka)[app.names.rollups].partitions == 2
    other = app.settings.model_copy(update={"kafka": app.kafka.model_copy(update={"shards": 3})})
    with pytest.raises(
        TopicError, match=r"has 2 partitions, kafka\.shards is 3: set kafka\.shards to the number"
    ):
        setup_topics(other)
