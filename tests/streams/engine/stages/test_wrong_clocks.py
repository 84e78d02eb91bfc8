"""Clocks that run ahead, and senders that all fall silent: who is paged, and how much is late."""

import json
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np
import pytest

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from config.settings import JudgeSettings, Settings
from detectors.model.array_types import Floats
from detectors.model.finding import Finding, Verdict
from streams.engine.stages.engine import Engine
from tests.alerting.given import ongoing
from tests.streams.engine.stages.engine_run import (
    DAY,
    HOUR,
    LEARNT,
    SOURCE,
    START,
    backend,
    gathered,
    records,
)

SETTINGS = Settings(judge=JudgeSettings(young=6 * 3600))
HAMMERED = {
    "at": LEARNT + HOUR, "for": 1500, "kind": "hammer", "function": "inventory-put-item", "client": "ios",
    "version": "3.2.1", "table": "items", "times": 15,
}  # fmt: skip


class Sent(NamedTuple):
    lines: list[bytes]
    arrived: Floats


def prompt(lines: list[bytes]) -> Sent:
    """Return records from senders that are."""
    return Sent(lines, np.array([json.loads(line)["ts"] for line in lines]) + 2.0)


@pytest.fixture(scope="module")
def sent() -> Sent:
    """The records of ten hours, in which a table is hammered."""
    return prompt(gathered(records(backend(HAMMERED, before=LEARNT, hours=2))))


@pytest.fixture(scope="module")
def quiet() -> Sent:
    """The records of a day and three hours, as long as it takes to expect the one who falls silent."""
    return prompt(gathered(records(backend(hours=3))))


@pytest.fixture(scope="module")
def right(sent: Sent) -> "Run":
    """The findings when all clocks are right."""
    return Run(sent.lines, sent.arrived).finish()


def fast(sent: Sent, seconds: float, share: float = 0.01) -> list[bytes]:
    """Return the records, a share of them from a clock that is ahead."""
    random, found = Random(7), list[bytes]()  # noqa: S311 - a test's world
    for line in sent.lines:
        event = json.loads(line)
        ahead = seconds if random.random() < share else 0.0
        found.append(json.dumps(event | {"ts": event["ts"] + ahead}).encode() if ahead else line)
    return found


class Run:
    def __init__(self, lines: Sequence[bytes], arrived: Floats | None) -> None:
        self.engine = Engine(SETTINGS, [SOURCE])
        self.findings: list[Finding] = []
        self.notices: list[Notice] = []
        self.rejected = 0
        for at in range(0, len(lines), 5000):
            run = slice(at, at + 5000)
            self._add(self.engine.feed(SOURCE, lines[run], None if arrived is None else arrived[run]))

    def _add(self, emitted: object) -> None:
        self.findings += emitted.findings  # type: ignore[attr-defined]
        self.notices += emitted.notices  # type: ignore[attr-defined]
        self.rejected += len(emitted.rejected)  # type: ignore[attr-defined]

    def finish(self) -> "Run":
        self._add(self.engine.finish(SOURCE))
        return self

    def idle(self, seconds: int) -> "Run":
        """Let time pass without a record, as the drivers do."""
        for passed in range(SETTINGS.time.idle, seconds + 1, SETTINGS.time.idle):
            self._add(self.engine.idle(SOURCE, passed))
        return self

    @property
    def pages(self) -> list[Incident]:
        return [notice.incident for notice in self.notices if notice.action is Action.OPEN]

    @property
    def late(self) -> int:
        return self.engine.totals.late


@pytest.mark.variants
@pytest.mark.parametrize("file", [False, True])
def test_one_record_in_a_hundred_from_a_clock_five_minutes_ahead_changes_no_page(
    sent: Sent, right: Run, file: bool
) -> None:
    if file:
        right = Run(sent.lines, None).finish()
    wrong = Run(fast(sent, 290), None if file else sent.arrived).finish()
    assert [(page.verdict, page.primary.about) for page in wrong.pages] == [
        (page.verdict, page.primary.about) for page in right.pages
    ]
    assert {page.primary.scope.label for page in wrong.pages if page.primary.scope} == {"items"}
    assert not [finding for finding in wrong.findings if finding.verdict is Verdict.ABSENCE]
    assert wrong.late == 0
    assert wrong.rejected == 0


@pytest.mark.variants
@pytest.mark.parametrize(("records_ahead", "seconds"), [(2, 23 * 3600), (32, 3 * 365 * DAY), (500, 400)])
def test_records_of_the_future_in_one_post_blind_nothing(
    sent: Sent, right: Run, records_ahead: int, seconds: float
) -> None:
    half = len(sent.lines) // 2
    at = sent.arrived[half]
    post = [
        json.dumps({"ts": at + seconds, "service": "shop", "id": str(n)}).encode()
        for n in range(records_ahead)
    ]
    lines = [*sent.lines[:half], *post, *sent.lines[half:]]
    arrived = np.concatenate((sent.arrived[:half], np.full(records_ahead, at), sent.arrived[half:]))
    run = Run(lines, arrived).finish()
    assert run.rejected == records_ahead
    assert run.late == 0
    assert [finding.id for finding in run.findings] == [finding.id for finding in right.findings]
    assert run.engine.judged_until == right.engine.judged_until


def test_when_all_senders_fall_silent_that_is_paged_once_within_a_quarter_of_an_hour(quiet: Sent) -> None:
    run = Run(quiet.lines, quiet.arrived)
    before = len(run.pages)
    run.idle(14 * 60 + 30)
    (page,) = run.pages[before:]
    assert page.verdict is Verdict.ABSENCE
    assert page.primary.gap
    assert page.primary.about.kind == "account"
    assert "No record of anything has arrived" in page.primary.sentence
    assert run.engine.judged_until is not None
    assert run.engine.judged_until - page.primary.start <= 14 * 60
    assert page.primary.missed is not None
    assert page.alerted is not None
    seconds = page.alerted - page.primary.start
    assert page.primary.missed == pytest.approx(page.primary.expected * seconds, rel=0.25)


def test_a_gap_of_several_accounts_is_one_page_that_says_that_nothing_arrives(quiet: Sent) -> None:
    lines = [line.replace(b'"123456789012"', b'"%012d"' % (at % 3)) for at, line in enumerate(quiet.lines)]
    run = Run(lines, quiet.arrived)
    before = len(run.pages)
    run.idle(40 * 60)
    assert len(run.pages) == before + 1
    assert run.pages[-1].primary.gap
    (nothing,) = [incident for incident in ongoing(run.engine.incidents) if incident.primary.gap]
    assert sum(finding.gap for finding in (nothing.primary, *nothing.members)) == 3


def test_an_incident_that_was_open_when_everything_fell_silent_does_not_stay_open_for_ever(
    sent: Sent,
) -> None:
    middle = np.searchsorted(sent.arrived, START + LEARNT + HOUR + 900)
    run = Run(sent.lines[:middle], sent.arrived[:middle])
    (spike,) = ongoing(run.engine.incidents)
    assert spike.verdict is Verdict.SPIKE
    run.idle(2 * 3600)
    assert spike.id not in {incident.id for incident in ongoing(run.engine.incidents)}
    ended = next(incident for incident in run.engine.incidents.all() if incident.id == spike.id)
    assert ended.end is not None
    assert ended.end <= START + LEARNT + HOUR + 960


def test_a_spike_that_goes_on_behind_a_gap_is_reported_again(sent: Sent) -> None:
    begin, end = np.searchsorted(sent.arrived, [START + LEARNT + HOUR + 300, START + LEARNT + HOUR + 900])
    shifted = 3 * HOUR
    lines = [
        json.dumps(event | {"ts": event["ts"] + shifted}).encode()
        for event in map(json.loads, sent.lines[begin:end])
    ]
    run = Run(sent.lines[:end], sent.arrived[:end]).idle(2 * 3600)
    assert not [incident for incident in ongoing(run.engine.incidents) if incident.verdict is Verdict.SPIKE]
    run._add(run.engine.feed(SOURCE, lines, sent.arrived[begin:end] + shifted))
    assert [incident for incident in ongoing(run.engine.incidents) if incident.verdict is Verdict.SPIKE]


def test_years_between_two_records_are_not_judged_minute_by_minute(sent: Sent, right: Run) -> None:
    never_set = [json.dumps({"ts": 978_307_200 + n, "service": "shop"}).encode() for n in range(40)]
    arrived = np.append(np.full(40, sent.arrived[0]), sent.arrived)
    run = Run([*never_set, *sent.lines], arrived).finish()
    assert run.engine.judged_until == right.engine.judged_until
    assert run.engine.steps - right.engine.steps < 50
    assert [page.id for page in run.pages] == [page.id for page in right.pages]
