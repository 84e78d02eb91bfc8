"""``GET /scrape``: the newest step of chosen series, for a Prometheus of one's own."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from aiohttp import web
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from alerting.commands.matching import fits, names_of
from config.settings import ScrapedSettings, ScrapeSettings, Settings
from detectors.model.array_types import Ints
from detectors.model.scope import Scope
from streams.engine.detect.step_record import VERDICTS
from streams.record.history.history_files import MINUTES
from streams.record.history.history_queries import HistoryQueries, HistoryQueryError
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import AMOUNTS, HistoryRows
from streams.record.history.series_names import SeriesKey, SeriesNames
from streams.screens.board.board_answers import refused

PATH: Final = "/scrape"

_ABOUT: Final = {
    "observed": "What was measured in the newest step: per second; milliseconds of a latency; a level.",
    "expected": "What the judge expected of it; no sample without a baseline.",
    "lower": "The lower end of what would have been usual.",
    "upper": "The upper end of what would have been usual.",
}
_LATENCY: Final = "latency"


class _Given(Collector):
    """Metrics that exist already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


class ScrapeRoute:
    """Answers in the format that is asked for, OpenMetrics or the older text.

    Samples have the time of their step. Without it, Prometheus would use the time of its request: a peak
    would be drawn minutes late, and a daemon that stands still would look like load that does not change.
    """

    def __init__(self, queries: HistoryQueries, settings: Callable[[], Settings]) -> None:
        self._queries = queries
        self._settings = settings
        self._step = ScrapedStep()

    def route(self) -> web.RouteDef:
        """Return the route for a web server."""
        return web.get(PATH, self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        settings = self._settings()
        if not settings.scrape.series:
            return refused("nothing is exported; say which series in scrape.series", 404)
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        try:
            body = await self._queries.ask(
                lambda view: encode(_Given(self._step.metrics(view, settings.scrape, settings.time.step)))
            )
        except HistoryQueryError as error:
            return refused(str(error), 503)
        return web.Response(body=body, headers={"Content-Type": content_type})


class ScrapedStep:
    """Makes the metrics of the newest step; each view of the history is used by one thread at a time."""

    def __init__(self) -> None:
        self._series = WeakKeyDictionary[HistoryView, ScrapedSeries]()

    def metrics(self, view: HistoryView, settings: ScrapeSettings, step: int) -> list[Metric]:
        """Return the metrics, each sample with the time at which its step began; ``step`` in seconds."""
        at = view.end
        if at is None:
            return []
        series = self._series.get(view)
        if series is None or series.settings != settings:
            series = self._series[view] = ScrapedSeries(settings)
        rows = view.rows(MINUTES, at - step, at, series.among(view.names))
        rows = rows.select(~(np.isnan(rows.observed) & np.isnan(rows.expected)))
        keys = [view.names[number] for number in rows.series.tolist()]
        order = sorted(range(len(rows)), key=keys.__getitem__)[: settings.most]
        kept, labels = rows.select(order), [_labels(keys[place]) for place in order]
        left_out = GaugeMetricFamily(
            "uneri_scrape_left_out", "Series of the newest step beyond scrape.most.", len(rows) - len(order)
        )
        return [*_amounts(kept, labels), _state(kept, labels), left_out]


def _labels(key: SeriesKey) -> dict[str, str]:
    """Return the columns of ``series.parquet`` that are not empty."""
    of_source = {f"source_{field}": value for field, value in _fields(key.source)}
    named = {**dict(_fields(key.scope)), **of_source, "measure": key.measure}
    return {name: value for name, value in named.items() if value}


def _fields(scope: Scope) -> Iterator[tuple[str, str]]:
    return zip(Scope._fields, scope, strict=True)


def _amounts(rows: HistoryRows, labels: list[dict[str, str]]) -> Iterator[Metric]:
    is_latency = np.array([label["measure"].startswith(_LATENCY) for label in labels], np.bool_)
    per = np.where(is_latency, 1.0, rows.seconds)
    for name in AMOUNTS:
        metric = Metric(f"uneri_{name}", _ABOUT[name], "gauge")
        values = getattr(rows, name) / per
        for value, start, of in zip(values.tolist(), rows.start.tolist(), labels, strict=True):
            if value == value:  # noqa: PLR0124 - NaN is not known
                metric.add_sample(metric.name, of, value, start)
        yield metric


def _state(rows: HistoryRows, labels: list[dict[str, str]]) -> Metric:
    metric = Metric("uneri_state", "1 while a finding is open, with its verdict.", "gauge")
    for code, start, of in zip(rows.verdict.tolist(), rows.start.tolist(), labels, strict=True):
        if code:
            metric.add_sample(metric.name, {**of, "verdict": VERDICTS[code]}, 1, start)
    return metric


class ScrapedSeries:
    """Finds the series of one ``SeriesNames`` once, then only among new ones; for one thread at a time."""

    def __init__(self, settings: ScrapeSettings) -> None:
        self.settings = settings
        self._wanted = [_Selector(selector) for selector in settings.series]
        self._known = 0
        self._found = np.zeros(0, np.int64)

    def among(self, names: SeriesNames) -> Ints:
        """Return the numbers of the wanted series among known names, sorted."""
        fresh = list(names.since(self._known))
        self._known += len(fresh)
        more = [number for number, key in fresh if any(selector.fits(key) for selector in self._wanted)]
        if more:
            self._found = np.sort(np.concatenate([self._found, np.array(more, np.int64)]))
        return self._found


class _Selector:
    """One selector. Scopes and measures come again in many series: each is compared once."""

    def __init__(self, settings: ScrapedSettings) -> None:
        self._callers = settings.callers
        self._kinds = {scope.partition(":")[0] for scope in settings.scopes}

        @cache
        def is_scope(scope: Scope) -> bool:
            return fits(settings.scopes, names_of(scope)) and fits(settings.accounts, {scope.account})

        @cache
        def is_measure(measure: str) -> bool:
            return fits(settings.measures, {measure})

        self._is_scope = is_scope
        self._is_measure = is_measure

    def fits(self, key: SeriesKey) -> bool:
        return (
            (self._callers or not key.source.kind)
            and key.scope.kind in self._kinds
            and self._is_measure(key.measure)
            and self._is_scope(key.scope)
        )
