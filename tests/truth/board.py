"""What is told of a world while it goes on; what the board, the map and a query say, as facts."""

import asyncio
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Notice
from config.settings import Settings
from detectors.model.scope import ScopeAnswer
from streams.engine.stages.engine import Engine
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.history_rows import TEN_MINUTES
from streams.record.history.segments import Segments
from streams.record.query.query_service import QueryService
from streams.screens.board.board_data import BoardIncidents, StepSignal
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.scope_pages.scope_page import ScopeMeasure, ScopeNeighbours, ScopePage
from streams.screens.board.scope_pages.scope_range import AskedRange, AskedScope
from streams.screens.board.service_map.service_map import MapAmounts, ServiceMap
from streams.screens.board.wall.wall import Wall
from tests.laws.arrivals import prompt
from tests.streams.record.query.judged_hours import asked_at
from tests.truth.assistant import WHOLE, said_by_tools
from tests.truth.facts import MINUTE, Fact, Place
from tests.truth.worlds import ACCOUNTS, CLIENTS, FUNCTIONS, ROUTES, TABLES, World

SOURCE: Final = "truth/0"
SCOPES: Final = tuple(
    Place(kind, name, account)
    for account in ACCOUNTS
    for kind, names in (
        ("account", (account,)),
        ("service", ("shop",)),
        ("route", ROUTES),
        ("function", FUNCTIONS),
        ("table", sorted(set(TABLES))),
        ("client", CLIENTS),
    )
    for name in names
)
LIMITS: Final = {"items": 40.0, "orders": 30.0}  # WCU a second
UPDATED: Final = 6 * MINUTE  # that open incidents are at most behind
DIGITS: Final = 5.1e-4  # a chart has four digits
BINS: Final = 0.0205  # of a quantile: two in a hundred of the truth


class Window(NamedTuple):
    """A place on a screen, and the time that its figures are of."""

    said: str
    since: int
    until: int

    def rate(self, about: Place, measure: str, value: float | None, figure: str = "rate") -> Iterator[Fact]:
        """Yield a figure with the digits of a chart; nothing where it is not known."""
        if value is not None:
            yield Fact(self.said, figure, about, measure, self.since, self.until, value, DIGITS * value)

    def amounts(self, of: MapAmounts, about: Place, source: Place | None = None) -> Iterator[Fact]:
        """Yield the amounts of a node, or of an edge."""
        figures = {"requests": of.requests, "errors_backend": of.failed, "errors_user": of.user_errors}
        if about.kind == "table":
            figures["wcu"] = of.wcu
        for measure, value in figures.items():
            for fact in self.rate(about, measure, value):
                yield fact._replace(source=source)


class Moment(NamedTuple):
    """What is asked at one time."""

    at: int
    wall: Wall
    map: ServiceMap
    pages: list[ScopePage]
    queried: dict[frozenset[tuple[str, str]], float]
    open_: Sequence[Incident]
    by_tools: list[Fact]

    def stale(self) -> Iterator[str]:
        """Yield what open incidents say of an earlier time, as if it were all."""
        for incident in self.open_:
            late = self.at - incident.primary.seen
            if incident.state == "open" and late > UPDATED:
                yield f"{late} s ago: {incident.primary.sentence}"

    def facts(self) -> Iterator[Fact]:
        """Yield what is told of amounts and times."""
        yield from self._of_numbers()
        yield from self._of_layers()
        yield from self._of_limits()
        yield from self._of_rankings()
        yield from self._of_map()
        for page in self.pages:
            yield from _of_page(page)
        for labels, value in self.queried.items():
            yield from _of_sample(dict(labels), value, self.at)
        yield from self.by_tools

    def _of_numbers(self) -> Iterator[Fact]:
        for number in self.wall.numbers:
            figure = {"1/s": "rate", "share": "share", "1": "count"}[number.unit]
            yield from self._trend(f"wall: {number.id}", WHOLE, number.id, number.trend, figure)
        assert self.wall.calls is not None
        assert self.wall.calls.start + len(self.wall.calls.observed) * self.wall.step == self.at
        yield from self._trend("wall: calls", WHOLE, "requests", self.wall.calls.observed)

    def _trend(
        self, said: str, about: Place, measure: str, values: Sequence[float | None], figure: str = "rate"
    ) -> Iterator[Fact]:
        for steps, value in enumerate(reversed(values)):
            until = self.at - steps * self.wall.step
            yield from Window(said, until - self.wall.step, until).rate(about, measure, value, figure)

    def _of_layers(self) -> Iterator[Fact]:
        for layer in self.wall.layers:
            if layer.id not in ("api", "function"):
                continue
            for quantile, value in (("p50", layer.p50), ("p95", layer.p95), ("p99", layer.p99)):
                assert value is not None
                said = f"wall: {quantile} of {layer.id}"
                yield Fact(
                    said, quantile, WHOLE, f"ms_{layer.id}", self.at - 300, self.at, value, BINS * value
                )

    def _of_limits(self) -> Iterator[Fact]:
        newest = Window("wall: hottest table", self.at - self.wall.step, self.at)
        for table in self.wall.tables:
            about = _name(table.scope)
            yield from newest.rate(about, table.measure, table.used)
            if table.share is not None:
                yield from newest.rate(about, table.measure, table.share * LIMITS[about.name])
            yield from self._trend(newest.said, about, table.measure, table.trend)

    def _of_rankings(self) -> Iterator[Fact]:
        rankings, until = self.wall.rankings, self.at // TEN_MINUTES * TEN_MINUTES
        for hours, ranked in ((4, rankings.used_4h), (7 * 24, rankings.used_week)):
            window = Window(f"ranking of {hours} h", until - hours * 3600, until)
            for place in ranked:
                for fact in window.rate(_name(place.scope), "requests", place.value):
                    yield fact._replace(known=WHOLE)

    def _of_map(self) -> Iterator[Fact]:
        nodes = self.map.nodes
        window = Window("map", self.at - self.map.seconds, self.at)
        for node in nodes:
            if node.scope is not None:
                yield from window.amounts(node, _name(node.scope))
        for edge in self.map.edges:
            source, target = nodes[edge.source].scope, nodes[edge.target].scope
            if source is not None and target is not None:
                yield from window.amounts(edge, _name(target), _name(source))


def _of_page(page: ScopePage) -> Iterator[Fact]:
    about = _name(page.scope)
    newest = Window(f"limit of {about.name}", page.at - MINUTE, page.at)
    for limit in page.limits:
        yield from newest.rate(about, limit.measure, limit.used)
        if limit.share is not None:
            yield from newest.rate(about, limit.measure, limit.share * LIMITS[about.name])
    for measure in page.measures:
        yield from (_of_times if measure.measure == "latency" else _of_measure)(page, about, measure)
    for into, found in ((True, page.callers), (False, page.callees)):
        for neighbours in found:
            yield from _of_neighbours(page, about, neighbours, into=into)


def _of_times(page: ScopePage, about: Place, shown: ScopeMeasure) -> Iterator[Fact]:
    of = {"function": "ms_function", "table": ""}.get(about.kind, "ms_api")
    for quantile, value in (("p50", shown.p50), ("p95", shown.value), ("p99", shown.p99)):
        if value is not None and of:
            said = f"page of {about.name} ({page.range})"
            yield Fact(
                said, f"newest {quantile}", about, of, page.end - MINUTE, page.end, value, BINS * value
            )


def _of_measure(page: ScopePage, about: Place, shown: ScopeMeasure) -> Iterator[Fact]:
    said, of = f"page of {about.name} ({page.range})", shown.measure
    yield from Window(f"newest, {said}", page.end - MINUTE, page.end).rate(about, of, shown.value)
    yield from Window(f"mean, {said}", page.start, page.end).rate(about, of, shown.mean)
    yield from Window(f"highest, {said}", page.start, page.end).rate(about, of, shown.most, "highest")
    if shown.most_at is not None and page.step == MINUTE:
        at = Window(f"time of the highest, {said}", shown.most_at, shown.most_at + MINUTE)
        yield from at.rate(about, of, shown.most)
    for place, value in enumerate(shown.curve.observed):
        start = page.start + place * page.step
        window = Window(f"curve, {said}", start, min(start + page.step, page.end))
        yield from window.rate(about, of, value)


def _of_neighbours(page: ScopePage, about: Place, shown: ScopeNeighbours, *, into: bool) -> Iterator[Fact]:
    until = page.end
    if page.step >= TEN_MINUTES:  # as docs/board.md says
        until -= (until - page.start) % TEN_MINUTES
    for neighbour in shown.neighbours:
        other = _name(neighbour.scope)
        scope, source = (about, other) if into else (other, about)
        for measure, amount in neighbour.amounts.items():
            said = f"{measure} of {other.name} beside {about.name} ({page.range})"
            told = Fact(
                said, "rate", scope, measure, page.start, until, amount.value, source=source, known=about
            )
            yield told
            if amount.share is not None and into:
                yield told._replace(figure="part", value=amount.share)


def _of_sample(labels: dict[str, str], value: float, at: int) -> Iterator[Fact]:
    def place(of: str = "") -> Place:
        return Place(labels[f"{of}kind"], labels.get(f"{of}name", ""), labels[f"{of}account"])

    about, source = place(), place("source_") if "source_kind" in labels else None
    yield Fact("query", "rate", about, labels["measure"], at - MINUTE, at, value, 1e-6 * value, source=source)


def _name(scope: ScopeAnswer) -> Place:
    return Place(scope.kind, scope.name or "", scope.account)


class Told(NamedTuple):
    """All that is told of a world."""

    notices: list[Notice]
    moments: list[Moment]  # in the middle of the incident, and ten minutes after it


def told(world: World, place: Path, settings: Settings) -> Told:
    """Return what is told while its records come in."""
    lines = world.records()
    arrived = prompt(lines)
    engine, held = Engine(settings, [SOURCE], records=True), Segments(1)
    keeper = HistoryKeeper(HistoryFolder(str(place)), HistoryBounds(35, 400, 1 << 40))
    notices: list[Notice] = []
    moments: list[Moment] = []
    fed = 0
    for moment in ((world.begins + world.ends) / 2, world.ends + 600, inf):
        until = int(world.ts.searchsorted(moment))
        emitted = engine.feed(SOURCE, lines[fed:until], arrived[fed:until])
        fed = until
        notices += emitted.notices
        if moment == inf:
            break
        held.feed(emitted.records)
        for segment in held.complete():
            keeper.write(segment)
            held.forget(segment)
        open_ = [incident for incident in engine.incidents.all() if incident.state in ("open", "update")]
        moments.append(asyncio.run(_asked(place, held, open_, settings)))
    return Told(notices + engine.finish(SOURCE).notices, moments)


async def _asked(place: Path, held: Segments, open_: Sequence[Incident], settings: Settings) -> Moment:
    at = held.until
    board = LiveBoard(
        StepSignal(),
        lambda: settings,
        str(place),
        held.recent,
        lambda: BoardIncidents(open_, []),
        clock=lambda: at + 20.0,
    )
    query = QueryService(str(place), held.recent, lambda: settings.time.step)
    ranges: tuple[AskedRange, ...] = (AskedRange("4h"), AskedRange("", str(at - 1800)), AskedRange("1w"))
    pages = []
    for kind, name, account in SCOPES:
        for asked in ranges:
            page: Any = await board.scope(AskedScope(f"{kind}:{name}", (("account", account),), asked))
            assert isinstance(page, ScopePage), f"no page of {kind} {name}"
            pages.append(page)
    measured = 'measure=~"requests|errors_user|errors_backend|wcu|writes"'
    queried = await asked_at(query, f"uneri_observed{{{measured}}}", at - 1)
    by_tools = await said_by_tools(board, query, SCOPES)
    return Moment(at, await board.wall(), await board.map(), pages, queried, open_, by_tools)
