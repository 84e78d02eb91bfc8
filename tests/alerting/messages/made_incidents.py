"""Incidents of every verdict, and with everything that a message can show."""

from typing import Any

from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident, IncidentExample
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action
from alerting.incidents.preceding import PrecedingChange
from alerting.pipeline.silences import Silence
from config.settings import Settings
from detectors.explain.examples import Why
from detectors.model.finding import AddedUp, Affected, Cause, FailureKind, Failures, Finding, Plan, Verdict
from detectors.model.measures import Measure, text_of_level, value_of
from detectors.model.request_example import ExampleCall, ExampleClient, ExampleLayers, RequestExample
from detectors.model.scope import Scope
from detectors.model.sentence import explain_absence, explain_change, explain_limit
from detectors.model.stated import StatedChange
from tests.alerting.given import (
    ACCOUNT,
    ANY_SIZE,
    PUT,
    ROUTE,
    SERVICE,
    T0,
    TABLE,
    ended,
    finding,
    growth_finding,
    incident,
    scope,
    share,
    table_finding,
)
from tests.alerting.incidents.test_absence_incidents import absence, fatal

WHOLE = scope("account", ACCOUNT)
GLOBAL = Scope("account", "aws", ACCOUNT, "", ACCOUNT)
BUY = scope("route", "POST /buy")
LINK = "https://ci.example.com/runs/42?a=1&b=2"
REQUEST = "8f5c1f4e-2c1d-4b6e-9a51-0d1e2f3a4b5c"
XRAY = "1-5759e988-bd862e3fe1be46a994272793"
LEVEL = Measure("level:lambda.concurrent_executions")

OPEN = incident(table_finding(), finding(ROUTE))
RESOLVED = replace(OPEN, state="resolved", end=T0 + 1200)


def near(**changes: Any) -> Finding:
    given: dict[str, Any] = {
        "verdict": Verdict.LIMIT,
        "observed": 93.0,
        "limit": 100.0,
        "near": True,
        "callers": [share(PUT, 0.8), share(ROUTE, 1.0)],
        "sentence": "Write capacity units of table items are at 93 % of the limit of 100/s.",
    }
    return finding(TABLE, **(given | changes))


def level(unit: str = "1", **changes: Any) -> Finding:
    """Return a level that samples state, near its limit."""
    given: dict[str, Any] = {
        "verdict": Verdict.LIMIT,
        "measure": Measure(text_of_level("lambda.concurrent_executions", unit)),
        "observed": 950.0,
        "expected": 500.0,
        "limit": 1000.0,
        "near": True,
        "minutes": 5,
    }
    of = finding(GLOBAL, **(given | changes))
    return replace(of, sentence=explain_limit(of, minutes=5, throttled=False))


def lasting(**changes: Any) -> Finding:
    """Return a rise by half of which the newest minute shows a tenth."""
    given: dict[str, Any] = {
        "observed": 0.23,
        "expected": 0.22,
        "lower": 0.05,
        "upper": 0.5,
        "peak": 0.45,
        "added_up": AddedUp(observed=0.33, expected=0.22, seconds=780, until=T0),
    }
    of = finding(PUT, **(given | changes))
    return replace(of, sentence=explain_change(of))


def fall(**changes: Any) -> Finding:
    """Return a fall by half over hours."""
    over = AddedUp(observed=0.07, expected=0.14, seconds=7500, until=T0)
    return lasting(**({"verdict": Verdict.DROP, "expected": 0.14, "added_up": over} | changes))


def purchases(**changes: Any) -> Finding:
    """Return the finding of 98 purchases in ten minutes, of which 40 failed."""
    given: dict[str, Any] = {
        "measure": Measure.ERRORS_BACKEND,
        "observed": 0.083,
        "expected": 0.0001,
        "lower": 0.0,
        "upper": 0.004,
        "failures": Failures(
            failed=40,
            requests=98,
            seconds=600,
            usual=0.0002,
            kinds=[
                FailureKind(kind="502 PaymentGatewayTimeout", times=38, new=True),
                FailureKind(kind="500 KeyError", times=2),
            ],
        ),
        "affected": Affected(requests=98, seconds=600, routes=[BUY]),
    }
    of = finding(BUY, **(given | changes))
    return replace(of, sentence=explain_change(of))


def fewer_calls() -> Finding:
    values: dict[str, Any] = {"observed": 2.0, "expected": 8.0, "lower": 6.0, "upper": 11.0}
    calls = [share(PUT, 0.8)]
    of = finding(TABLE, verdict=Verdict.DROP, measure=Measure.REQUESTS, callers=calls, **values)
    return replace(of, sentence=explain_change(replace(of, weeks_used=[1])))


DROP = finding(PUT, verdict=Verdict.DROP, observed=2.0)
SHIFT = finding(PUT, verdict=Verdict.SHIFT, observed=12.3)
VERDICTS: dict[Verdict, Finding] = {
    Verdict.SPIKE: table_finding(),
    Verdict.DROP: DROP,
    Verdict.SHIFT: SHIFT,
    Verdict.ABSENCE: absence(PUT, missed=1730.0, affected=Affected(requests=0, seconds=1440, routes=[ROUTE])),
    Verdict.FATAL: fatal(suspects=[share(ROUTE, 0.9)]),
    Verdict.LIMIT: near(),
    Verdict.GROWTH: growth_finding(TABLE),
}

STATES: dict[str, dict[str, Any]] = {
    "open": {},
    "worsening": {"state": "worsening"},
    "easing": {"state": "easing"},
    "reopened": {"reopened": 1},
    "resolved": {"state": "resolved", "end": T0 + 1200},
    "withdrawn": {"state": "withdrawn", "end": T0 + 600},
}


def about(of: Finding, **changes: Any) -> Incident:
    """Return an incident about a finding, whether or not it would be a page."""
    return replace(OPEN, members=[], primary=of, verdict=of.verdict, peak=of.observed, **changes)


def over(*findings: Finding, **changes: Any) -> Incident:
    """Return the incident of findings that all end, by default 22 minutes after they began."""
    incidents = Incidents(ANY_SIZE)
    incidents.feed(findings, T0)
    incidents.feed([], T0 + 300)
    for of in findings:
        incidents.feed([replace(ended(of, of.end or T0 + 1260), **changes)], T0 + 7200)
    return incidents.all()[0]


SPAN = 40 * 60
CALM = 3 * 60  # after which a deviation is still open


def risen(**changes: Any) -> Finding:
    """Return a rise to three times the usual that is over, and whose end is not certain yet."""
    given: dict[str, Any] = {
        "state": "update",
        "start": T0 - SPAN - CALM,
        "observed": 5.6,  # in a calm minute
        "peak": 98.4,
        "added_up": AddedUp(observed=24.6, expected=8.2, seconds=SPAN, until=T0 - CALM),
    }
    of = finding(PUT, **(given | changes))
    return replace(of, sentence=explain_change(of))


def of_span(primary: Finding, **changes: Any) -> Incident:
    known = incident(replace(primary, state="open"))
    return replace(known, **({"primary": primary, "peak": primary.peak or primary.observed} | changes))


def own_spans() -> dict[str, Incident]:
    """Return incidents whose newest minute says something else than their span."""
    failures = Failures(failed=400, requests=1000, seconds=SPAN)
    slow = risen(measure=Measure.LATENCY, observed=8.3, added_up=None, peak=73.7)
    mean = AddedUp(observed=73.0, expected=8.2, seconds=SPAN, until=T0 - CALM)
    minute = replace(table_finding(), added_up=AddedUp(observed=41.0, expected=8.2, seconds=60, until=T0))
    lasted = 29 * 60
    gone = finding(
        PUT,
        verdict=Verdict.ABSENCE,
        state="end",
        start=T0 - lasted - 600,
        end=T0 - 600,
        observed=0.0,
        missed=1740.0,
        added_up=AddedUp(observed=0.0, expected=1.0, seconds=lasted, until=T0 - 600),
        affected=Affected(requests=0, seconds=lasted, routes=[ROUTE]),
    )
    gone = replace(gone, sentence=explain_absence(gone))
    over = replace(risen(), state="end", end=T0 - CALM)
    failing: dict[str, Any] = {"measure": Measure.ERRORS_BACKEND, "failures": failures}
    kinds = [FailureKind(kind="502 PaymentGatewayTimeout", times=40)]
    hours = Failures(failed=400, requests=1000, seconds=2 * 3600, kinds=kinds)
    job = finding(PUT, verdict=Verdict.DROP, observed=0.0, start=T0 - 3600, state="end", end=T0, unmet=True)
    return {
        "a job that did not come": of_span(job, state="resolved", end=T0, verdict=Verdict.DROP),
        "failures of what is behind it": of_span(risen(), members=[purchases()]),
        "failures of hours": of_span(risen(**(failing | {"failures": hours}))),
        "a rise in its calm minute": of_span(risen()),
        "a rise whose end is certain": of_span(over),
        "a rise, resolved": of_span(risen(), state="resolved"),
        "of a table": of_span(risen(scope=TABLE, measure=Measure.WCU, callers=[share(PUT, 0.9)])),
        "failed calls of a table": of_span(risen(scope=TABLE, measure=Measure.ERRORS_BACKEND)),
        "slow in its calm minute": of_span(slow),
        "slow on average": of_span(replace(slow, added_up=mean)),
        "nothing fails any more": of_span(risen(**failing, callers=[share(ROUTE, 0.9, more_calls=0.1)])),
        "its only minute": of_span(replace(minute, sentence=explain_change(minute))),
        "a limit for hours": of_span(near(minutes=5)),
        "no requests for a while": of_span(gone, state="resolved", end=T0 - 600, verdict=Verdict.ABSENCE),
    }


def listed(*findings: Finding) -> list[Incident]:
    """Return the incidents of the digest of a day with these findings."""
    incidents = Incidents(Settings())
    notices = [*incidents.feed(findings, T0), *incidents.feed([], T0 + 86400)]
    return next(notice for notice in notices if notice.action is Action.DIGEST).incidents


# -- what stands beside the figures ------------------------------------------------------------------


def change(seconds: int = 125, about: Scope = PUT, **stated: Any) -> PrecedingChange:
    given: dict[str, Any] = {"what": "deploy", "version": "42", "by": "ci", "url": LINK} | stated
    of = StatedChange(T0 - 120 - seconds, about, **given)
    return PrecedingChange(change=of, after=seconds, findings=["table-items"])


def with_changes(*changes: PrecedingChange, **more: Any) -> Incident:
    return replace(incident(), changes=list(changes or [change()]), **more)


def request(**more: Any) -> RequestExample:
    given: dict[str, Any] = {
        "ts": T0 - 60.0,
        "id": f"lambda:{REQUEST}/1760000000000",
        "trace": f"Root={XRAY};Sampled=1",
        "cloud": "aws",
        "account": ACCOUNT,
        "region": "ap-northeast-1",
        "service": "inventory",
        "route": "POST /items/{id}",
        "function": "inventory-put-item",
        "client": ExampleClient(name="ios", version="3.2.1"),
        "status": 500,
        "error": "backend",
        "error_type": "Timeout",
        "ms": ExampleLayers(total=1234.0),
        "tables": (ExampleCall(name="items", op="UpdateItem", wcu=2.5, ms=7.5),),
        "sample": "PUT /items/3",
    }
    return RequestExample(**(given | more))


def example(why: Why = Why.COSTLIEST, weight: float = 2.5, **more: Any) -> IncidentExample:
    return IncidentExample(why=why, weight=weight, request=request(**more))


def with_examples(*examples: IncidentExample) -> Incident:
    return replace(incident(), examples=list(examples or [example()]))


def memo(number: int, of: str, text: str = "", by: str = "alice") -> Memo:
    at = T0 - 86400 * (100 - number)
    return Memo(
        id=f"m{number}", number=number, at=at, written=at, by=by, text=text or f"memo {number}", incident=of
    )


MEMOS = [
    memo(1, "first", "the nightly import"),
    memo(2, "second", "ios 3.2.1 retried without backoff", by="U012AB3CD"),
    memo(3, OPEN.id, "the same build again"),
]


def asked(kind: CommandKind, **changes: Any) -> Command:
    given: dict[str, Any] = {"id": kind.value, "kind": kind, "at": T0, "by": "U012AB3CD", "incident": OPEN.id}
    return Command(**(given | changes))


def silence(identity: str, scope: str, until: int, by: str, why: str) -> Silence:
    matcher = Matcher(scopes=[scope])
    return Silence(id=identity, kind=CommandKind.SILENCE, matcher=matcher, until=until, by=by, why=why)


SNOOZED = asked(CommandKind.SNOOZE, until=T0 + 3600, why="a *load* test <!here>")


def flood_of(count: int, **changes: Any) -> list[Incident]:
    return [
        replace(OPEN, id=f"i{n}", primary=finding(scope("table", f"t{n}"), score=n / count), **changes)
        for n in range(count)
    ]


BEHIND = [Cause(scope=TABLE, measure=Measure.LATENCY, score=0.9)]
SALE = Plan(name="夏のセール", factor=2.0)
SALES = finding(SERVICE, measure=value_of("sales"))
