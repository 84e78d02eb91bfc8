"""Absences and new exceptions, from records to incidents: reported once, within minutes."""

from pathlib import Path
from typing import Any

import pytest

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from config.settings import JudgeSettings, Settings
from detectors.model.finding import Finding, Verdict
from streams.engine.engine import Engine
from streams.simulate.scenario import Scenario
from streams.simulate.scenario_load import load_scenario
from streams.simulate.simulation import Simulation

BACKEND = Path(__file__).parents[2] / "main_job" / "backend.yaml"
SETTINGS = Settings(judge=JudgeSettings(young=12 * 3600))
DAY, HOUR = 86400, 3600
START = 1_756_684_800  # of the backend


def scenario(*incidents: dict[str, Any], hours: int = 4, **changes: Any) -> Scenario:
    """Return a day of the backend and some hours, in which the incidents happen."""
    given = load_scenario(BACKEND).model_dump(by_alias=True) | {
        "length": DAY + hours * HOUR,
        "incidents": incidents,
        "growth": [],
    }
    return Scenario.model_validate(given | changes)


def records(of: Scenario) -> list[bytes]:
    return [line for _, lines in Simulation(of).lines() for line in lines]


class EngineRun:
    """The output of an engine that was fed all records."""

    def __init__(self, lines: list[bytes], *, chunk: int = 100_000, restart: float | None = None) -> None:
        engine = Engine(SETTINGS, ["law/0"])
        self.findings: list[Finding] = []
        self.notices: list[Notice] = []
        at_restart = None if restart is None else int(restart * len(lines)) // chunk
        for number, first in enumerate(range(0, len(lines), chunk)):
            emitted = engine.feed("law/0", lines[first : first + chunk])
            self.findings += emitted.findings
            self.notices += emitted.notices
            if number == at_restart:
                parts = engine.snapshot()
                engine = Engine(SETTINGS, ["law/0"])
                engine.restore(parts)
        emitted = engine.finish("law/0")
        self.findings += emitted.findings
        self.notices += emitted.notices
        self.incidents: list[Incident] = engine.incidents.all()

    @property
    def pages(self) -> list[Notice]:
        return [notice for notice in self.notices if notice.action is Action.OPEN]

    @property
    def summary(self) -> list[tuple[str, str, int | None, int | None]]:
        return [
            (one.primary.about.label, one.verdict, one.alerted, one.end)
            for one in self.incidents
            if one.sent == "page"
        ]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """A function and its route have no traffic; two hours later another function fails in a new way."""
    return records(
        scenario(
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


@pytest.fixture(scope="module")
def run(lines: list[bytes]) -> EngineRun:
    return EngineRun(lines)


def test_each_is_paged_once_under_its_own_verdict(run: EngineRun) -> None:
    verdicts = [(page.incident.primary.about.label, page.incident.verdict) for page in run.pages]
    assert verdicts == [("inventory-put-item", Verdict.ABSENCE), ("shop-buy", Verdict.FATAL)]


def test_an_absence_is_reported_within_minutes_with_all_absent_scopes(run: EngineRun) -> None:
    absence = run.pages[0].incident
    began = START + DAY + HOUR
    assert absence.alerted is not None
    assert began <= absence.alerted <= began + 10 * 60
    known = next(one for one in run.incidents if one.id == absence.id)
    assert "POST /items/{id}" in {member.about.label for member in known.members}
    assert absence.primary.sentence.startswith("Function inventory-put-item has had no requests for ")
    assert " were expected in that time, based on the same time yesterday." in absence.primary.sentence


def test_an_absence_ends_when_traffic_returns(run: EngineRun) -> None:
    known = next(one for one in run.incidents if one.verdict is Verdict.ABSENCE)
    back = START + DAY + HOUR + 40 * 60
    assert known.end is not None
    assert back < known.end <= back + 15 * 60


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
    twice = EngineRun(records(scenario({"at": "2h", **fails}, {"at": DAY + 2 * HOUR, **fails})))
    assert not [finding for finding in twice.findings if finding.verdict is Verdict.FATAL]


def test_a_gap_in_the_whole_input_is_not_an_absence() -> None:
    gone = {"at": DAY + 12 * HOUR, "for": "10m", "kind": "absence"}
    assert not EngineRun(records(scenario(gone, hours=14))).pages


def test_a_long_gap_in_the_whole_input_is_reported_once_for_the_account() -> None:
    gone = {"at": DAY + 12 * HOUR, "for": "30m", "kind": "absence"}
    [page] = EngineRun(records(scenario(gone, hours=14))).pages
    assert (page.incident.verdict, page.incident.primary.about.kind) == (Verdict.ABSENCE, "account")
    assert page.incident.members == []
    assert page.at <= START + DAY + 12 * HOUR + 15 * 60


@pytest.mark.parametrize("restart", [0.947, 0.983], ids=["in the absence", "in the exceptions"])
def test_a_restart_changes_nothing(lines: list[bytes], run: EngineRun, restart: float) -> None:
    again = EngineRun(lines, chunk=200, restart=restart)
    assert again.findings == run.findings
    assert again.summary == run.summary
