"""Walls of an invented backend: calm, busy, learning, stale; made by formulas, the same for the same time."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from alerting.messages import examples
from alerting.messages.incident_answer import IncidentAnswer, incident_answer
from alerting.words.locales import translated_sentences
from config.links import Links
from config.settings import LinksSettings
from detectors.model.finding import Verdict
from detectors.model.scope import Scope
from streams.screens.board.wall.wall import (
    Wall,
    WallAccount,
    WallCalls,
    WallConcurrency,
    WallHolder,
    WallLayer,
    WallLearning,
    WallMonth,
    WallNumber,
    WallQuota,
    WallRanked,
    WallRankings,
    WallTable,
    WallValue,
)

KINDS = ("calm", "busy", "learning", "stale")
ZONE = ZoneInfo("Asia/Tokyo")
STEP = 60
STEPS = 240
WEEK = 7 * 86_400
ACCOUNTS = {"game-prod": "123456789012", "shop-prod": "210987654321"}
HOSTILE = '<img src=x onerror="document.title=1"> \u202e{{1}}</script><script>document.title=2</script>'

Curve = Callable[[float], float]


def ripple(at: float, seed: float = 0.0) -> float:
    """Return noise from -1 to 1 that looks like that of traffic."""
    turn = math.sin(at / 60 * 12.9898 + seed * 78.233) * 43758.5453
    return 2 * (turn - math.floor(turn)) - 1


def daily(at: float) -> float:
    """Return the level at a time of day, from 0 to 1, with its evening peak."""
    day = at % 86_400 / 86_400
    return 0.5 - 0.4 * math.cos(2 * math.pi * (day - 0.15)) + 0.1 * math.sin(4 * math.pi * day)


def calls(at: float) -> float:
    """Return requests a second."""
    return 180 + 320 * daily(at) * (1.04 if at % WEEK < WEEK / 2 else 1.0) + 9 * ripple(at)


def line(curve: Curve, at: int, count: int = STEPS, step: int = STEP) -> list[float | None]:
    """Return the values of the last steps before ``at``."""
    return [round(curve(at - (count - place) * step), 4) for place in range(count)]


def number(identity: Any, unit: Any, curve: Curve, at: int, **changes: Any) -> WallNumber:
    """Return a number that is as expected."""
    trend = line(curve, at)
    before = line(lambda when: 0.97 * curve(when - WEEK), at)
    value = trend[-1] or 0.0
    made = WallNumber(
        id=identity,
        unit=unit,
        value=value,
        expected=value * 0.99,
        lower=value * 0.86,
        upper=value * 1.13,
        week_before=before[-1],
        hour=value,
        hour_week_before=before[-1],
        trend=trend,
        trend_week_before=before,
    )
    return replace(made, **changes)


def incidents(at: int, *names: str) -> list[IncidentAnswer]:
    """Return incidents of these kinds as they are at ``at``."""
    found = {
        example.name: example.dispatch.notice for example in examples.examples(at) if example.dispatch.notice
    }
    return [
        replace(
            incident_answer(found[name].incidents[0], Links(LinksSettings())),
            id=name,
            sent="page",
            reason="",
            sentences=translated_sentences(found[name].incidents[0]),
        )
        for name in names
    ]


def detailed(incident: IncidentAnswer, at: int) -> IncidentAnswer:
    """Return an incident with all that one may have: a change before it, requests, memos."""
    function = Scope("function", "aws", "123456789012", "", "inventory-put-item").as_answer()
    request = {
        "why": "failed",
        "ts": at - 130.0,
        "id": "Kz1f",
        "route": "POST /items/{id}",
        "client": {"name": "ios", "version": "3.2.1", "tenant": "game-42"},
        "status": 500,
        "error_type": "ProvisionedThroughputExceededException",
        "ms": {"total": 812.0},
        "sample": '{"items": 48, "retry": 3}',
        "links": {
            "trace": "https://console.example.com/trace/1",
            "request": "https://console.example.com/logs/1",
        },
    }
    change = {
        "ts": at - 1560,
        "of": function,
        "what": "deploy",
        "version": "42",
        "by": "ci",
        "after": 120,
    }
    memo = {"id": "m1", "incident": "spike", "at": at - 7 * 86_400, "written": at - 7 * 86_400, "by": "mika"}
    more = {
        "examples": [
            request,
            request | {"why": "slowest", "status": 200, "error_type": None, "ms": {"total": 4120.0}},
        ],
        "changes": [change | {"url": "https://ci.example.com/42"}],
        "memos": [memo | {"text": "ios 3.2.1 retries without backoff;\nrolled back by release management."}],
    }
    return msgspec.convert(msgspec.to_builtins(incident) | msgspec.to_builtins(more), IncidentAnswer)


def ranked(kind: str, unit: Any, *places: tuple[str, float]) -> list[WallRanked]:
    """Return places of a ranking."""
    return [
        WallRanked(scope=Scope(kind, "", "", "", label).as_answer(), label=label, value=value, unit=unit)
        for label, value in places
    ]


def rankings() -> WallRankings:
    """Return the largest and slowest scopes."""
    used = (
        ("POST /items/{id}", 148.2),
        ("GET /items/{id}", 121.9),
        ("POST /cart/checkout", 38.4),
        ("GET /guilds/{guild}/members", 31.0),
        ("POST /sessions", 12.7),
    )
    slow = (
        ("POST /cart/checkout", 1840.0),
        ("GET /ranking/weekly", 960.0),
        ("GET /guilds/{guild}/members", 420.0),
        ("POST /items/{id}", 265.0),
        ("GET /mail", 188.0),
    )
    return WallRankings(
        used_4h=ranked("route", "1/s", *used),
        used_week=ranked("route", "1/s", *((name, value * 0.8) for name, value in used)),
        slowest_4h=ranked("route", "ms", *slow),
        slowest_week=ranked("route", "ms", *((name, value * 1.7) for name, value in slow)),
    )


def wall_given(kind: str = "calm", now: int = 1_764_200_012, *, language: Literal["en", "ja"] = "en") -> Wall:
    """Return a wall of one of ``KINDS`` at a time, epoch seconds."""
    at = now - 12 - (1500 if kind == "stale" else 0)
    if kind == "learning":
        return _learning(at, now, language)
    made = _calm(at, now, language)
    return _busy(made, at) if kind == "busy" else made


def _calm(at: int, now: int, language: Literal["en", "ja"]) -> Wall:
    month = int(datetime.fromtimestamp(at, ZONE).replace(day=1, hour=0, minute=0, second=0).timestamp())
    hours = (at - month) // 3600 + 1
    band = line(lambda when: calls(when) * 0.98 - 9 * ripple(when), at)
    return Wall(
        now=now,
        at=at,
        zone="Asia/Tokyo",
        language=language,
        state="well",
        accounts=[
            WallAccount("aws", "123456789012", "game-prod"),
            WallAccount("aws", "210987654321", "shop-prod"),
            WallAccount("gcp", "acme-analytics", "acme-analytics"),
        ],
        numbers=[
            number(
                "requests",
                "1/s",
                calls,
                at,
                scope=Scope("account", "aws", "123456789012", "", "123456789012").as_answer(),
            ),
            number("errors_user", "share", lambda when: 0.018 + 0.002 * ripple(when, 1), at),
            number("errors_backend", "share", lambda when: 0.0002 + 0.00015 * ripple(when, 2), at),
            number("errors_fatal", "1", lambda _: 0.0, at, lower=0.0, upper=0.0, expected=0.0),
            number("throttles", "1", lambda _: 0.0, at, lower=0.0, upper=0.0, expected=0.0),
        ],
        layers=[
            WallLayer(id="api", p50=41.0, p95=84.2, p99=210.0, expected=81.0),
            WallLayer(id="function", p50=33.0, p95=61.0, p99=172.0, expected=60.0),
            WallLayer(id="code", p50=30.1, p95=55.3, p99=160.0, expected=55.0),
            WallLayer(id="auth", p50=2.1, p95=4.0, p99=9.2, expected=4.1),
            WallLayer(id="table", p50=3.3, p95=6.2, p99=14.9, expected=6.0),
        ],
        tables=[
            _table("items", "game-prod", 712.0, 1000.0, days=9.4, at=at),
            _table("orders", "shop-prod", 96.0, 400.0, days=64.0, at=at),
        ],
        concurrency=[
            WallConcurrency(
                account="game-prod",
                scope=Scope("account", "aws", "123456789012", "", "123456789012").as_answer(),
                used=412.0,
                limit=1000.0,
                share=0.412,
                holders=[
                    WallHolder(name, share, Scope("function", "", "", "", name).as_answer())
                    for name, share in (("inventory-put-item", 0.44), ("cart-checkout", 0.21))
                ],
                trend=line(lambda when: calls(when) * 0.95, at),
            ),
            WallConcurrency(account="shop-prod", used=88.0, limit=1000.0, share=0.088),
        ],
        quotas=[
            WallQuota(label="lambda.code_storage", account="game-prod", used=44.0, limit=75.0, share=0.587),
            WallQuota(label="apigateway.rate", account="shop-prod", used=912.0, limit=10000.0, share=0.0912),
        ],
        calls=WallCalls(
            start=at - STEPS * STEP,
            step=STEP,
            observed=line(calls, at),
            week_before=line(lambda when: 0.97 * calls(when - WEEK), at),
            lower=[value and round(value * 0.88, 2) for value in band],
            upper=[value and round(value * 1.12, 2) for value in band],
        ),
        month=WallMonth(
            start=month,
            step=3600,
            observed=line(calls, month + hours * 3600, hours, 3600),
            before=line(lambda when: 0.82 * calls(when), month, 31 * 24, 3600),
        ),
        rankings=rankings(),
        values=[
            WallValue(
                key="sales",
                day=1_284_000.0,
                day_before=1_201_500.0,
                month=21_400_000.0,
                month_before=19_900_000.0,
                trend=line(lambda when: 30_000 + 60_000 * daily(when), at, 24, 3600),
            ),
            WallValue(
                key="cost",
                day=183.2,
                day_before=181.0,
                month=3_020.0,
                month_before=2_840.0,
                trend=line(lambda when: 6 + 4 * daily(when), at, 24, 3600),
            ),
        ],
        last=incidents(at - 2 * 86_400, "resolved")[0],
    )


def _table(label: str, account: str, used: float, limit: float, *, days: float, at: int) -> WallTable:
    return WallTable(
        scope=Scope("table", "aws", ACCOUNTS[account], "", label).as_answer(),
        label=label,
        account=account,
        measure="wcu",
        used=used,
        limit=limit,
        share=used / limit,
        days_left=days,
        days_left_early=days // 1.25,
        days_left_late=days // 0.75,
        trend=line(lambda when: used * (0.6 + 0.4 * daily(when)) + used * 0.02 * ripple(when, 3), at),
    )


def _busy(calm: Wall, at: int) -> Wall:
    requests, user, backend, fatal, throttles = calm.numbers
    items, *rest = calm.tables
    spike, fatal_error, absence = incidents(at, "spike", "fatal", "absence")

    def up(curve: list[float | None], times: float) -> list[float | None]:
        first = len(curve) - 24
        return [
            value
            if value is None or place < first
            else value * (1 + (times - 1) * min(1, (place - first) / 6))
            for place, value in enumerate(curve)
        ]

    observed = up(calm.calls.observed, 1.62) if calm.calls else []
    return replace(
        calm,
        state="attention",
        numbers=[
            replace(
                requests,
                value=observed[-1],
                trend=up(requests.trend, 1.62),
                verdict="spike",
                verdict_of="game-prod",
                incident="spike",
            ),
            user,
            replace(
                backend,
                value=0.034,
                trend=[*backend.trend[:-20], *(0.034 + 0.002 * ripple(60 * place) for place in range(20))],
                verdict="spike",
                incident="spike",
                threshold="critical",
            ),
            fatal,
            replace(
                throttles,
                value=312.0,
                scope=items.scope,
                trend=[*throttles.trend[:-15], *(280.0 + place for place in range(15))],
                threshold="warning",
            ),
        ],
        layers=[
            replace(calm.layers[0], p95=412.0, p99=1900.0, verdict="spike", incident="spike"),
            *calm.layers[1:4],
            replace(calm.layers[4], p95=48.0, p99=201.0, threshold="warning"),
        ],
        tables=[
            replace(
                items,
                used=994.0,
                share=0.994,
                days_left=0.0,
                verdict="spike",
                threshold="critical",
                trend=up(items.trend, 1.6),
            ),
            *rest,
        ],
        concurrency=[
            replace(calm.concurrency[0], used=861.0, share=0.861, threshold="warning"),
            *calm.concurrency[1:],
        ],
        calls=calm.calls and replace(calm.calls, observed=observed),
        incidents=[detailed(spike, at), fatal_error, absence],
    )


def _learning(at: int, now: int, language: Literal["en", "ja"]) -> Wall:
    calm = _calm(at, now, language)
    young = [
        replace(
            number,
            expected=None,
            lower=None,
            upper=None,
            week_before=None,
            hour_week_before=None,
            trend_week_before=[],
            trend=[None] * 200 + number.trend[200:],
        )
        for number in calm.numbers
    ]
    return replace(
        calm,
        state="learning",
        numbers=young,
        layers=[replace(layer, expected=None) for layer in calm.layers],
        tables=[replace(calm.tables[0], limit=None, share=None, days_left=None)],
        concurrency=[],
        quotas=[],
        calls=calm.calls
        and replace(
            calm.calls, observed=[None] * 200 + calm.calls.observed[200:], week_before=[], lower=[], upper=[]
        ),
        month=calm.month and replace(calm.month, before=[]),
        rankings=replace(calm.rankings, used_week=[], slowest_week=[]),
        values=[],
        learning=WallLearning(2.4, 7),
        last=None,
    )


def hostile_wall(now: int) -> Wall:
    """Return a wall on which everything that an event can name is markup."""
    made = wall_given("busy", now)
    scope = Scope("table", "aws", HOSTILE, HOSTILE, HOSTILE).as_answer()
    share = {"kind": "function", "name": HOSTILE, "version": HOSTILE, "share": 0.9}
    links = {"trace": "javascript:alert(1)", "logs": "data:text/html,<script>alert(1)</script>"}
    hostile: Any = {
        "scope": scope,
        "sentence": HOSTILE,
        "measure": f"value:{HOSTILE}",
        "callers": [share],
        "suspects": [share],
        "error_type": HOSTILE,
        "state": HOSTILE,
        "members": [{"scope": scope, "measure": HOSTILE, "id": HOSTILE}],
        "changes": [
            {
                "ts": now,
                "of": scope,
                "what": HOSTILE,
                "version": HOSTILE,
                "by": HOSTILE,
                "url": links["trace"],
            }
        ],
        "examples": [{"why": HOSTILE, "ts": now, "route": HOSTILE, "sample": HOSTILE, "links": links}],
        "memos": [{"id": "m", "at": now, "text": HOSTILE, "by": HOSTILE}],
    }
    incident = replace(made.incidents[0], **hostile)
    return replace(
        made,
        accounts=[WallAccount(HOSTILE, HOSTILE, HOSTILE)],
        tables=[replace(table, scope=scope, label=HOSTILE, account=HOSTILE) for table in made.tables],
        concurrency=[
            replace(concurrency, account=HOSTILE, holders=[WallHolder(HOSTILE, 0.5)])
            for concurrency in made.concurrency
        ],
        quotas=[replace(quota, label=HOSTILE, account=HOSTILE) for quota in made.quotas],
        rankings=WallRankings(
            used_4h=ranked("route", "1/s", (HOSTILE, 1.0)), slowest_week=ranked("route", "ms", (HOSTILE, 1.0))
        ),
        values=[replace(value, key=HOSTILE) for value in made.values],
        incidents=[incident, replace(incident, id=HOSTILE, verdict=Verdict.FATAL)],
        last=incident,
    )
