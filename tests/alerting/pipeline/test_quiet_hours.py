"""In quiet hours nobody is called, but nothing is forgotten."""

from typing import Any

import pytest
from msgspec.structs import replace

from alerting.commands.dispatch import Form
from detectors.model.finding import Verdict
from tests.alerting.given import T0
from tests.alerting.notices import digest, incident, opened, pipeline, resolved, said

NIGHT: dict[str, Any] = {"start": "22:00", "end": "07:00"}
MIDNIGHT = T0 - 9 * 3600  # Thursday, 2025-10-09 00:00 UTC
SEVEN = MIDNIGHT + 7 * 3600
DAY = 86400


def test_what_has_ended_by_then_is_counted_in_the_next_digest() -> None:
    one = pipeline(quiet_hours=[NIGHT])
    first = opened(at=MIDNIGHT)
    assert one.feed([first, resolved(first, MIDNIGHT + 1800)], SEVEN) == []
    [reported] = one.feed([digest(T0, incident("g", at=T0))], T0)
    assert reported.held == {"quiet_hours": 1}
    [again] = one.feed([digest(T0 + DAY, incident("g", at=T0))], T0 + DAY)
    assert again.held == {}


def test_what_became_the_new_level_in_them_is_told_when_they_end_and_calls_people() -> None:
    one = pipeline(quiet_hours=[NIGHT], routes=[{"to": ["#a"], "mention": "here"}])
    first = opened(at=MIDNIGHT)
    over = resolved(first, MIDNIGHT + 4 * 3600)
    settled = replace(over.incident.primary, verdict=Verdict.SHIFT, state="end", settled=True)
    over = replace(over, incidents=[replace(over.incident, primary=settled)])
    assert one.feed([first, over], SEVEN - 1) == []
    [told] = one.feed([], SEVEN)
    assert (told.form, told.mention) == (Form.PARENT, "here")
    assert told.reason == "the new level after it was held: quiet hours until 2025-10-09 07:00 UTC"


def test_a_day_without_a_digest_gets_one_for_what_was_held() -> None:
    one = pipeline(quiet_hours=[NIGHT])
    first = opened(at=MIDNIGHT)
    one.feed([first, resolved(first, MIDNIGHT + 1800)], MIDNIGHT + 1800)
    [reported] = one.feed([], T0)  # nine o'clock
    assert (reported.form, reported.at, reported.held) == (Form.DIGEST, T0, {"quiet_hours": 1})
    assert one.feed([], T0 + DAY) == []


def test_they_hold_what_they_match_and_let_the_rest_through() -> None:
    one = pipeline(quiet_hours=[NIGHT | {"match": {"verdicts": ["spike", "shift"]}}])
    reported = one.feed([opened(at=MIDNIGHT), opened("b", at=MIDNIGHT, verdict=Verdict.FATAL)], MIDNIGHT)
    assert said(reported) == ["parent b open"]


@pytest.mark.parametrize(("days", "held"), [(["wed"], True), (["thu"], False), (["mon", "wed"], True)])
def test_they_begin_on_the_days_that_are_named(days: list[str], held: bool) -> None:
    one = pipeline(quiet_hours=[NIGHT | {"days": days}])
    assert (one.feed([opened(at=MIDNIGHT)], MIDNIGHT) == []) is held


def test_the_same_hour_twice_is_the_whole_day() -> None:
    one = pipeline(quiet_hours=[{"start": "07:00", "end": "07:00", "days": ["wed"]}])
    assert one.feed([opened(at=MIDNIGHT)], SEVEN - 1) == []
    assert said(one.feed([], SEVEN)) == ["parent a open"]


@pytest.mark.parametrize(
    ("night", "hours"),
    [
        (1_743_289_200, 6),  # 2025-03-30 00:00 in Berlin: an hour is left out
        (1_761_429_600, 8),  # 2025-10-26 00:00 in Berlin: an hour comes twice
        (1_761_692_400, 7),  # 2025-10-29 00:00 in Berlin: an ordinary night
    ],
)
def test_they_end_at_their_local_hour_when_the_clock_changes(night: int, hours: int) -> None:
    one = pipeline(quiet_hours=[NIGHT], digest={"timezone": "Europe/Berlin"})
    until = night + hours * 3600
    assert one.feed([opened(at=night)], until - 1) == []
    assert said(one.feed([], until)) == ["parent a open"]
