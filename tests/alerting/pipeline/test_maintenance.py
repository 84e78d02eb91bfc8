"""An incident that begins in planned work is reported only when it outlasts it."""

from typing import Any

import pytest

from tests.alerting.given import T0, scope
from tests.alerting.notices import opened, pipeline, resolved, said

WORK: dict[str, Any] = {"name": "upgrade", "start": "2025-10-09T08:55", "end": "2025-10-09T10:00"}
END = T0 + 3600
DAY = 86400


def test_what_has_ended_in_the_window_is_not_reported() -> None:
    one = pipeline(maintenance=[WORK])
    first = opened()
    assert one.feed([first, resolved(first, T0 + 1800)], END) == []
    fate = one.fate("a")
    assert fate is not None
    assert fate.reason == "maintenance upgrade until 2025-10-09 10:00 UTC; it ended before it was reported"


def test_what_began_before_the_window_is_reported() -> None:
    one = pipeline(maintenance=[WORK])
    assert said(one.feed([opened(start=T0 - 600)], T0)) == ["parent a open"]


def test_only_what_matches_is_held() -> None:
    one = pipeline(maintenance=[WORK | {"match": {"accounts": ["2"]}}])
    reported = one.feed([opened(), opened("b", scope("table", "t", account="2"))], T0)
    assert said(reported) == ["parent a open"]


@pytest.mark.parametrize(("every", "days"), [("day", 1), ("day", 200), ("week", 7), ("week", 203)])
def test_a_window_comes_again(every: str, days: int) -> None:
    one = pipeline(maintenance=[WORK | {"every": every}])
    at = T0 + days * DAY
    assert one.feed([opened(at=at)], at) == []
    assert said(one.feed([], END + days * DAY)) == ["parent a open"]


@pytest.mark.parametrize(("every", "days"), [("week", 6), ("week", 8), (None, 1), ("day", -1)])
def test_on_other_days_no_window_holds(every: str | None, days: int) -> None:
    one = pipeline(maintenance=[WORK | {"every": every}])
    at = T0 + days * DAY
    assert said(one.feed([opened(at=at)], at)) == ["parent a open"]


def test_a_window_keeps_its_local_time_when_the_clock_changes() -> None:
    # 2025-10-26 Berlin goes back an hour: nine there is seven of UTC before, eight after
    work = {"name": "w", "start": "2025-10-20T09:00", "end": "2025-10-20T10:00", "every": "day"}
    one = pipeline(maintenance=[work], digest={"timezone": "Europe/Berlin"})
    monday = 1_761_552_000  # 2025-10-27 08:00 UTC
    assert one.feed([opened(at=monday + 600, start=monday)], monday + 3599) == []
    assert said(one.feed([], monday + 3600)) == ["parent a open"]
    assert said(one.feed([opened("b", at=monday + DAY, start=monday + DAY - 1)], monday + DAY)) == [
        "parent b open"
    ]


def test_a_window_over_the_night_that_repeats_holds_what_begins_after_midnight() -> None:
    work = {"name": "w", "start": "2025-10-01T22:00", "end": "2025-10-02T10:00", "every": "day"}
    one = pipeline(maintenance=[work])
    assert one.feed([opened()], END - 1) == []
    assert said(one.feed([], END)) == ["parent a open"]


def test_a_date_as_the_end_is_included_as_a_whole() -> None:
    one = pipeline(maintenance=[{"name": "w", "start": "2025-10-08", "end": "2025-10-09"}])
    midnight = T0 + 15 * 3600
    assert one.feed([opened()], midnight - 1) == []
    assert said(one.feed([], midnight)) == ["parent a open"]
