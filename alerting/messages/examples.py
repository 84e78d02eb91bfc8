"""Incidents of an invented backend, one for each verdict and state, for ``uneri send-test`` and the docs.

Formulas draw the curves, and the figures follow from them; messages, charts and buttons are those that the
daemon would send.
"""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import Dispatch, Expiring, Form, Precision
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice, NoticeReason
from detectors.model.finding import Affected, FailureKind, Failures, Finding, Growth, Share, Trace, Verdict
from detectors.model.measures import Measure, value_of
from detectors.model.scope import Scope
from detectors.model.sentence import explain_absence, explain_change, explain_fatal_error, explain_limit
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Hot, Standings, Use

ZONE: Final = ZoneInfo("Asia/Tokyo")
AT: Final = int(datetime(2026, 11, 24, 20, 24, tzinfo=ZONE).timestamp())
BEGAN: Final = AT - 24 * 60
_STEP: Final = 60
_HOURS: Final = 4


def trace(level: float, shape: Callable[[float, float], float], *, band: float = 0.28) -> Trace:
    """Return four hours of a curve; ``shape`` maps the usual level and the minutes since onset to a value."""
    count = _HOURS * 60
    start = AT - count * _STEP
    now: list[float | None] = []
    before: list[float | None] = []
    lower: list[float | None] = []
    upper: list[float | None] = []
    for minute in range(count):
        at = start + minute * _STEP
        usual = level * (1 + 0.16 * math.sin(at / 5200) + 0.05 * math.sin(at / 900))
        noise = 1 + 0.05 * math.sin(minute * 12.9898) + 0.03 * math.sin(minute * 78.233)
        now.append(shape(usual * noise, (at - BEGAN) / 60))
        before.append(usual * 0.96 * (1 + 0.05 * math.sin(minute * 39.425)))
        lower.append(usual * (1 - band))
        upper.append(usual * (1 + band))
    return Trace(start=start, step=_STEP, now=now, last_week=before, lower=lower, upper=upper)


def rise(usual: float, since: float) -> float:
    """Return a rise within three minutes."""
    return usual * (1 + 3.6 * min(1.0, max(0.0, since) / 3))


def worsen(usual: float, since: float) -> float:
    """Return a rise that goes on after twelve minutes."""
    return usual * (1 + 3.6 * min(1.0, max(0.0, since) / 3) + 2.2 * max(0.0, since - 12) / 12)


def ease(usual: float, since: float) -> float:
    """Return a rise that eases after twelve minutes."""
    return usual * (1 + 3.6 * min(1.0, max(0.0, since) / 3) * (1 - max(0.0, since - 12) / 14))


def passes(usual: float, since: float) -> float:
    """Return a rise of thirteen minutes."""
    return usual if since > 13 else rise(usual, since)  # noqa: PLR2004  it lasted 13 minutes


def fall(usual: float, since: float) -> float:
    """Return a fall to a third."""
    return usual * (0.3 if since > 0 else 1.0)


def stop(usual: float, since: float) -> float:
    """Return a fall to nothing."""
    return 0.0 if since > 0 else usual


def step_up(usual: float, since: float) -> float:
    """Return a new level."""
    return usual * (1.55 if since > -100 else 1.0)  # noqa: PLR2004  it began 100 minutes before the others


def climb(usual: float, since: float) -> float:
    """Return a slow climb."""
    return usual * (1 + max(0.0, since + 90) / 190)


def errors(_: float, since: float) -> float:
    """Return a few errors where there were none."""
    return 0.0 if since < 0 else 0.05 + 0.02 * math.sin(since)


def failing(_: float, since: float) -> float:
    """Return errors of four requests of ten, where there were none."""
    return 0.0 if since < 0 else 0.066 * min(1.0, since / 2) * (1 + 0.12 * math.sin(since))


_TIMES: Final = ("start", "seen", "end", "alerted", "at", "until", "written")  # fields in epoch seconds
_EARLIER: Final = "https://example.slack.com/archives/C012AB3CD/p1764000000000100"


def scope(kind: str, name: str, version: str = "") -> Scope:
    """Return a scope of the only account."""
    return Scope(kind, "aws", "123456789012", "ap-northeast-1", name, version)


ITEMS: Final = scope("table", "items")
PUT: Final = scope("function", "inventory-put-item")
GET: Final = scope("function", "inventory-get-item")
BATCH: Final = scope("function", "nightly-export")
ROUTE: Final = scope("route", "POST /items/{id}")
READ: Final = scope("route", "GET /items/{id}")
CHECKOUT: Final = scope("route", "POST /cart/checkout")
CART: Final = scope("function", "cart-checkout")
IOS: Final = scope("client", "ios", "3.2.1")


class Example(NamedTuple):
    """A message to show, and its name: a verdict or a state."""

    name: str
    dispatch: Dispatch
    earlier: str | None = None


def share(of: Scope, part: float, more_calls: float, level: float) -> Share:
    """Return a caller with its share of an increase over ``level``."""
    more = part - more_calls
    return Share(
        scope=of,
        share=part,
        more_calls=more_calls,
        more_per_call=more,
        observed=level * part,
        expected=level * 0.2,
    )


def hurt(requests: float, *routes: Scope, more: int = 0, minutes: int = 24) -> Affected:
    """Return the requests and routes affected for some minutes."""
    return Affected(requests=requests, seconds=60 * minutes, routes=list(routes), more_routes=more)


def finding(verdict: Verdict, about: Scope, measure: Measure, curve: Trace, **changes: Any) -> Finding:
    """Return a finding with the figures at the end of its curve."""
    expected = ((curve.lower[-1] or 0.0) + (curve.upper[-1] or 0.0)) / 2
    given: dict[str, Any] = {
        "id": f"{verdict.value}-{about.name}",
        "revision": 2,
        "state": "update",
        "verdict": verdict,
        "scope": about,
        "measure": measure,
        "start": BEGAN,
        "seen": AT,
        "observed": curve.now[-1] or 0.0,
        "expected": expected,
        "lower": curve.lower[-1],
        "upper": curve.upper[-1],
        "score": 0.9993,
        "completeness": 0.998,
        "weeks_used": [1, 2, 4],
        "weeks_left_out": [3],
        "sentence": "",
        "trace": curve,
    }
    return Finding(**(given | changes))


def incident(of: Finding, members: tuple[Finding, ...] = (), **changes: Any) -> Incident:
    """Return an open incident."""
    given: dict[str, Any] = {
        "id": "5f1c09d27ab34e6680c1",
        "revision": 3,
        "verdict": of.verdict,
        "state": "open",
        "start": of.start,
        "alerted": of.start + 90,
        "end": None,
        "primary": of,
        "members": [replace(member, trace=None) for member in members],
        "sent": "page",
        "reason": "",
        "peak": of.observed,
    }
    return Incident(**(given | changes))


def explained(of: Finding) -> Finding:
    """Return a finding with the sentence that the detectors would give it."""
    match of.verdict:
        case Verdict.LIMIT:
            sentence = explain_limit(of, minutes=of.minutes, throttled=of.throttled)
        case Verdict.ABSENCE:
            sentence = explain_absence(of)
        case Verdict.FATAL:
            sentence = explain_fatal_error(of)
        case _:
            sentence = explain_change(of)
    return replace(of, sentence=sentence)


SPIKE: Final = explained(
    finding(
        Verdict.SPIKE,
        ITEMS,
        Measure.WCU,
        trace(8.4, rise),
        limit=60.0,
        affected=hurt(41_200, ROUTE, READ, scope("route", "POST /items/batch"), more=2),
        callers=[share(PUT, 0.91, 0.88, 32), share(BATCH, 0.07, 0.0, 32), share(GET, 0.02, 0.02, 32)],
        suspects=[share(IOS, 0.88, 0.88, 32)],
        throttle_reasons={"TableWriteProvisionedThroughputExceeded": 214.0},
    )
)
DROP: Final = explained(
    finding(
        Verdict.DROP,
        CART,
        Measure.REQUESTS,
        trace(46.0, fall),
        affected=hurt(19_900, CHECKOUT, ROUTE),
        callers=[share(CHECKOUT, 0.93, 0.93, 40), share(ROUTE, 0.07, 0.07, 40)],
        weeks_used=[1, 2, 3, 4],
        weeks_left_out=[],
    )
)
SHIFT: Final = explained(
    finding(
        Verdict.SHIFT,
        GET,
        Measure.LATENCY,
        trace(180.0, step_up, band=0.2),
        start=BEGAN - 100 * 60,
        affected=hurt(154_000, READ, minutes=124),
        callers=[share(READ, 1.0, 0.0, 180)],
    )
)
LIMIT: Final = explained(
    finding(
        Verdict.LIMIT,
        ITEMS,
        Measure.WCU,
        trace(33.0, climb),
        limit=60.0,
        near=True,
        affected=hurt(52_800, ROUTE, READ),
        state="open",
        minutes=15,
        throttled=True,
        callers=[share(PUT, 0.74, 0.74, 55), share(BATCH, 0.26, 0.26, 55)],
        throttle_reasons={"TableWriteProvisionedThroughputExceeded": 41.0},
    )
)
ABSENCE: Final = explained(
    finding(
        Verdict.ABSENCE,
        BATCH,
        Measure.REQUESTS,
        trace(1.2, stop),
        observed=0.0,
        missed=1730.0,
        affected=hurt(0),
    )
)
FATAL: Final = explained(
    finding(
        Verdict.FATAL,
        PUT,
        Measure.ERRORS_FATAL,
        trace(0.0, errors),
        expected=0.0,
        lower=0.0,
        upper=0.0,
        error_type="ConditionalCheckFailedException",
        times=63,
        affected=hurt(1_410, ROUTE),
        failures=Failures(failed=63, requests=1_410, seconds=24 * 60),
        callers=[share(ROUTE, 1.0, 0.0, 0.05)],
        suspects=[share(IOS, 0.97, 0.0, 0.05)],
    )
)
ERRORS: Final = explained(
    finding(
        Verdict.SPIKE,
        CHECKOUT,
        Measure.ERRORS_BACKEND,
        trace(0.0, failing),
        expected=0.0001,
        lower=0.0,
        upper=0.003,
        failures=Failures(
            failed=40,
            requests=98,
            seconds=600,
            usual=0.0006,
            kinds=[
                FailureKind(kind="502 PaymentGatewayTimeout", times=38, new=True),
                FailureKind(kind="500 KeyError", times=2),
            ],
        ),
        affected=hurt(231, CHECKOUT),
        callers=[share(IOS, 0.62, 0.0, 0.05)],
    )
)
FAILING: Final = finding(
    Verdict.SPIKE,
    CART,
    Measure.ERRORS_BACKEND,
    trace(0.0, failing),
    failures=Failures(failed=40, requests=98, seconds=600),
)
MEMBERS: Final = (
    finding(Verdict.SPIKE, PUT, Measure.REQUESTS, trace(20.0, rise)),
    finding(Verdict.SPIKE, ROUTE, Measure.REQUESTS, trace(20.0, rise)),
)


def _spike(shape: Callable[[float, float], float]) -> Finding:
    """Return the spike with another course."""
    curve = trace(8.4, shape)
    return explained(replace(SPIKE, trace=curve, observed=curve.now[-1] or 0.0))


def _peak(finding: Finding) -> float:
    """Return the highest value of the chart, so that the message agrees with it."""
    steps = finding.trace.now if finding.trace else []
    return max((value for value in steps if value is not None), default=finding.observed)


def growth(
    about: Scope, per_day: float, days: float | None, level: float, limit: float | None, *callers: Share
) -> Finding:
    """Return a finding for an entry of the digest."""
    pace = Growth(
        per_day=per_day,
        per_day_lower=per_day * 0.8,
        per_day_upper=per_day * 1.25,
        days=21,
        days_to_limit=days,
        days_to_limit_lower=None if days is None else days // 1.25,
        days_to_limit_upper=None if days is None else days * 1.5 // 1,
    )
    measure = Measure.WCU if about.kind == "table" else Measure.REQUESTS
    curve = trace(level, lambda usual, _: usual)
    shown = finding(
        Verdict.GROWTH, about, measure, curve, growth=pace, limit=limit, observed=level, start=AT - 21 * 86400
    )
    shown = replace(shown, callers=list(callers))
    return explained(replace(shown, trace=None))


def notice(*incidents: Incident, action: Action = Action.OPEN, **more: Any) -> Notice:
    """Return a notice of incidents."""
    return Notice(id="n", action=action, at=AT, reason=NoticeReason.TABLE, incidents=list(incidents), **more)


def dispatch(of: Notice, form: Form = Form.PARENT, **more: Any) -> Dispatch:
    """Return a dispatch of the pipeline."""
    return Dispatch(id="d", destination="slack:#uneri", form=form, subject="s", notice=of, at=AT, **more)


def command(ask: CommandKind, **more: Any) -> Command:
    """Return a command of a person."""
    return Command(id=ask.value, kind=ask, at=AT - 300, by="on-call", **more)


def memo(number: int, at: int, text: str, of: str) -> Memo:
    """Return a memo of a person on an incident."""
    name = f"m{number}"
    return Memo(id=name, number=number, at=at, written=at, by="alice", text=text, incident=of)


def examples(at: int = AT) -> list[Example]:
    """Return the examples as of ``at`` (epoch seconds), in the order of docs/messages.md."""
    by = at - AT
    return [
        example._replace(dispatch=_moved(example.dispatch, by)) if by else example for example in _examples()
    ]


def _moved(of: Dispatch, by: int) -> Dispatch:
    """Return a dispatch ``by`` seconds later, with all that it holds."""

    def later(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: held + by if key in _TIMES and isinstance(held, int) else later(held)
                for key, held in value.items()
            }
        return [later(item) for item in value] if isinstance(value, list | tuple) else value

    return msgspec.convert(later(msgspec.to_builtins(of)), Dispatch)


def _examples() -> list[Example]:
    page = incident(SPIKE, MEMBERS)
    acknowledged = command(CommandKind.ACKNOWLEDGE)
    snoozed = command(CommandKind.SNOOZE, until=AT + 3600, why="load test")
    worse, easier = (incident(_spike(shape), MEMBERS) for shape in (worsen, ease))
    over = replace(_spike(passes), affected=hurt(24_100, ROUTE, READ, minutes=14))
    resolved = incident(over, MEMBERS, state="resolved", end=BEGAN + 14 * 60, peak=_peak(over))
    pages = {
        "spike": dispatch(notice(page)),
        "drop": dispatch(notice(incident(DROP))),
        "shift": dispatch(notice(incident(SHIFT))),
        "limit": dispatch(notice(incident(LIMIT))),
        "absence": dispatch(notice(incident(ABSENCE))),
        "errors": dispatch(notice(incident(ERRORS, (FAILING,)))),
        "fatal": dispatch(notice(incident(FATAL))),
        "worsening": dispatch(notice(replace(worse, state="worsening"))),
        "easing": dispatch(notice(replace(easier, state="easing", peak=_peak(easier.primary)))),
        "acknowledged": dispatch(notice(page), commands=[acknowledged]),
        "snoozed": dispatch(notice(page), commands=[acknowledged, snoozed]),
        "noted": dispatch(
            notice(page),
            commands=[acknowledged],
            memos=[
                memo(1, AT - 15 * 86400, "ios 3.2.1 retried without backoff", "earlier"),
                memo(2, AT - 120, "The same build again; its retries are switched off", page.id),
            ],
        ),
        "resolved": dispatch(notice(resolved), commands=[acknowledged]),
        "reopened": dispatch(notice(replace(page, reopened=1))),
        "withdrawn": dispatch(notice(incident(DROP, state="withdrawn", end=AT))),
    }
    shown = [Example(name, sent, _EARLIER if name == "reopened" else None) for name, sent in pages.items()]
    return [*shown, Example("flood", _flood()), Example("growth", _digest())]


def _flood() -> Dispatch:
    kinds = (SPIKE, DROP, ABSENCE, FATAL, LIMIT)
    names = ("items", "users", "orders", "sessions", "ranking", "guilds", "mail", "ledger")
    many = []
    for n in range(57):
        of = kinds[n % len(kinds)]
        about = scope(of.about.kind, f"{names[n % len(names)]}-{n // len(names)}")
        if n % 3 == 0:
            about = about._replace(account="210987654321")
        shown = replace(of, scope=about, score=1 - n / 100, trace=None)
        state = {"state": "resolved", "end": AT} if n % 9 == 4 else {}  # noqa: PLR2004  some are resolved
        many.append(replace(incident(shown), id=f"{n:020x}", **state))
    return dispatch(notice(*many), Form.FLOOD)


def _standings() -> Standings:
    apis = [ROUTE, READ, CHECKOUT]
    used = zip(apis, (5_210_000.0, 3_960_000.0, 412_000.0), (4_830_000.0, 4_020_000.0, None), strict=True)
    slow = zip(reversed(apis), (1840.0, 420.0, 265.0), (910.0, 430.0, 171.0), strict=True)
    account = scope("account", "123456789012")
    return Standings(
        most_used=[Use(of, Measure.REQUESTS, day, before) for of, day, before in used],
        slowest=[Use(of, Measure.LATENCY, day, before) for of, day, before in slow],
        values=[Use(account, value_of("sales"), 1_284_000.0, 1_171_000.0)],
    )


def _digest() -> Dispatch:
    rows = [
        growth(ITEMS, 0.031, 6.2, 48.0, 60.0, share(PUT, 0.83, 0.83, 1.5)),
        growth(scope("table", "ledger"), 0.018, 23.0, 14.0, 22.0),
        growth(PUT, 0.012, None, 61.0, None),
    ]
    hottest = [Hot(ITEMS, 0.87, Measure.WCU, former=scope("table", "ledger")), Hot(PUT, 0.62, Measure.BUSY)]
    new = [scope("table", "guilds"), scope("function", "guild-join"), scope("function", "guild-leave")]
    day = notice(
        *map(incident, rows),
        action=Action.DIGEST,
        hottest=hottest,
        standings=_standings(),
        maturity=[Maturity(AT, {"table": 1, "function": 4}, new, learning=[0, 0, 28, 0, 0, 0, 0])],
    )
    return dispatch(
        day,
        Form.DIGEST,
        precision=Precision(weeks=4, pages=21, expected=2, not_an_anomaly=1),
        expiring=[Expiring(id="s1", what="table:ledger", until=AT + 36000, by="on-call")],
        held={"quiet_hours": 2},
    )
