"""Absences and new exceptions, from records to incidents: reported once, within minutes."""

import pytest

from config.settings import JudgeSettings, Settings
from detectors.model.finding import Verdict
from tests.streams.engine.stages.engine_run import (
    DAY,
    HOUR,
    START,
    EngineRun,
    backend,
    gathered,
    label_of,
    records,
)

SETTINGS = Settings(judge=JudgeSettings(young=12 * 3600))


RESTARTS = {"in the absence": 0.947, "in the exceptions": 0.983}


def summary(run: EngineRun) -> list[tuple[str, str, int | None, int | None]]:
    return [
        (label_of(incident.primary), incident.verdict, incident.alerted, incident.end)
        for incident in run.incidents
        if incident.sent == "page"
    ]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """A function and its route have no traffic; two hours later another function fails in a new way."""
    return gathered(
        records(
            backend(
                {"at": DAY + HOUR, "for": "40m", "kind": "absence", "function": "inventory-put-item"},
                {
                    "at": DAY + 3 * HOUR,
                    "for": "30m",
                    "kind": "fatal",
                    "function": "shop-buy",
                    "error_type": "KeyError: order 4711",
                    "share": 0.3,
                },
            )
        )
    )


@pytest.fixture(scope="module")
def run(lines: list[bytes]) -> EngineRun:
    return EngineRun(lines, SETTINGS, chunk=200, keep=RESTARTS.values())


def test_each_is_paged_once_under_its_own_verdict(run: EngineRun) -> None:
    verdicts = [(label_of(page.incident.primary), page.incident.verdict) for page in run.pages]
    assert verdicts == [("inventory-put-item", Verdict.ABSENCE), ("shop-buy", Verdict.FATAL)]


def test_an_absence_is_reported_within_minutes_with_all_absent_scopes(run: EngineRun) -> None:
    absence = run.pages[0].incident
    began = START + DAY + HOUR
    assert absence.alerted is not None
    assert began <= absence.alerted <= began + 10 * 60
    known = next(incident for incident in run.incidents if incident.id == absence.id)
    assert "POST /items/{id}" in {label_of(member) for member in known.members}
    assert absence.primary.sentence.startswith("Function inventory-put-item has had no requests for ")
    assert " were expected in that time, based on the same time yesterday." in absence.primary.sentence


def test_an_absence_ends_when_traffic_returns(run: EngineRun) -> None:
    known = next(incident for incident in run.incidents if incident.verdict is Verdict.ABSENCE)
    back = START + DAY + HOUR + 40 * 60
    assert known.end is not None
    assert abs(known.end - back) <= 2 * SETTINGS.time.step


def test_a_new_exception_is_reported_at_once_with_function_route_and_count(run: EngineRun) -> None:
    fatal = run.pages[1].incident.primary
    began = START + DAY + 3 * HOUR
    assert fatal.seen <= began + 3 * 60
    assert fatal.error_type == "KeyError: order <n>"
    assert fatal.times >= 1
    assert "POST /offers/{id}/buy" in [share.scope.name for share in fatal.callers]
    assert "route POST /offers/{id}/buy" in fatal.sentence


def test_a_known_exception_is_not_reported_again() -> None:
    fails = {"for": "10m", "kind": "fatal", "function": "shop-buy", "error_type": "Boom", "share": 0.02}
    twice = EngineRun(
        gathered(records(backend({"at": "2h", **fails}, {"at": DAY + 2 * HOUR, **fails}, hours=3))), SETTINGS
    )
    assert not [finding for finding in twice.findings if finding.verdict is Verdict.FATAL]


def test_a_long_gap_in_the_whole_input_is_reported_once_for_the_account_a_short_one_never() -> None:
    short = {"at": DAY + HOUR, "for": "10m", "kind": "absence"}
    long = {"at": DAY + 3 * HOUR, "for": "30m", "kind": "absence"}
    [page] = EngineRun(gathered(records(backend(short, long, start="2025-09-01T08:00:00Z"))), SETTINGS).pages
    assert (page.incident.verdict, page.incident.primary.about.kind) == (Verdict.ABSENCE, "account")
    assert page.incident.members == []
    assert START + DAY + 11 * HOUR < page.at <= START + DAY + 11 * HOUR + 15 * 60


@pytest.mark.release
@pytest.mark.parametrize("restart", RESTARTS.values(), ids=RESTARTS)
def test_a_restart_changes_nothing(run: EngineRun, restart: float) -> None:
    again = run.restarted(restart)
    assert again.findings == run.findings
    assert summary(again) == summary(run)
