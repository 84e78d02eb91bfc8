"""How bad an incident is: a function of its findings, with the reason."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from alerting.incidents.answers import incident_entry
from alerting.incidents.severity import Grade, Harm, Severity, of_finding, reached, severity
from detectors.model.finding import AddedUp, Affected, Failures, Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Edge
from tests.alerting.given import PUT, ROUTE, SERVICE, TABLE, finding, growth_finding, incident, scope, written
from tests.alerting.incidents.test_absence_incidents import absence, fatal

BUY = scope("route", "POST /buy")


def failing(
    failed: float, requests: float, measure: Measure = Measure.ERRORS_BACKEND, **more: Any
) -> Finding:
    counted = Failures(failed=failed, requests=requests, seconds=600)
    return finding(BUY, measure=measure, failures=counted, **more)


def limited(observed: float, **more: Any) -> Finding:
    return finding(TABLE, verdict=Verdict.LIMIT, observed=observed, limit=100.0, **({"near": True} | more))


TABLE_OF_SEVERITIES = [
    (failing(40, 98), Grade.CRITICAL, Harm.ERRORS),
    (failing(5, 98), Grade.HIGH, Harm.ERRORS),  # too few to be critical
    (failing(20, 1000), Grade.HIGH, Harm.ERRORS),
    (failing(9, 1000), Grade.MEDIUM, Harm.ERRORS),
    (finding(BUY, measure=Measure.ERRORS_BACKEND), Grade.HIGH, Harm.ERRORS),  # of a state without counts
    (finding(BUY, verdict=Verdict.DROP, measure=Measure.ERRORS_BACKEND), Grade.LOW, Harm.LOAD),
    (failing(40, 98, Measure.ERRORS_USER), Grade.MEDIUM, Harm.USER_ERRORS),
    (failing(4, 98, Measure.ERRORS_USER), Grade.LOW, Harm.USER_ERRORS),
    (fatal(), Grade.HIGH, Harm.ERRORS),
    (fatal(failures=Failures(failed=63, requests=900, seconds=600)), Grade.CRITICAL, Harm.ERRORS),
    (fatal(failures=Failures(failed=1, requests=3, seconds=60)), Grade.HIGH, Harm.ERRORS),
    (absence(SERVICE), Grade.CRITICAL, Harm.NO_REQUESTS),
    (absence(scope("account", "1")), Grade.CRITICAL, Harm.NO_REQUESTS),
    (absence(PUT), Grade.HIGH, Harm.NO_REQUESTS),
    (
        absence(PUT, added_up=AddedUp(observed=0.1, expected=2.0, seconds=1800)),
        Grade.HIGH,
        Harm.FEWER_REQUESTS,
    ),
    (absence(PUT, added_up=AddedUp(observed=0.0, expected=2.0, seconds=1800)), Grade.HIGH, Harm.NO_REQUESTS),
    (finding(TABLE, throttle_reasons={"hot key": 3.0}), Grade.HIGH, Harm.THROTTLED),
    (failing(3, 98, Measure.THROTTLES), Grade.HIGH, Harm.THROTTLED),
    (failing(3, 9800, Measure.THROTTLES), Grade.MEDIUM, Harm.THROTTLED),
    (limited(93.0, throttled=True), Grade.HIGH, Harm.THROTTLED),
    (limited(104.0), Grade.HIGH, Harm.LIMIT),
    (limited(93.0), Grade.HIGH, Harm.LIMIT),
    (limited(82.0), Grade.MEDIUM, Harm.LIMIT),
    (limited(50.0), Grade.MEDIUM, Harm.LIMIT),  # the forecast reaches it tomorrow
    (limited(93.0, near=False), Grade.LOW, Harm.LIMIT),  # as on the days before
    (finding(TABLE, limit=50.0), Grade.MEDIUM, Harm.LIMIT),  # a spike to 82 % of it
    (finding(TABLE, limit=100.0), Grade.LOW, Harm.LOAD),
    (finding(PUT, verdict=Verdict.DROP, observed=0.4), Grade.HIGH, Harm.FEWER_REQUESTS),
    (finding(PUT, verdict=Verdict.DROP, observed=2.0), Grade.MEDIUM, Harm.FEWER_REQUESTS),
    (finding(PUT, measure=Measure.LATENCY), Grade.MEDIUM, Harm.SLOW),
    (finding(PUT), Grade.LOW, Harm.LOAD),
    (finding(PUT, verdict=Verdict.SHIFT), Grade.LOW, Harm.LOAD),
    (growth_finding(TABLE), Grade.LOW, Harm.GROWTH),
]


@pytest.mark.parametrize(("of", "level", "harm"), TABLE_OF_SEVERITIES)
def test_the_severity_of_a_finding_follows_the_table(of: Finding, level: Grade, harm: Harm) -> None:
    assert of_finding(of)[:2] == (level, harm)


def test_an_incident_is_as_bad_as_the_worst_of_its_findings() -> None:
    assert severity([finding(TABLE), failing(40, 98)]) == (Grade.CRITICAL, Harm.ERRORS, 40 / 98)
    assert (
        severity([limited(93.0), absence(PUT), failing(20, 1000)]).harm is Harm.ERRORS
    )  # all high: the first counts


def test_what_has_ended_no_longer_counts_while_the_rest_goes_on() -> None:
    over = failing(40, 98, state="end")
    assert severity([finding(TABLE), over]).level is Grade.LOW
    assert severity([replace(finding(TABLE), state="end"), over]).level is Grade.CRITICAL
    assert (
        severity([replace(over, state="withdrawn"), replace(finding(TABLE), state="end")]).level is Grade.LOW
    )


def test_severity_does_not_depend_on_the_order_of_the_members() -> None:
    findings = [finding(TABLE), limited(93.0), failing(20, 1000), failing(30, 1000)]
    assert severity(findings) == severity(findings[::-1]) == Severity(Grade.HIGH, Harm.ERRORS, 0.03)


def test_of_findings_that_are_as_bad_it_is_of_what_the_message_is_about_ended_or_not() -> None:
    first, worse = failing(20, 1000), failing(30, 1000)
    for state in ("open", "end"):
        assert severity([replace(first, state=state), worse]).share == 0.02
    assert severity([replace(first, state="withdrawn"), worse]).share == 0.03


def test_who_is_hurt_is_counted_and_named_by_the_routes_of_what_is_counted() -> None:
    affected = Affected(requests=1240.0, seconds=1440, routes=[ROUTE, BUY], more_routes=2)
    other = scope("route", "GET /cart")
    reported = reached([finding(TABLE, affected=affected), finding(other), finding(BUY), finding(PUT)])
    assert reported == (1240.0, 1440, [ROUTE, BUY], 2)
    assert reached([finding(TABLE), finding(other), finding(BUY)]) == (None, 0, [other, BUY], 0)


def test_findings_of_an_old_state_name_the_routes_that_are_known() -> None:
    old = msgspec.to_builtins(finding(TABLE, touches=[PUT, ROUTE]))
    for name in ("affected", "failures"):
        del old[name]
    one = msgspec.convert(old, Finding)
    assert reached([one]) == (None, 0, [ROUTE], 0)
    assert severity([one]).level is Grade.LOW


def test_an_edge_has_a_severity_too() -> None:
    of = replace(finding(TABLE), scope=None, edge=Edge(PUT, TABLE), limit=50.0)
    assert severity([of]).harm is Harm.LIMIT


def test_an_incident_is_written_with_its_severity_and_who_it_hurts() -> None:
    line = written(incident_entry(incident()))
    assert line["severity"] == {"level": "low", "harm": "load", "share": 0.0}
    assert line["affected"] == {
        "requests": None,
        "seconds": 0,
        "routes": ["POST /items/{id}"],
        "more_routes": 0,
    }
