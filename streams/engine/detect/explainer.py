"""Attributes a finding to the functions, routes, clients and tenants that call its scope."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from detectors.explain.attribution import alike, attribute, level_for, nearest, suspects
from detectors.explain.calling_requests import Calling, CallingRequests
from detectors.explain.concentration import Mixture, concentration
from detectors.explain.edge_totals import EdgeTotals
from detectors.judge.judge import Judge
from detectors.model.array_types import Bools, Floats
from detectors.model.finding import Affected, CallRate, Concentration, Finding, RestsOn, Share
from detectors.model.measures import COUNTED_BY, KEPT_ON_EDGES, RATIO_OF, SOURCES_INTO, Measure, Series
from detectors.model.scope import CLIENT, ROUTE, TABLE, TENANT, Edge, Scope
from detectors.state.past_values import DAY

MEMBER_SHARE: Final = 0.05  # a source with at least this share of the excess belongs to the incident
MAX_SHARES: Final = 20  # of each kind of source; the rest is too small to act on

Amounts = tuple[Floats, Floats]
"""Observed and expected, by source."""


class Explanation(NamedTuple):
    """The callers behind an excess."""

    callers: list[Share]
    suspects: list[Share]
    touches: list[Scope]
    traffic: list[CallRate]  # of a latency
    calls: list[float]  # of a latency: per second, by kind of caller
    concentration: Concentration | None = None  # of a rise
    rests_on: RestsOn | None = None  # of shares of a rise

    @property
    def most_calls(self) -> float:
        """Calls per second as counted by the kind of caller with the most."""
        return max(self.calls, default=0.0)


class _Excess(NamedTuple):
    """The contribution of sources of one kind."""

    amount: Amounts
    calls: Amounts
    usual: Floats  # usual share of each source
    events: float  # calls or errors behind the amounts


class Explainer:
    """Attributes the series of one shard to the callers of their scopes."""

    def __init__(self, edges: EdgeTotals, calling: CallingRequests, step: int) -> None:
        self._edges = edges  # series in the order of ``add``
        self._calling = calling
        self._step = step  # seconds
        self._first_row: dict[Edge, int] = {}  # of the series of an edge; the others follow it
        self._cost_row: dict[Edge, int] = {}  # of its cost, which begins when it costs something
        self._rows = 0  # series of edges
        self._target = np.zeros(0, np.intp)  # number of the target, by edge series
        self._number: dict[Scope, int] = {}
        self._into: dict[Scope, list[Edge]] = {}  # edges by target

    def add(self, series: Sequence[Series]) -> None:
        """Add new series of edges, in the order of the edge history."""
        numbers: list[int] = []
        for item in series:
            if isinstance(item.about, Edge):
                target = item.about.target
                numbers.append(self._number.setdefault(target, len(self._number)))
                if item.measure is Measure.REQUESTS:  # the first of each edge
                    self._first_row[item.about] = self._rows
                    self._into.setdefault(target, []).append(item.about)
                elif item.measure is Measure.COST:
                    self._cost_row[item.about] = self._rows
                self._rows += 1
        self._target = np.concatenate((self._target, np.array(numbers, np.intp)))

    def leading_to(self, scopes: Collection[Scope]) -> Bools:
        """Return which edge series lead to one of these scopes."""
        chosen = np.zeros(len(self._number), bool)
        chosen[[self._number[scope] for scope in scopes if scope in self._number]] = True
        return chosen[self._target]

    def explain(
        self, series: Series, since: int, until: int, ratio: float, *, growth: bool = False
    ) -> Explanation:
        """Divide the excess of a series from ``since`` to ``until`` over the callers of its scope.

        Parameters
        ----------
        series
            A series of an edge has no callers.
        since, until
            Epoch seconds.
        ratio
            Observed divided by expected; inf when nothing was expected.
        growth
            Explain a rise over days or weeks instead of a deviation.
        """
        found = Explanation([], [], [], [], [])
        if isinstance(series.about, Edge) or series.measure.level:  # a level has no callers
            return found
        steps = self._edges.span(since // self._step, -(-until // self._step))
        calling = self._calling.of(series.about, *steps)
        per_request = calling.per_request if calling else 1.0
        events, all_alike = [0.0], dict[str, bool]()
        mixtures: dict[str, Mixture] = {}
        parts: list[Share] = []
        for kind in SOURCES_INTO.get(series.about.kind, ()):
            edges = self._edges_into(series.about, kind, series.measure)
            seconds = self._step if growth else max(until - since, 1)
            counting = self._rows_of(edges, COUNTED_BY.get(series.measure, Measure.REQUESTS))
            sources = [edge.source for edge in edges]
            if not _is_kept(edges, series.measure):  # a latency is not a sum: its callers get no shares
                _add_traffic(found, sources, self._edges.window(counting, since, until)[0], seconds)
                continue
            measured = self._rows_of(edges, series.measure)
            if growth:
                excess = self._rise(counting, measured, since, until)
            else:
                rows, span = (counting, measured), (since, until)
                of_users = kind in (CLIENT, TENANT)
                excess = self._excess(series.measure, rows, span, ratio, of_users=of_users)
            shares = attribute(*excess.amount, *excess.calls, sources, seconds=seconds)
            _add_callers(found, shares)
            mixtures[kind], parts = Mixture(*excess.amount, *excess.calls), parts or shares
            events.append(excess.events)
            if kind == TENANT or (kind == CLIENT and not growth):  # over weeks, builds come and go
                usual = dict(zip(sources, excess.usual.tolist(), strict=True))
                rest_on = shares, usual, excess.events / per_request
                found.suspects.extend(suspects(*rest_on))
                if len(shares) > 1:
                    all_alike[kind] = alike(*rest_on)
        if series.about.kind == CLIENT and not growth:
            found.suspects.append(_itself(series.about))
        if growth or ratio <= 1:  # what falls rests on requests that did not come
            return found
        rests_on = self._rests_on(series, calling, max(events), steps, all_alike) if parts else None
        if series.measure in RATIO_OF:
            return found._replace(rests_on=rests_on)
        return found._replace(rests_on=rests_on, concentration=concentration(mixtures, parts, per_request))

    def _rests_on(
        self,
        series: Series,
        calling: Calling | None,
        events: float,
        steps: tuple[int, int],
        all_alike: Mapping[str, bool],
    ) -> RestsOn | None:
        """Return the requests behind the shares of a series; None if it is not known how many they are."""
        if series.about.kind == TABLE:  # of refused calls, it is not known how many requests made them
            events = calling.requests if calling and series.measure not in RATIO_OF else 0.0
        if not round(events):
            return None
        since, until = (step * self._step for step in steps)
        kind = next(iter(all_alike), "") if all(all_alike.values()) else ""
        return RestsOn(requests=round(events), since=since, until=until, alike=kind)

    def routes_into(self, scope: Scope, since: int, until: int) -> list[Scope]:
        """Return the routes whose requests reached a scope, those with the most first."""
        if ROUTE not in SOURCES_INTO.get(scope.kind, ()):
            return []
        edges = self._edges_into(scope, ROUTE, Measure.REQUESTS)
        calls = self._edges.observed(self._rows_of(edges, Measure.REQUESTS), since, until).tolist()
        came = [(-count, edge.source) for edge, count in zip(edges, calls, strict=True) if count > 0]
        return [source for _, source in sorted(came)]

    def consumption(self, series: Series, since: int, until: int) -> Explanation:
        """Divide the whole amount of a series, not its excess, over the callers of its scope."""
        found = Explanation([], [], [], [], [])
        for kind in () if series.measure.level else SOURCES_INTO.get(series.place.kind, ()):
            edges = self._edges_into(series.place, kind, series.measure)
            if not _is_kept(edges, series.measure):
                continue
            counted_by = COUNTED_BY.get(series.measure, Measure.REQUESTS)
            used, calls = (
                self._edges.window(self._rows_of(edges, measure), since, until)[0]
                for measure in (series.measure, counted_by)
            )
            nothing = np.zeros(len(edges))
            sources = [edge.source for edge in edges]
            seconds = max(until - since, 1)
            _add_callers(found, attribute(used, nothing, calls, nothing, sources, seconds=seconds))
        return found

    def _edges_into(self, target: Scope, kind: str, measure: Measure) -> list[Edge]:
        edges = [edge for edge in self._into.get(target, []) if edge.source.kind == kind]
        return [edge for edge in edges if edge in self._cost_row] if measure is Measure.COST else edges

    def _rows_of(self, edges: Sequence[Edge], measure: Measure) -> list[int]:
        if measure is Measure.COST:
            return [self._cost_row[edge] for edge in edges]
        return [self._first_row[edge] + KEPT_ON_EDGES[edge.target.kind].index(measure) for edge in edges]

    def _rise(self, counting: list[int], measured: list[int], since: int, until: int) -> _Excess:
        calls, amount = (self._edges.rise(rows, since, until) for rows in (counting, measured))
        in_a_day = float(calls[0].sum()) * DAY / self._step
        return _Excess(amount, calls, _shares(amount[1]), in_a_day)

    def _excess(
        self,
        measure: Measure,
        rows: tuple[list[int], list[int]],
        span: tuple[int, int],
        ratio: float,
        *,
        of_users: bool,
    ) -> _Excess:
        counting, measured = rows
        is_errors = measure in RATIO_OF  # rare: the usual shares are those of the requests
        is_count = measured == counting  # then each call counts as one
        by_calls = counting if measure in COUNTED_BY else None
        calls = self._edges.window(counting, *span)
        amount = calls if is_count else self._edges.window(measured, *span, by_calls)
        usual = np.zeros(len(counting))
        if of_users and is_errors:
            usual = self._edges.mix(counting, span[0])
            calls, amount = _spread(calls, usual), _spread(amount, usual)
            usual = usual if usual.any() else _shares(calls[0])
        elif of_users:
            of_calls = self._expectations(counting, span, calls)
            of_amount = of_calls if is_count else self._expectations(measured, span, amount, by_calls)
            at = nearest(amount[0], of_amount)
            calls, amount = (calls[0], np.choose(at, of_calls)), (amount[0], np.choose(at, of_amount))
            # a few calls of yesterday may show any part: a suspect exceeds that of the whole day as well
            usual = np.maximum(_shares(amount[1]), self._edges.mix(measured, span[0]))
        level = level_for(ratio, *amount)
        amount = amount[0], amount[1] * level
        if not is_errors:  # errors rise without more calls
            calls = calls[0], calls[1] * level
        return _Excess(amount, calls, usual, float((amount if is_errors else calls)[0].sum()))

    def _expectations(
        self, rows: list[int], span: tuple[int, int], known: Amounts, counted: list[int] | None = None
    ) -> list[Floats]:
        """Return what is expected of users: by the weeks, by yesterday, by their parts of the last day."""
        yesterday = self._edges.window(rows, *span, counted, yesterday=True)[1]
        return [known[1], yesterday, _spread(known, self._edges.mix(rows, span[0]))[1]]


def _is_kept(edges: Sequence[Edge], measure: Measure) -> bool:
    return measure is Measure.COST or all(measure in KEPT_ON_EDGES[edge.target.kind] for edge in edges)


def _add_traffic(found: Explanation, sources: Sequence[Scope], calls: Floats, seconds: int) -> None:
    found.calls.append(float(calls.sum()) / seconds)
    busy = calls >= max(MEMBER_SHARE * calls.sum(), 1e-9)
    for source, count, is_busy in zip(sources, calls.tolist(), busy, strict=True):
        if is_busy:
            found.touches.append(source)
            found.traffic.append(CallRate(scope=source, calls=count / seconds))


def _add_callers(found: Explanation, shares: list[Share]) -> None:
    found.touches.extend(share.scope for share in shares if share.share >= MEMBER_SHARE)
    found.callers.extend(shares[:MAX_SHARES])


def _itself(about: Scope) -> Share:
    """Return a client as the suspect of its own finding: for its errors, not for more calls."""
    return Share(scope=about, share=1.0, more_calls=0.0, more_per_call=1.0, observed=0.0, expected=0.0)


def _spread(amounts: Amounts, shares: Floats) -> Amounts:
    """Divide the expected total by ``shares``, where these are known."""
    observed, expected = amounts
    return observed, expected.sum() * shares if shares.any() else expected


def _shares(amounts: Floats) -> Floats:
    total = float(amounts.sum())
    return amounts / total if total > 0 else np.zeros(len(amounts))


MOST_ROUTES: Final = 10
"""Routes that are named; the others are counted."""


class AffectedScopes:
    """Adds to each finding whom it hurts: requests to its scope in its span, and their routes."""

    def __init__(self, judge: Judge, explainer: Explainer, step: int) -> None:
        self._judge, self._explainer, self._step = judge, explainer, step  # the last in seconds
        self._rows: dict[Scope, int] = {}  # of the requests of a scope

    def add(self, series: Sequence[Series], first: int) -> None:
        """Add new series; the first is row ``first`` of the judge."""
        for row, item in enumerate(series, first):
            if item.measure is Measure.REQUESTS and isinstance(item.about, Scope):
                self._rows[item.about] = row

    def add_to(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return findings with the requests they hurt; growth, which takes weeks, hurts nobody yet."""
        return [
            finding
            if finding.growth is not None or finding.scope is None
            else msgspec.structs.replace(finding, affected=self._affected(finding, finding.scope))
            for finding in findings
        ]

    def _affected(self, finding: Finding, scope: Scope) -> Affected:
        until = finding.until
        row = self._rows.get(scope)
        requests, seconds = 0.0, 0
        if row is not None:
            observed = self._judge.evidence.course(row, finding.start, until).observed
            requests, seconds = float(np.nansum(observed)) * self._step, len(observed) * self._step
        routes = [scope] if scope.kind == ROUTE else self._explainer.routes_into(scope, finding.start, until)
        return Affected(
            requests=requests,
            seconds=seconds,
            routes=routes[:MOST_ROUTES],
            more_routes=max(0, len(routes) - MOST_ROUTES),
        )
