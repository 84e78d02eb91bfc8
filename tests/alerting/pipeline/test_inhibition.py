"""An incident of a whole account holds those of its parts."""

from typing import Any

import pytest

from alerting.commands.command import CommandKind
from alerting.incidents.notice import Notice
from detectors.model.finding import Verdict
from detectors.model.measures import Measure, value_of
from detectors.model.scope import Scope
from tests.alerting.given import ACCOUNT, T0, TABLE, finding, scope
from tests.alerting.notices import opened, pipeline, press, reopened, resolved, rising, said

WHOLE = scope("account", ACCOUNT)
LATER = T0 + 1200


def fell(name: str, about: Scope = TABLE, **changes: Any) -> Notice:
    return opened(name, about, verdict=Verdict.DROP, **changes)


def test_what_carries_an_account_that_rises_waits_for_its_end() -> None:
    one = pipeline()
    wide = rising("w", T0, TABLE)
    assert said(one.feed([wide, opened("a", at=LATER)], LATER)) == ["parent w open"]
    reported = one.feed([resolved(wide, LATER + 600)], LATER + 600)
    assert said(reported) == ["parent w resolved", "line w resolved", "parent a open"]


@pytest.mark.parametrize("at", [T0 + 60, LATER])
def test_an_account_that_rises_because_of_one_service_hides_nothing_of_others(at: int) -> None:
    one = pipeline()
    stranger = rising("w", T0, scope("service", "stranger"))
    assert said(one.feed([stranger, opened("a", at=at)], at)) == ["parent w open", "parent a open"]


@pytest.mark.parametrize(("verdict", "after"), [(Verdict.DROP, 600), (Verdict.ABSENCE, 1200)])
def test_what_falls_with_its_account_or_in_one_that_is_gone_waits_for_its_end(
    verdict: Verdict, after: int
) -> None:
    one, at = pipeline(), T0 + after
    wide = opened("w", WHOLE, verdict=verdict)
    assert said(one.feed([wide, fell("a", at=at)], at)) == ["parent w open"]
    reported = one.feed([resolved(wide, at + 600)], at + 600)
    assert said(reported) == ["parent w resolved", "line w resolved", "parent a open"]


@pytest.mark.parametrize("verdict", [Verdict.DROP, Verdict.ABSENCE])
def test_what_falls_long_after_an_account_of_which_a_part_fell_has_its_page(verdict: Verdict) -> None:
    one = pipeline()
    late = opened("a", verdict=verdict, at=LATER)
    assert said(one.feed([fell("w", WHOLE), late], LATER)) == ["parent w open", "parent a open"]


@pytest.mark.parametrize("stated", [Measure("level:batch.jobs"), value_of("sales")])
def test_a_figure_of_a_whole_account_that_somebody_sends_holds_no_fall_of_requests(stated: Measure) -> None:
    one, at = pipeline(), T0 + 300
    figure = finding(WHOLE, "f-w", verdict=Verdict.DROP, measure=stated, observed=1.0)
    wide = fell("w", WHOLE, primary=figure)
    assert said(one.feed([wide, fell("a", at=at)], at)) == ["parent w open", "parent a open"]


def test_more_calls_of_an_account_hold_no_failure_that_begins_later() -> None:
    failure = finding(TABLE, "f-a", measure=Measure.ERRORS_BACKEND, start=LATER)
    one, failing = pipeline(), opened("a", at=LATER, primary=failure)
    assert said(one.feed([rising("w", T0, TABLE), failing], LATER)) == ["parent w open", "parent a open"]


def test_what_has_ended_by_then_is_never_reported_and_has_a_reason() -> None:
    one = pipeline()
    wide, inner = rising("w", T0, TABLE), opened("a", at=LATER)
    one.feed([wide, inner, resolved(inner, LATER + 600), resolved(wide, LATER + 900)], LATER + 900)
    fate = one.fate("a")
    assert fate is not None
    assert (fate.sent, fate.reason, fate.alerted) == (
        "none",
        f"inhibited by incident w about the whole account {ACCOUNT}; it ended before it was reported",
        None,
    )


@pytest.mark.parametrize(
    ("about", "verdict", "at"),
    [
        (scope("table", "items", account="2"), Verdict.SPIKE, LATER),
        (TABLE, Verdict.DROP, LATER),
        (TABLE, Verdict.FATAL, LATER),
        (TABLE, Verdict.LIMIT, LATER),
        (TABLE, Verdict.SPIKE, T0 - 1),
        (TABLE, Verdict.SPIKE, T0 + 3 * 3600),
    ],
    ids=["another account", "the other way", "a new exception", "a limit", "before it", "hours after it"],
)
def test_what_has_a_cause_of_its_own_is_reported(about: Scope, verdict: Verdict, at: int) -> None:
    one = pipeline()
    reported = one.feed(
        [rising("w", T0, about), opened("a", about, at=max(at, T0), start=at - 120, verdict=verdict)], at + 1
    )
    reported += one.feed([], T0 + 4 * 3600)
    assert sorted(said(reported)) == ["parent a open", "parent w open"]


def test_an_account_that_is_held_itself_holds_nothing() -> None:
    one = pipeline(silences=[{"match": {"scopes": ["account:*"]}, "until": "2025-10-10", "why": "known"}])
    assert said(one.feed([rising("w", T0, TABLE), opened("a", at=LATER)], LATER)) == ["parent a open"]


def test_an_account_that_comes_in_the_same_moment_is_reported_first() -> None:
    assert said(pipeline().feed([opened("a"), rising("w", T0, TABLE)], T0)) == ["parent w open"]


def test_it_can_be_turned_off() -> None:
    one = pipeline(inhibit=False)
    assert said(one.feed([rising("w", T0, TABLE), opened("a")], T0)) == ["parent w open", "parent a open"]


def test_it_holds_still_after_a_restart_and_when_somebody_deals_with_it() -> None:
    one = pipeline()
    one.feed([rising("w", T0, TABLE)], T0)
    one.command(press(CommandKind.ACKNOWLEDGE, "w"))
    other = pipeline()
    other.restore(one.snapshot())
    assert other.feed([opened("a", at=LATER)], LATER) == []


def test_an_account_that_comes_back_while_it_is_snoozed_holds_nothing_before_and_after_a_restart() -> None:
    one = pipeline()
    wide = rising("w", T0, TABLE)
    over = resolved(wide, T0 + 900)
    one.feed([wide], T0)
    one.command(press(CommandKind.SNOOZE, "w", until=T0 + 7200))
    one.feed([over, reopened(over, T0 + 1000)], T0 + 1000)
    other = pipeline()
    other.restore(one.snapshot())
    for item in (one, other):
        assert said(item.feed([opened("a", at=LATER)], LATER)) == ["parent a open"]
