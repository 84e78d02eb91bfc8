"""Findings as the detectors make them, for the tests of this folder."""

import math
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, Notice
from config.settings import Settings
from detectors.model.finding import Finding, Growth, Share, Trace, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope

T0 = 1_760_000_400  # a whole minute
ACCOUNT = "123456789012"


def scope(kind: str, name: str, version: str = "", account: str = ACCOUNT) -> Scope:
    return Scope(kind, "aws", account, "ap-northeast-1", name, version)


TABLE = scope("table", "items")
PUT = scope("function", "inventory-put-item")
GET = scope("function", "inventory-get-item")
ROUTE = scope("route", "POST /items/{id}")
IOS = scope("client", "ios", "3.2.1")
SERVICE = scope("service", "inventory")


def share(of: Scope, part: float, more_calls: float | None = None) -> Share:
    calls = part if more_calls is None else more_calls
    return Share(
        scope=of, share=part, more_calls=calls, more_per_call=part - calls, observed=36.0 * part, expected=4.0
    )


def ongoing(incidents: Incidents) -> list[Incident]:
    """Return the incidents that have not ended, ordered by start."""
    return [incident for incident in incidents.all() if not incident.ended]


def finding(about: Scope, identity: str | None = None, **changes: Any) -> Finding:
    given: dict[str, Any] = {
        "id": identity or f"{about.kind}-{about.name}",
        "revision": 0,
        "state": "open",
        "verdict": Verdict.SPIKE,
        "scope": about,
        "measure": Measure.WCU if about.kind == "table" else Measure.REQUESTS,
        "start": T0 - 120,
        "seen": T0,
        "observed": 41.0,
        "expected": 8.2,
        "lower": 6.1,
        "upper": 10.9,
        "score": 0.9993,
        "weeks_used": [1, 2, 3],
        "sentence": "41 wcu/s where 8.2 were expected.",
    }
    return Finding(**(given | changes))


def table_finding(**changes: Any) -> Finding:
    given: dict[str, Any] = {
        "callers": [share(PUT, 0.91, 0.89), share(GET, 0.09), share(ROUTE, 0.9)],
        "suspects": [share(IOS, 0.88)],
        "touches": [PUT, GET, ROUTE, IOS],
        "limit": 100.0,
        "sentence": "wcu of table items is 41/s where 8.2/s were expected; the floor of 0.2/s is passed.",
        "trace": trace(),
    }
    return finding(TABLE, **(given | changes))


def growth_finding(about: Scope, per_day: float = 0.03, days: float | None = 12.0, **changes: Any) -> Finding:
    growth = Growth(
        per_day=per_day,
        per_day_lower=per_day * 0.8,
        per_day_upper=per_day * 1.2,
        days=21,
        days_to_limit=days,
        days_to_limit_lower=None if days is None else days // 1.25,
        days_to_limit_upper=None if days is None else days * 1.6 // 1,
    )
    given: dict[str, Any] = {
        "verdict": Verdict.GROWTH,
        "growth": growth,
        "sentence": "It rises day over day.",
        "limit": 100.0,
    }
    return finding(about, **(given | changes))


def of_messages(notices: Iterable[Notice]) -> list[Notice]:
    """Return the notices that become messages: what the digest has is only listed meanwhile."""
    return [notice for notice in notices if notice.action is Action.DIGEST or notice.incident.sent == "page"]


def ended(of: Finding, at: int, revision: int = 9) -> Finding:
    return replace(of, state="end", revision=revision, seen=at, end=at - 60, observed=8.0)


def trace(end: int = T0, hours: int = 4) -> Trace:
    step, count = 60, hours * 60
    start = end - step * count
    wave = [8 + 2 * math.sin((start + i * step) / 3600) + 0.4 * math.sin(i * 12.9898) for i in range(count)]
    now = [
        value + (33 * min(1.0, (i - count + 5) / 3) if i > count - 5 else 0.0) for i, value in enumerate(wave)
    ]
    return Trace(
        start=start,
        step=step,
        now=list(now),
        last_week=[0.94 * value + 0.3 * math.sin(i * 78.233) for i, value in enumerate(wave)],
        lower=[value - 2.4 for value in wave],
        upper=[value + 2.4 for value in wave],
    )


def notices_of(*findings: Finding, settings: Settings | None = None) -> list[Notice]:
    """Return the notices of findings that are all reported by ``T0``, one step later."""
    incidents = Incidents(settings or Settings())
    return [*incidents.feed(findings, T0), *incidents.feed([], T0 + 60)]


ANY_SIZE = Settings.model_validate({"incidents": {"page": {"defect": 1, "demand": 1, "fall": 1}}})
"""Settings with which every incident pages, however small."""


def incident(*findings: Finding) -> Incident:
    return notices_of(*(findings or (table_finding(),)), settings=ANY_SIZE)[0].incident


def written(answer: msgspec.Struct) -> dict[str, Any]:
    """Return an answer as programs read it."""
    found: dict[str, Any] = msgspec.to_builtins(answer)
    return found
