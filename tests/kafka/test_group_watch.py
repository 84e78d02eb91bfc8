"""Which partitions nobody reads, as each process of an app says."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import GroupAuthorizationFailedError, KafkaTimeoutError

from config.settings import HistorySettings
from streams.drivers.kafka import group_watch
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.group_watch import (
    AWAY_SECONDS,
    BACK_LOOKS,
    STILL_SECONDS,
    UNREAD_SECONDS,
    GroupReading,
    GroupWatch,
    PartitionOffsets,
    read_group,
)
from streams.drivers.kafka.topics import TopicError, Topics
from tests.kafka.kafka_app import KafkaApp, MakeApp, event


class Clock:
    now = 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watch(app: KafkaApp, clock: Clock) -> GroupWatch:
    return GroupWatch(app.kafka, Topics.of(app.kafka), now=lambda: clock.now)


@pytest.mark.release
def test_a_role_that_runs_nowhere_makes_the_others_not_ready_until_it_runs(make_app: MakeApp) -> None:
    app = make_app()
    app.fill(app.kafka.requests, [event(number) for number in range(4000)], apart=0.05)
    app.start("rollup")
    app.until(lambda: "nobody reads" in app.get("/readyz")[1])
    said = app.get("/readyz")[1]
    assert f"nobody reads {app.names.rollups}/0, {app.names.rollups}/1" in said
    assert "start a worker that has its role" in said
    shown = app.shown()
    assert set(shown["unread"]) == {f"{app.names.rollups}/0", f"{app.names.rollups}/1"}
    assert all(shown["unread"].values())
    assert list(shown["workers"].values()) == [2]
    app.start("detect", "incidents", "notify", settings=app.elsewhere())
    app.until(app.ready)
    app.until(lambda: "unread" in app.shown() and not app.shown()["unread"])


@pytest.mark.release
def test_deleted_commands_end_their_readers_with_a_line_and_a_restart_goes_on_without(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app(history=HistorySettings(place=str(tmp_path)))
    daemon = app.start()
    app.until(app.ready)
    with open_client(KafkaAdminClient, bootstrap_servers=app.kafka.brokers) as client:
        client.delete_topics([app.names.commands])
    assert daemon.wait(30) == 1
    assert f"the topic {app.names.commands} was deleted while it was read" in daemon.output()
    app.start()
    app.until(app.ready)


def test_a_worker_of_another_version_is_named(make_app: MakeApp) -> None:
    app = make_app()
    app.start("rollup", worker="old", constants=[["streams.drivers.kafka.app", "VERSION", "0.1.9"]])
    new = app.elsewhere()
    app.start("detect", "incidents", "notify", settings=new, worker="new")
    app.until(lambda: app.shown(settings=new).get("other_versions") == {"old": "0.1.9"})


def test_a_worker_without_the_history_of_the_others_is_named(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    app.start("rollup", worker="bare")
    new = app.elsewhere().model_copy(update={"history": HistorySettings(place=str(tmp_path))})
    app.start("detect", "incidents", "notify", settings=new, worker="new")
    app.until(lambda: app.shown(settings=new).get("other_configurations") == ["bare"])
    app.until(lambda: app.shown().get("other_configurations") == ["new"])
    assert "restart those that lack it" in app.said()


def test_a_moment_without_a_reader_is_none(make_app: MakeApp, clock: Clock) -> None:
    group = watch(make_app(prepared=False), clock)
    offsets = {"requests/0": PartitionOffsets(1, 10), "requests/1": PartitionOffsets(5, 5)}
    group.see(GroupReading(offsets, {}))
    assert group.not_ready() is None
    clock.now += UNREAD_SECONDS
    assert group.not_ready() == ("nobody reads requests/0 (9 records wait): start a worker that has its role")
    group.see(GroupReading(offsets, {"requests/0": "uneri-1", "requests/1": "uneri-0"}))
    assert group.not_ready() is None
    assert group.status() == {"workers": {"uneri-1": 1, "uneri-0": 1}, "unread": {}}
    group.see(GroupReading(offsets, {}))
    assert group.not_ready() is None


def test_a_topic_with_which_its_readers_do_not_get_on_is_said_with_the_worker(
    make_app: MakeApp, clock: Clock
) -> None:
    group = watch(make_app(prepared=False), clock)
    readers = {"rollups/0": "uneri-1", "rollups/1": "uneri-0"}
    group.see(
        GroupReading({"rollups/0": PartitionOffsets(3, 9), "rollups/1": PartitionOffsets(8, 8)}, readers)
    )
    clock.now += STILL_SECONDS - 1
    group.see(
        GroupReading({"rollups/0": PartitionOffsets(3, 9), "rollups/1": PartitionOffsets(9, 9)}, readers)
    )
    clock.now += STILL_SECONDS - 1
    still = {"rollups/0": PartitionOffsets(3, 10), "rollups/1": PartitionOffsets(9, 9)}
    group.see(GroupReading(still, None))  # its workers leave and join again
    assert group.not_ready() is None, "another partition of the topic went on: it waits for that"
    clock.now += 1
    assert group.not_ready() == (
        "nothing was read for 120 s of rollups/0 (7 records wait): see the log of uneri-1"
    )
    group.see(GroupReading(still | {"rollups/0": PartitionOffsets(4, 10)}, readers))
    assert group.not_ready() is None


def test_a_partition_that_stays_shorter_than_it_was_has_lost_records(make_app: MakeApp, clock: Clock) -> None:
    group = watch(make_app(prepared=False), clock)
    whole = GroupReading({"rollups/0": PartitionOffsets(5, 900), "rollups/1": PartitionOffsets(9, 9)}, {})
    less = GroupReading({"rollups/0": PartitionOffsets(5, 600), "rollups/1": PartitionOffsets(9, 9)}, {})
    for found in (whole, *[less] * (BACK_LOOKS - 1), whole, *[less] * (BACK_LOOKS - 1)):
        group.see(found)
    with pytest.raises(
        TopicError, match=r"lost the last records of rollups/0 \(300\): has a broker come back"
    ):
        group.see(less)


def test_what_is_read_to_its_end_leaves_nothing_that_waits(make_app: MakeApp) -> None:
    app = make_app()
    app.fill(app.kafka.requests, [event(number) for number in range(4000)], apart=0.05)
    app.start()
    names = app.names
    places = [
        *(TopicPartition(topic, number) for topic in (names.requests, names.rollups) for number in range(2)),
        TopicPartition(names.findings, 0),
        TopicPartition(names.notices, 0),
    ]

    def all_read() -> bool:
        found = None
        with contextlib.suppress(TopicError):  # the group has no coordinator yet
            found = read_group(app.kafka, places)
        return found is not None and all(0 < read == end for read, end in found.offsets.values())

    app.until(all_read)


def test_a_broker_that_does_not_answer_is_said_within_a_minute(make_app: MakeApp, clock: Clock) -> None:
    group = watch(make_app(prepared=False), clock)
    clock.now += AWAY_SECONDS - 1
    assert group.not_ready() is None
    clock.now += 1
    assert group.not_ready() == "Kafka has not answered for 60 s: what it holds is judged when it is back"
    group.see(None)
    assert group.not_ready() is None, "it answers, though it does not say who reads what"


@pytest.mark.parametrize(
    ("error", "answers"), [(GroupAuthorizationFailedError(), True), (KafkaTimeoutError(), False)]
)
async def test_a_broker_that_shows_no_group_answers(
    error: Exception, answers: bool, make_app: MakeApp, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    def refused(*_: object) -> None:
        asked.set()
        raise TopicError("refused") from error

    monkeypatch.setattr(group_watch, "read_group", refused)
    group = watch(make_app(prepared=False), clock)
    clock.now += AWAY_SECONDS
    looking = asyncio.create_task(group.run({}))
    await asked.wait()
    await asyncio.sleep(0.1)
    looking.cancel()
    assert (group.not_ready() is None) == answers
