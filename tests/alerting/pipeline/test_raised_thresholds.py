"""Incidents like one that a person marked must show more, for some weeks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.commands.command import CommandKind
from alerting.commands.dispatch import CommandResult
from alerting.incidents.notice import Notice
from alerting.pipeline.pipeline import Pipeline
from alerting.pipeline.silences import (
    HALVES_SECONDS,
    HIGHEST,
    MARGIN,
    NEAR,
    asked_after,
    asked_for,
    seconds_until,
)
from detectors.model.finding import Verdict
from tests.alerting.given import T0, TABLE, finding, scope
from tests.alerting.notices import later, opened, pipeline, press, resolved, said

DAY = 86400
MARKS = [CommandKind.EXPECTED, CommandKind.NOT_AN_ANOMALY]


def of_size(size: float, name: str = "a", at: int = T0, **changes: Any) -> Notice:
    """Return an incident that shows so many times the threshold."""
    about = changes.pop("about", TABLE)
    verdict = changes.pop("verdict", Verdict.SPIKE)
    score = size**2 / (1 + size**2)
    primary = finding(about, f"f-{name}", start=at - 120, seen=at, score=score, verdict=verdict)
    return opened(name, at=at, primary=primary, fingerprint=changes.pop("fingerprint", "items"), **changes)


def marked(size: float = 4.0, kind: CommandKind = CommandKind.NOT_AN_ANOMALY) -> Pipeline:
    """Return a pipeline in which an incident of a size was marked, and has ended."""
    one = pipeline()
    first = of_size(size)
    one.feed([first], T0)
    assert one.command(press(kind)).result is CommandResult.DONE
    one.feed([resolved(first, T0 + 3600)], T0 + 3600)
    return one


@pytest.mark.parametrize("kind", MARKS)
def test_the_next_one_like_it_that_shows_less_is_held_with_the_reason(kind: CommandKind) -> None:
    one = marked(4.0, kind)
    assert one.feed([of_size(4.5, "b", T0 + DAY)], T0 + DAY) == []
    fate = one.fate("b")
    assert fate is not None
    assert fate.sent == "none"
    words = "expected" if kind is CommandKind.EXPECTED else "not an anomaly"
    assert fate.reason == (
        f"one like it was marked as {words} by U1 on 2025-10-09 09:01 UTC: "
        "it must be 5.0 times the threshold, less every week"
    )


def test_one_that_shows_more_is_reported_at_once() -> None:
    assert said(marked(4.0).feed([of_size(5.1, "b", T0 + DAY)], T0 + DAY)) == ["parent b open"]


def test_a_held_one_that_grows_beyond_it_is_reported_then() -> None:
    one = marked(4.0)
    small = of_size(3.0, "b", T0 + DAY)
    assert one.feed([small], T0 + DAY) == []
    large = of_size(6.0, "b", T0 + DAY).incident.primary
    assert said(one.feed([later(small, T0 + DAY + 300, primary=large)], T0 + DAY + 300)) == ["parent b open"]


def test_what_is_asked_for_falls_by_half_in_two_weeks_and_one_that_stays_is_reported_then() -> None:
    one = marked(4.0)
    still = of_size(3.1, "b", T0 + DAY)
    assert one.feed([still], T0 + DAY) == []
    assert one.feed([], T0 + 60 + HALVES_SECONDS - 2 * DAY) == []
    assert said(one.feed([], T0 + 60 + HALVES_SECONDS)) == ["parent b open"]
    assert said(one.feed([of_size(2.9, "c", T0 + 20 * DAY)], T0 + 20 * DAY)) == ["parent c open"]


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": "others", "about": scope("table", "others")},
        {"verdict": Verdict.FATAL},
        {"verdict": Verdict.LIMIT},
    ],
    ids=["another table", "a fatal error", "a limit"],
)
def test_nothing_else_is_held(changes: dict[str, Any]) -> None:
    assert said(marked(4.0).feed([of_size(2.0, "b", T0 + DAY, **changes)], T0 + DAY)) == ["parent b open"]


@pytest.mark.parametrize("kind", MARKS)
def test_a_mark_that_is_taken_back_leaves_nothing(kind: CommandKind) -> None:
    one = marked(4.0, kind)
    assert one.feed([of_size(2.0, "b", T0 + DAY)], T0 + DAY) == []
    assert len(one.labels) == 1
    answer = one.command(press(CommandKind.TAKE_BACK, at=T0 + DAY + 60))
    assert answer.result is CommandResult.DONE
    assert said(answer.dispatches) == ["parent a resolved", "line a take_back", "parent b open"]
    assert one.labels == []
    assert one.silences() == []
    again = one.command(press(CommandKind.TAKE_BACK, at=T0 + DAY + 90))
    assert again.result is CommandResult.UNKNOWN


def test_it_is_listed_with_the_silences_and_ends_like_one() -> None:
    one = marked(4.0)
    raised = next(silence for silence in one.silences() if silence.fingerprint)
    assert raised.what.endswith("below 5.0 times the threshold, less every week")
    assert one.feed([of_size(2.0, "b", T0 + DAY)], T0 + DAY) == []
    answer = one.command(press(CommandKind.UNSILENCE, raised.id, T0 + DAY + 60))
    assert said(answer.dispatches) == ["parent b open"]
    assert len(one.labels) == 1, "the label stays: only what was asked for has ended"


def test_a_second_mark_asks_for_what_is_larger() -> None:
    one = marked(4.0)
    second = of_size(5.1, "b", T0 + DAY)
    one.feed([second], T0 + DAY)
    one.command(press(CommandKind.NOT_AN_ANOMALY, "b", T0 + DAY + 60))
    assert [silence.asked for silence in one.silences() if silence.fingerprint] == [
        pytest.approx(MARGIN * 5.1)
    ]


def test_what_became_worse_after_it_was_marked_asks_for_as_much() -> None:
    one = pipeline()
    first = of_size(2.0)
    one.feed([first], T0)
    one.command(press(CommandKind.NOT_AN_ANOMALY))
    worse = later(first, T0 + 300, primary=of_size(6.0).incident.primary)
    one.feed([worse, resolved(worse, T0 + 3600)], T0 + 3600)
    assert [silence.asked for silence in one.silences() if silence.fingerprint] == [pytest.approx(7.5)]


def test_what_was_ended_by_hand_is_not_asked_for_again_when_the_incident_ends() -> None:
    one = pipeline()
    first = of_size(4.0)
    one.feed([first], T0)
    one.command(press(CommandKind.NOT_AN_ANOMALY))
    [raised] = [silence for silence in one.silences() if silence.fingerprint]
    one.command(press(CommandKind.UNSILENCE, raised.id, T0 + 120))
    one.feed([resolved(first, T0 + 3600)], T0 + 3600)
    assert [silence for silence in one.silences() if silence.fingerprint] == []


def test_nobody_can_ask_for_more_than_ten_times_the_threshold() -> None:
    one = marked(90.0)
    assert said(one.feed([of_size(HIGHEST + 0.1, "b", T0 + DAY)], T0 + DAY)) == ["parent b open"]


def test_a_restart_changes_nothing() -> None:
    one = marked(4.0)
    again = pipeline()
    again.restore(one.snapshot())
    assert again.silences() == one.silences()
    assert again.feed([of_size(3.0, "b", T0 + DAY)], T0 + DAY) == []
    assert again.snapshot().keys() == one.snapshot().keys() | {"incident/b"}


@given(st.floats(1.0, 50.0), st.floats(NEAR, 50.0))
def test_what_is_asked_for_falls_to_a_size_when_it_is_said_to(marked: float, size: float) -> None:
    asked = asked_after(marked)
    seconds = seconds_until(asked, size)
    assert asked_for(asked, seconds + 1) <= max(size, 1.0) + 1e-9
    assert seconds == 0 or asked_for(asked, seconds - 1) >= size - 1e-4
