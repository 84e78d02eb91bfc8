"""Early findings are reported at once, and then confirmed by their step or taken back."""

from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, Notice, NoticeReason
from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from tests.alerting.given import PUT, T0, TABLE, ended, finding, ongoing, table_finding

SETTINGS = Settings()
STEP = SETTINGS.time.step
EVALUATED = T0 + 50  # where the early evaluation ends; the step before T0 is judged
DUE = T0 + (SETTINGS.judge.persist + 2) * STEP


def early_finding(about: object = TABLE, **changes: object) -> Finding:
    of = table_finding() if about is TABLE else finding(PUT)
    given = {"revision": -2, "start": T0 + 10, "seen": EVALUATED, "early": True}
    return replace(of, **(given | changes))


def judged(name: str = "table-items", *, at: int = T0 + 2 * STEP, **changes: object) -> Finding:
    return replace(table_finding(), id=name, start=T0, seen=at, **changes)


def started(*findings: Finding) -> tuple[Incidents, list[Notice]]:
    incidents = Incidents(SETTINGS)
    incidents.feed([], T0)
    return incidents, incidents.feed_early(findings or [early_finding()], EVALUATED)


def actions(notices: Sequence[Notice]) -> list[Action]:
    return [notice.action for notice in notices]


def passed(incidents: Incidents, until: int, *findings: Finding) -> list[Notice]:
    """Let steps pass up to ``until``, each with its findings."""
    notices: list[Notice] = []
    for at in range(T0 + STEP, until + 1, STEP):
        notices += incidents.feed([finding for finding in findings if finding.seen == at], at)
    return notices


@pytest.mark.parametrize(("about", "reason"), [(TABLE, NoticeReason.TABLE), (PUT, NoticeReason.STRONG)])
@pytest.mark.parametrize("verdict", [Verdict.SPIKE, Verdict.ABSENCE])
def test_an_early_finding_is_a_page_at_once(about: Scope, reason: NoticeReason, verdict: Verdict) -> None:
    _, [page] = started(early_finding(about, verdict=verdict))
    assert (page.action, page.at) == (Action.OPEN, EVALUATED)
    assert page.reason is (reason if verdict is Verdict.SPIKE else NoticeReason.STRONG)
    assert page.incident.primary.scope == about


def test_findings_of_one_early_evaluation_are_one_page_about_the_deepest() -> None:
    _, [page] = started(early_finding(PUT), early_finding())
    assert page.incident.primary.scope == TABLE
    assert [member.scope for member in page.incident.members] == [PUT]


@pytest.mark.parametrize("name", ["table-items", "of another minute"])
def test_the_step_confirms_it_in_the_same_incident_by_whatever_name(name: str) -> None:
    incidents, [page] = started()
    notices = passed(incidents, DUE + STEP, judged(name, observed=90.0))
    assert Action.OPEN not in actions(notices)
    assert Action.WITHDRAW not in actions(notices)
    [incident] = incidents.all()
    assert incident.id == page.incident.id
    assert (incident.primary.observed, incident.primary.early, incident.members) == (90.0, False, [])
    over = ended(judged(name), DUE + 2 * STEP)
    assert actions(incidents.feed([over], DUE + 2 * STEP)) in ([], [Action.UPDATE])
    after = incidents.feed([], DUE + 2 * STEP + SETTINGS.incidents.quiet)
    assert actions(after) == [Action.RESOLVE]


def test_a_fall_to_nothing_is_confirmed_by_a_drop() -> None:
    fall = early_finding(PUT, verdict=Verdict.ABSENCE, observed=0.0)
    incidents, [page] = started(fall)
    drop = replace(finding(PUT), id="drop", verdict=Verdict.DROP, observed=0.0, start=T0, seen=T0 + 2 * STEP)
    assert Action.WITHDRAW not in actions(passed(incidents, DUE + STEP, drop))
    [incident] = incidents.all()
    assert (incident.id, incident.verdict) == (page.incident.id, Verdict.DROP)


def test_what_no_step_confirms_is_taken_back_with_its_page() -> None:
    incidents, _ = started()
    assert passed(incidents, DUE - STEP) == []
    [withdrawal] = incidents.feed([], DUE)
    assert (withdrawal.action, withdrawal.at) == (Action.WITHDRAW, DUE)
    assert passed(incidents, DUE + 20 * STEP) == []


def test_another_measure_of_the_same_table_confirms_nothing() -> None:
    incidents, _ = started()
    other = judged("reads", measure=Measure.RCU)
    notices = passed(incidents, DUE + STEP, other)
    [incident] = incidents.all()
    assert (incident.primary.id, incident.members) == ("reads", [])
    assert Action.WITHDRAW not in actions(notices)


def test_a_real_incident_is_not_withdrawn_because_one_of_its_parts_was_not_confirmed() -> None:
    incidents, _ = started(early_finding(), early_finding(PUT))
    notices = passed(incidents, DUE + STEP, judged())
    assert Action.WITHDRAW not in actions(notices)
    [incident] = incidents.all()
    assert incident.state not in ("withdrawn", "resolved")


def test_a_step_that_shows_it_after_it_was_taken_back_is_reported_again() -> None:
    incidents, _ = started()
    passed(incidents, DUE)
    late = judged(at=DUE + STEP)
    notices = incidents.feed([late], DUE + STEP)
    assert Action.OPEN in actions(notices) or Action.UPDATE in actions(notices)
    [incident] = ongoing(incidents)
    assert incident.state not in ("withdrawn", "resolved")


def test_what_is_known_already_is_not_reported_early() -> None:
    incidents = Incidents(SETTINGS)
    incidents.feed([table_finding()], T0)
    assert incidents.feed_early([early_finding(id="look")], EVALUATED) == []
    assert len(incidents.all()) == 1


def test_an_early_evaluation_that_comes_again_changes_nothing() -> None:
    incidents, _ = started()
    assert incidents.feed_early([early_finding()], EVALUATED) == []
    assert incidents.feed_early([early_finding(id="later", seen=EVALUATED + 10)], EVALUATED + 10) == []
    passed(incidents, DUE)
    assert incidents.feed_early([early_finding()], EVALUATED) == []


def test_nothing_is_reported_before_the_first_step() -> None:
    assert Incidents(SETTINGS).feed_early([early_finding()], EVALUATED) == []


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("cut", range(5))
def test_a_restart_at_any_moment_changes_nothing(cut: int, *, confirmed: bool) -> None:
    findings = [judged("of another minute")] if confirmed else []
    whole, pages = started()
    reported = [*pages, *passed(whole, DUE + STEP, *findings)]
    before, pages = started()
    at = T0 + cut * STEP
    again = [*pages, *passed(before, at, *findings)]
    parts = {
        name: msgspec.msgpack.decode(msgspec.msgpack.encode(part)) for name, part in before.snapshot().items()
    }
    after = Incidents(SETTINGS)
    after.restore(parts)
    for now in range(at + STEP, DUE + STEP + 1, STEP):
        again += after.feed([finding for finding in findings if finding.seen == now], now)
    assert again == reported
    assert after.all() == whole.all()
