"""What is said of a topic that changes while it is read: each has its own remedy."""

from collections.abc import Mapping

import pytest

from config.settings import KafkaSettings
from streams.drivers.kafka.topics import GONE, Topic, TopicError, Topics, TopicWatch

KAFKA = KafkaSettings(app="shop", requests="requests", shards=2)
NAMES = Topics.of(KAFKA)
BEFORE = {
    name: Topic(name, 2)
    for name in (NAMES.requests, NAMES.rollups, NAMES.notices, NAMES.dead_letters, NAMES.commands)
}


def changed(**topics: Topic | None) -> str:
    """Return what is said when these are another topic, or none."""
    watch = TopicWatch(KAFKA, BEFORE)
    now = BEFORE | {getattr(NAMES, name): topic for name, topic in topics.items()}
    with pytest.raises(TopicError) as raised:
        _compare(watch, {name: topic for name, topic in now.items() if topic is not None})
    return str(raised.value)


def _compare(watch: TopicWatch, now: Mapping[str, Topic]) -> None:
    for _ in range(GONE):
        watch.compare(now)


@pytest.mark.parametrize("name", ["commands", "dead_letters"])
def test_a_topic_without_positions_is_made_again_and_nothing_else(name: str) -> None:
    said = changed(**{name: None})
    assert said.endswith("Run `uneri setup` to create it again, then start")
    assert changed(**{name: Topic("another", 2)}).endswith("while it was read: restart")


@pytest.mark.parametrize("name", ["requests", "rollups", "notices"])
def test_a_topic_with_positions_needs_another_app(name: str) -> None:
    assert "with another kafka.app" in changed(**{name: None, "commands": None})
    assert "Choose another kafka.app" in changed(**{name: Topic("another", 2)})


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("requests", "at the start: restart"),
        ("dead_letters", "at the start: restart"),
        ("rollups", "choose another kafka.app, because partitions cannot be removed"),
        ("notices", "choose another kafka.app, because partitions cannot be removed"),
        ("commands", "delete it, run `uneri setup`, then start"),
    ],
)
def test_more_partitions_are_read_after_a_restart_only_where_records_come_from(
    name: str, remedy: str
) -> None:
    found = BEFORE[getattr(NAMES, name)]._replace(partitions=3)
    assert remedy in changed(**{name: found})
