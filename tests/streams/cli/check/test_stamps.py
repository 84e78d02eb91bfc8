"""Records that come from the future by the time stamps that Kafka has of them."""

import json

import numpy as np
import pytest

from config.sections.sources import InputSettings
from config.settings import KafkaSettings, SourcesSettings
from streams.cli.check import stamps
from streams.cli.check.settings_checks import CheckResult
from streams.cli.check.stamps import why_ahead
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.batch_consumer.chunk_reader import ReadingError
from streams.ingest.formats.inputs import Inputs

NOW = 1_760_000_000.0


def chunk(stamps: list[float], values: list[bytes] | None = None) -> Chunk:
    values = values or [json.dumps({"ts": NOW + at, "service": "shop"}).encode() for at in range(len(stamps))]
    return Chunk("t", 0, 0, len(values), range(len(values)), values, arrived=np.array(stamps))


@pytest.mark.parametrize(
    ("arrived", "ahead"),
    [
        (NOW / 1000, "1,758,240,009 s"),  # seconds where Kafka has milliseconds
        (0.0, "1,760,000,009 s"),
        (NOW - 3600, "3,609 s"),
    ],
)
def test_most_records_ahead_of_their_time_stamp_are_a_fault_with_its_remedy(
    arrived: float, ahead: str
) -> None:
    why = why_ahead("t", [chunk([arrived] * 10)], None, 300)
    assert why is not None
    assert why.startswith("topic t: 10 of the newest 10 records claim a time after the time stamp of their")
    assert f"the last one by {ahead}" in why
    assert "set message.timestamp.type of the topic to LogAppendTime" in why


def test_payloads_of_an_input_are_read_as_its_format_says() -> None:
    sources = SourcesSettings(inputs=[InputSettings(name="events", topic="t")])
    lines = b"\n".join(json.dumps({"ts": NOW, "service": "shop"}).encode() for _ in range(5))
    why = why_ahead("t", [chunk([0.0], [lines])], Inputs(sources).topics["t"], 300)
    assert why is not None
    assert "5 of the newest 5 records" in why


def test_right_stamps_old_records_and_few_wrong_clocks_are_no_fault() -> None:
    right, old = [NOW + 1] * 10, [NOW + 86_400] * 10
    few = [NOW - 3600] * 5 + [NOW + 1] * 5
    assert why_ahead("t", [chunk(right), chunk(old), chunk(few)], None, 300) is None
    assert why_ahead("t", [chunk([0.0], [b"nonsense"])], None, 300) is None
    assert why_ahead("t", [], None, 300) is None


def test_a_topic_that_is_not_read_in_time_is_said_not_to_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> None:
        raise ReadingError("nothing arrived within 5 s")

    monkeypatch.setattr(stamps, "_bounds", slow)
    assert list(stamps.check_stamps(KafkaSettings(), SourcesSettings(), ["t"], 300)) == [
        CheckResult(
            None,
            "kafka: the time stamps of topic t are not checked: nothing arrived within 5 s; check again",
        )
    ]
