"""What of the topics of an app is its state, and reading it to what was committed."""

import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition

from detectors.state.state import StateError
from streams.drivers.kafka.roles import BOARD
from streams.drivers.kafka.topics import Topics

PATIENCE: Final = 120.0  # seconds until a topic must be read to its end

Newest = dict[str, bytes]
"""The newest values of the records of the checkpoints topic, by key."""


class StageTopic(NamedTuple):
    """A topic between two stages: its records from the reader's checkpoint on belong to the state."""

    name: str  # in an archive, whatever the app is called
    topic: str
    role: str  # that reads it


def flows(topics: Topics, *, history: bool) -> tuple[StageTopic, ...]:
    """Return the topics between the stages, that of the steps among them if a history is kept."""
    return (
        *((StageTopic("steps", topics.steps, BOARD),) if history else ()),
        StageTopic("rollups", topics.rollups, "detect"),
        StageTopic("findings", topics.findings, "incidents"),
        StageTopic("notices", topics.notices, "notify"),
    )


class Tail:
    """Reads all partitions of a topic from their start, and reads on whenever it is asked to."""

    def __init__(self, consumer: KafkaConsumer, topic: str, starts: dict[int, int] | None = None) -> None:
        self._consumer = consumer
        known = sorted(consumer.partitions_for_topic(topic) or ())
        self.places = [TopicPartition(topic, one) for one in known]
        consumer.assign(self.places)
        consumer.seek_to_beginning(*self.places)
        begin = consumer.beginning_offsets(self.places)
        for number, start in (starts or {}).items():
            place = TopicPartition(topic, number)
            consumer.seek(place, max(start, begin[place]))

    def read_on(self) -> Iterator[Any]:
        """Yield the records up to what is committed now.

        Raises
        ------
        detectors.state.state.StateError
            When that takes too long.
        """
        end = self._consumer.end_offsets(self.places)
        deadline = time.monotonic() + PATIENCE
        while any(self._consumer.position(place) < end[place] for place in self.places):
            if time.monotonic() > deadline:
                raise StateError(
                    f"the topic {self.places[0].topic} could not be read to its end in {PATIENCE:.0f} s: is "
                    "a broker overloaded, or a transaction open? Try again"
                )
            for several in self._consumer.poll(500).values():
                yield from several


def take_in(newest: Newest, records: Iterator[Any]) -> None:
    """Keep the newest value of each key."""
    for record in records:
        key = record.key.decode()
        if record.value is None:
            newest.pop(key, None)
        else:
            newest[key] = record.value
