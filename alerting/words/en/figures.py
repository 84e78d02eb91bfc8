"""Figures, names and times in English."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerting.incidents.incident import Incident
from alerting.words import numbers
from alerting.words.mrkdwn import clean, cut
from detectors.model import sentence
from detectors.model.finding import AddedUp, FailureKind, Failures, Finding, Growth, Verdict
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import TABLE, Edge, ScopeOrEdge
from detectors.model.sentence import has_multiple, of_level, usually_failed

NAME: Final = 60

_NAMES_AND_UNITS: Final = {
    Measure.REQUESTS: ("requests", "requests/s"),
    Measure.COLD_STARTS: ("cold starts", "cold starts/s"),
    Measure.ERRORS_USER: ("user errors", "user errors/s"),
    Measure.ERRORS_BACKEND: ("backend errors", "backend errors/s"),
    Measure.ERRORS_FATAL: ("fatal errors", "fatal errors/s"),
    Measure.THROTTLES: ("throttles", "throttles/s"),
    Measure.READS: ("reads", "reads/s"),
    Measure.WRITES: ("writes", "writes/s"),
    Measure.RCU: ("rcu", "rcu/s"),
    Measure.WCU: ("wcu", "wcu/s"),
    Measure.BUSY: ("concurrency", "concurrent"),
    Measure.COST: ("cost", "USD/h"),
    Measure.LATENCY: ("latency p95", "ms"),
    Measure.LATENCY_CODE: ("code latency p95", "ms"),
    Measure.LATENCY_AUTH: ("authorizer latency p95", "ms"),
}

_CALLS: Final = ("calls", "calls/s")


def _name_and_unit(of: Measure, about: ScopeOrEdge | None) -> tuple[str, str]:
    of_table = about is not None and about.kind == TABLE
    return _CALLS if of_table and of is Measure.REQUESTS else _NAMES_AND_UNITS[of]


def kind(of: str) -> str:
    return of


def about(scope: ScopeOrEdge) -> str:
    if isinstance(scope, Edge):
        return f"{about(scope.source)} → {about(scope.target)}"
    return f"{scope.kind} {cut(scope.label, NAME)}"


def verdict(of: Verdict) -> str:
    return of.value.upper()


def measure(of: Measure, about: ScopeOrEdge | None = None) -> str:
    return of.key or of.level or _name_and_unit(of, about)[0]


def unit(of: Measure, about: ScopeOrEdge | None = None) -> str:
    if of.level:
        return of.unit or of.level
    return f"{of.key}/s" if of.key else _name_and_unit(of, about)[1]


def quantity(value: float, of: Measure, about: ScopeOrEdge | None = None) -> str:
    """Return a value with its unit.

    Examples
    --------
    >>> quantity(41.0, Measure.WCU)
    '41 wcu/s'
    """
    shown = numbers.of_measure(value, of)
    return of_level(of, shown) if of.level else f"{shown} {unit(of, about)}"


def added_up(of: AddedUp, finding: Finding) -> str:
    return f"{quantity(of.observed, finding.measure, finding.about)} over {duration(of.seconds)}"


def change(observed: float, expected: float, of: Measure) -> str:
    """Return the change from ``expected`` to ``observed``; from nearly nothing, both values.

    Examples
    --------
    >>> [change(*values, Measure.WCU) for values in ((41.0, 8.0), (2.0, 8.0), (160.0, 8.0), (3.0, 0.0))]
    ['+412 %', '−75 %', '20×', 'up from 0 to 3/s']
    """
    if observed <= expected:
        return f"{numbers.signed_percent(observed / expected)} %" if expected > 0 else "none"
    if not has_multiple(of, observed, expected):
        if of.level:
            return f"up from {numbers.number(expected)} to {of_level(of, numbers.number(observed))}"
        if of is Measure.COST:
            return f"up from {numbers.of_measure(expected, of)} to {quantity(observed, of)}"
        per = " ms" if of in LATENCIES else "" if of is Measure.BUSY else "/s"
        return f"up from {numbers.number(expected)} to {numbers.number(observed)}{per}"
    ratio = observed / expected
    return f"{numbers.number(ratio)}×" if ratio >= numbers.MANY else f"{numbers.signed_percent(ratio)} %"


def failures(of: Failures, about: ScopeOrEdge) -> str:
    what = "calls" if about.kind == TABLE else "requests"
    return f"{of.failed:,.0f} of {of.requests:,.0f} {what} in {duration(of.seconds)}"


def failure_kinds(of: Failures) -> str:
    """Return how they failed.

    Examples
    --------
    >>> kinds = [FailureKind(kind="502 Timeout", times=40), FailureKind(kind="KeyError", times=12, new=True)]
    >>> failure_kinds(Failures(failed=52, requests=90, seconds=600, kinds=kinds))
    '502 Timeout (40 of 52), KeyError (12, new)'
    """
    total = sum(kind.times for kind in of.kinds)

    def often(kind: FailureKind) -> str:
        among = f" of {total:,.0f}" if kind is of.kinds[0] else ""
        return f"{kind.times:,.0f}{among}{', new' if kind.new else ''}"

    return ", ".join(f"{cut(clean(kind.kind), NAME)} ({often(kind)})" for kind in of.kinds)


def usually(of: Failures) -> str:
    return usually_failed(of)


def percent(share: float) -> str:
    return f"{numbers.percent(share)} %"


def per_day(fraction: float) -> str:
    """Return a rate of growth.

    Examples
    --------
    >>> per_day(0.031)
    '+3.1 % a day'
    """
    return f"{numbers.signed(fraction)} % a day"


def days_to_limit(growth: Growth) -> str:
    return sentence.days_to_limit(growth)


def duration(seconds: int) -> str:
    """Return a duration in at most two units.

    Examples
    --------
    >>> duration(45), duration(1380), duration(7500), duration(86400)
    ('45 s', '23 min', '2 h 5 min', '1 d')
    """
    minutes, hours, whole = round(seconds / 60), seconds // 3600, seconds // 86400
    if seconds < 60:  # noqa: PLR2004  a minute
        return f"{seconds} s"
    if seconds < 3600:  # noqa: PLR2004  an hour
        return f"{minutes} min"
    if whole:
        return f"{whole} d {hours % 24} h" if hours % 24 else f"{whole} d"
    rest = seconds % 3600 // 60
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def clock(epoch: int, zone: ZoneInfo) -> str:
    """Return a time in the channel's zone.

    Examples
    --------
    >>> clock(1760000000, ZoneInfo("Asia/Tokyo"))
    '2025-10-09 17:53 JST'
    """
    return f"{datetime.fromtimestamp(epoch, zone):%Y-%m-%d %H:%M %Z}"


def slack_time(epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
    """Return a time as Slack shows it.

    Examples
    --------
    >>> slack_time(1760000000, ZoneInfo("Asia/Tokyo"))
    'Oct 9, 2025 17:53'
    """
    at = datetime.fromtimestamp(epoch, zone)
    return f"{at:%b} {at.day}, {at:%Y %H:%M}" if day else f"{at:%H:%M}"


def date(at: datetime) -> str:
    return f"{at:%a %d %b %Y}"


def account(account: str, name: str) -> str:
    """Return the id of an account, after its name if that is known.

    Examples
    --------
    >>> account("123456789012", "game-prod"), account("123456789012", "")
    ('game-prod (123456789012)', '123456789012')
    """
    return f"{name} ({account})" if name else account


def place(scope: ScopeOrEdge, name: str) -> str:
    target = scope.target if isinstance(scope, Edge) else scope
    where = clean(f"{target.cloud} {account(target.account, name)}").strip() or "unnamed account"
    return f"{where} · {target.region}" if target.region else where


def interval(finding: Finding) -> str:
    expected = quantity(finding.expected, finding.measure, finding.about)
    lower, upper = (numbers.of_measure(bound, finding.measure) for bound in (finding.lower, finding.upper))
    return f"{expected} ({lower} – {upper})"


def series(finding: Finding) -> str:
    return f"{about(finding.about)} ({measure(finding.measure, finding.about)})"


def headroom(value: float, finding: Finding) -> str:
    limit = finding.limit or 0.0
    of = f"of {quantity(limit, finding.measure, finding.about)}"
    return f"none left {of}" if limit <= value else f"{percent(1 - value / limit)} left {of}"


def costs(an_hour: float) -> str:
    """Return the costs of a deviation.

    Examples
    --------
    >>> costs(3.1), costs(-2.0)
    ('3.10 USD an hour more', '2.00 USD an hour less')
    """
    return f"{numbers.money(abs(an_hour))} USD an hour {'more' if an_hour >= 0 else 'less'}"


def completeness(share: float) -> str:
    return f"{percent(share)} complete"


def count(what: str, number: int) -> str:
    return f"{what}: {number:,}"


def state(of: Incident) -> str:
    return of.state


def stage(of: str) -> str:
    return "too small to page" if of == "size" else of.replace("_", " ")


def and_more(more: int) -> str:
    return f"and {more:,} more"


def more_in_file(more: int) -> str:
    return f"and {more:,} more in the file attached to this thread"
