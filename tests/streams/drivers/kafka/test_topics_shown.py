"""Topics can be used as soon as they are set up, though a broker shows them later than it creates them."""

from typing import Any

import pytest

from streams.drivers.kafka import topics
from streams.drivers.kafka.topics import await_shown


class SlowBroker:
    """Shows a topic when it is asked for the third time, and another one never."""

    def __init__(self) -> None:
        self.asked = 0

    def describe_topics(self, names: list[str] | None = None) -> list[dict[str, Any]]:
        assert names is None
        self.asked += 1
        shown = ["old", "new"] if self.asked > 2 else ["old"]
        return [{"name": name, "partitions": [{}]} for name in shown]


def test_a_created_topic_is_waited_for_until_the_broker_shows_it() -> None:
    broker = SlowBroker()
    await_shown(broker, {"new"})
    assert broker.asked == 3


def test_a_topic_that_this_user_may_not_see_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topics, "SHOWN_SECONDS", 0.01)
    await_shown(SlowBroker(), {"secret"})
