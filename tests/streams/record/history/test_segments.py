"""Steps that wait to be written."""

import struct

import pytest

from streams.engine.detect.step_record import head_of
from streams.record.history.segments import HOUR, RECENT_SECONDS, Segments
from tests.streams.record.history.backend import START, Backend, requests

HOURS = 8


@pytest.fixture(scope="module")
def steps() -> list[bytes]:
    backend = Backend()
    return [*backend.feed(requests(60 * HOURS, per_minute=1, late=False)), *backend.finish()]


def starts(segments: Segments) -> list[int]:
    return [head_of(body).start for body in segments.recent()]


def test_what_is_recent_is_some_hours_however_many_wait_to_be_written(steps: list[bytes]) -> None:
    segments = Segments(1)
    segments.feed(steps)
    newest = segments.until // HOUR * HOUR
    assert starts(segments) == list(range(newest - RECENT_SECONDS, segments.until, 60))
    assert starts(segments)[0] > START


def test_the_hour_that_was_written_last_is_recent(steps: list[bytes]) -> None:
    segments = Segments(1)
    segments.feed(steps)
    before = starts(segments)
    for hour in segments.complete():
        segments.forget(hour)
    after = starts(segments)
    assert after == [start for start in before if start >= after[0]]
    assert segments.until - after[0] > HOUR


def test_what_is_no_step_of_a_shard_is_given_up_and_the_others_are_held(steps: list[bytes]) -> None:
    segments, whole = Segments(1), Segments(1)
    segments.feed([b"", b"no", steps[0], struct.pack("<IqI", 7, START, 60), *steps[1:]])
    whole.feed(steps)
    assert (segments.given_up, segments.complete()) == (3, whole.complete())
