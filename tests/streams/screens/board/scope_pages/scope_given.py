"""Pages of scopes of an invented backend: made by formulas, the same for the same time and address."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from alerting.commands.memo import MemoAnswer
from alerting.incidents.answers import change_answer
from alerting.messages.incident_answer import IncidentAnswer
from config.links import Links
from config.settings import LinksSettings
from detectors.model.finding import Verdict
from detectors.model.measures import JUDGED, Measure
from detectors.model.scope import Scope
from detectors.model.stated import StatedChange
from streams.screens.board.scope_pages.scope_events import BoardPast, ScopeEvents
from streams.screens.board.scope_pages.scope_finder import ScopeFinder
from streams.screens.board.scope_pages.scope_page import (
    FoundScopes,
    ScopeAmount,
    ScopeCurve,
    ScopeExample,
    ScopeIncident,
    ScopeLimit,
    ScopeMeasure,
    ScopeNeighbour,
    ScopeNeighbours,
    ScopePage,
)
from streams.screens.board.scope_pages.scope_range import DAY, AskedScope, ShownRange
from streams.screens.board.step_grid import StepGrid
from streams.screens.board.wall.wall import Wall
from tests.streams.screens.board.wall_given import ZONE, daily, ripple

HEIGHTS = {
    Measure.REQUESTS: 410.0,
    Measure.WCU: 700.0,
    Measure.RCU: 320.0,
    Measure.THROTTLES: 0.4,
    Measure.LATENCY: 62.0,
    Measure.LATENCY_CODE: 55.0,
    Measure.LATENCY_AUTH: 4.0,
    Measure.BUSY: 180.0,
    Measure.ERRORS_USER: 6.0,
    Measure.ERRORS_BACKEND: 0.1,
    Measure.ERRORS_FATAL: 0.01,
}
PLACE = ("aws", "123456789012", "ap-northeast-1")
NAMES = {
    "account": ("123456789012",),
    "service": ("inventory", "shop"),
    "route": ("POST /items/{id}", "GET /items/{id}", "POST /cart/checkout"),
    "function": ("inventory-put-item", "inventory-get-item", "cart-checkout"),
    "table": ("items", "orders"),
    "tenant": ("game-42",),
}
SCOPES = [
    *(Scope(kind, *PLACE, name) for kind, names in NAMES.items() for name in names),
    *(Scope("client", *PLACE[:2], "", "ios", version) for version in ("3.2.1", "3.2.0")),
    Scope("client", *PLACE[:2], "", "android", "3.1.9"),
    Scope("table", "aws", "210987654321", "eu-west-1", "orders"),
]


def scopes_given(*more: Scope) -> ScopeFinder:
    """Return a finder of the backend's scopes."""
    return ScopeFinder((*SCOPES, *more), str)


def page_given(asked: AskedScope, wall: Wall, *more: Scope) -> ScopePage | FoundScopes:
    """Return a page as ``asked``, with the incidents of a wall; ``more`` are other scopes that there are."""
    finder, at = scopes_given(*more), wall.at or wall.now
    found = finder.exactly(asked.about, dict(asked.given))
    if len(found) > 1:
        return finder.listed(found)
    [scope] = found
    shown = ShownRange.of(asked.range, at, ZONE)
    grid = shown.grid(60, ZONE)
    busy = wall.state == "attention" and scope.kind in ("table", "function")
    measures = [
        _measure(scope, measure, grid, shown, busy=busy)
        for measure in (*JUDGED[scope.kind], *(["requests"] if scope.kind == "client" else []))
    ]
    open_ = [_incident(incident) for incident in wall.incidents] if busy else []
    links = ScopeEvents(BoardPast(links=Links(LinksSettings())), scope, (), shown.first, shown.end).links()
    deployed = StatedChange(at - 1560.0, scope, "deploy", "42", "ci", "https://ci.example.com/42")
    text, when = "load test, see the runbook", at - 7200
    noted = MemoAnswer(id="m1", scope="", at=when, written=when, by="mika", text=text)
    return ScopePage(
        scope=scope.as_answer(),
        label=scope.label,
        account="game-prod",
        at=at,
        range=shown.name,
        first=shown.first,
        end=shown.end,
        since=at - 500 * DAY if shown.end >= at else shown.first + 3600,
        start=grid.first,
        step=grid.step,
        points=grid.steps,
        verdict=Verdict.SPIKE if busy and shown.end >= at else None,
        limits=[
            ScopeLimit(
                measure="wcu",
                used=712.0,
                limit=1000.0,
                share=0.712,
                days_left=11.0,
                days_left_early=9.0,
                days_left_late=14.0,
                threshold="warning",
            ),
            ScopeLimit(measure="rcu", used=320.0, limit=2000.0, share=0.16),
        ]
        if scope.kind == "table"
        else [],
        measures=measures,
        callers=_neighbours(scope, _callers(scope.kind)),
        callees=_neighbours(scope, _callees(scope.kind)),
        incidents=open_,
        changes=[change_answer(deployed)] if busy else [],
        memos=[noted] if busy else [],
        examples=_examples(wall.incidents[0]) if busy else [],
        links=links,
    )


def _callers(kind: str) -> Sequence[str]:
    return {
        "table": ("function", "route", "client", "tenant"),
        "function": ("route", "client"),
        "route": ("client",),
        "service": ("function", "client"),
        "account": ("service",),
    }.get(kind, ())


def _callees(kind: str) -> Sequence[str]:
    return {
        "client": ("table", "function", "route"),
        "tenant": ("table",),
        "function": ("table",),
        "route": ("table", "function"),
    }.get(kind, ())


def _neighbours(scope: Scope, kinds: Sequence[str]) -> list[ScopeNeighbours]:
    made = []
    for kind in kinds:
        into = scope.kind if kind not in _callees(scope.kind) else kind
        measures = ["wcu", "rcu", "requests"] if into == "table" else ["requests"]
        scopes = [place for place in SCOPES if place.kind == kind and place.account == scope.account]
        shares = [0.5**place / (2 - 0.5 ** (len(scopes) - 1)) for place in range(len(scopes))]
        made.append(
            ScopeNeighbours(
                kind=kind,
                measures=measures,
                neighbours=[
                    ScopeNeighbour(
                        one.as_answer(),
                        one.label,
                        {measure: _amount(measure, share, place) for measure in measures},
                    )
                    for place, (one, share) in enumerate(zip(scopes, shares, strict=True))
                ],
                more=3 if kind == "client" else 0,
            )
        )
    return made


def _amount(measure: str, share: float, place: int) -> ScopeAmount:
    value = HEIGHTS[Measure(measure)] * share
    grown = (1.4, 1.02, None)[place % 3]
    calls = value / (1 if measure == "requests" else 2.5)
    return ScopeAmount(
        value, None if grown is None else value / grown, share, calls, None if grown is None else calls / 1.37
    )


def _measure(scope: Scope, name: str, grid: StepGrid, shown: ShownRange, *, busy: bool) -> ScopeMeasure:
    measure = Measure(name)
    height, seed = HEIGHTS[measure], float(list(HEIGHTS).index(measure))
    late = measure in (Measure.WCU, Measure.LATENCY) and busy

    def usual(at: float) -> float:
        days = grid.step / DAY
        return height * (0.55 + 0.45 * (daily(at) if days < 1 else 0.5))

    def observed(at: float) -> float:
        more = 1.7 if late and at > shown.end - 1500 else 1.0
        return usual(at) * more * (1 + 0.04 * ripple(at, seed))

    times = [grid.first + place * grid.step for place in range(grid.steps)]
    now = [round(observed(at), 4) for at in times]
    wide = grid.step > 60
    return ScopeMeasure(
        measure=name,
        value=now[-1],
        expected=usual(times[-1]),
        lower=usual(times[-1]) * 0.88,
        upper=usual(times[-1]) * 1.12,
        week_before=usual(times[-1]) * 0.97,
        mean=sum(now) / len(now),
        mean_before=sum(now) / len(now) * 0.97,
        most=max(now) * (1.4 if wide else 1),
        most_at=times[now.index(max(now))],
        p50=height / 2 if measure is Measure.LATENCY else None,
        p99=height * 2.2 if measure is Measure.LATENCY else None,
        verdict=Verdict.SPIKE if late else None,
        incident="spike" if late else None,
        reasons={"TableWriteProvisionedThroughputExceeded": 812.0, "TableReadKeyRangeThroughputExceeded": 3.0}
        if measure is Measure.THROTTLES and scope.kind == "table"
        else {},
        curve=ScopeCurve(
            observed=list(now),
            least=[round(value * (0.8 + 0.05 * math.sin(place)), 4) for place, value in enumerate(now)]
            if wide
            else [],
            most=[round(value * (1.3 if place % 37 else 1.6), 4) for place, value in enumerate(now)]
            if wide
            else [],
            expected=[round(usual(at), 4) for at in times],
            lower=[round(usual(at) * 0.88, 4) for at in times],
            upper=[round(usual(at) * 1.12, 4) for at in times],
            before=[round(usual(at) * 0.97, 4) for at in times] if grid.step < DAY else [],
        ),
    )


def _incident(one: IncidentAnswer) -> ScopeIncident:
    own = one.measure in ("wcu", "latency")
    return ScopeIncident(
        id=one.id,
        verdict=one.verdict,
        state=one.state,
        sent=one.sent,
        start=one.start,
        end=one.end,
        sentence=one.sentence,
        sentences=one.sentences or {},
        of=one.scope,
        measures=[one.measure] if own else [],
        share=None if own else 0.91,
        falls=one.observed < one.expected,
        acknowledged=one.acknowledged or None,
    )


def _examples(incident: IncidentAnswer) -> list[ScopeExample]:
    examples = msgspec.to_builtins(incident.examples)
    found: list[Any] = [example | {"incident": incident.id} for example in examples]
    return found
