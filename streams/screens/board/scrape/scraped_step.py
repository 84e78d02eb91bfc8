"""The newest step of the series that are to be scraped, as metrics."""

from collections.abc import Iterator
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from prometheus_client.core import GaugeMetricFamily, Metric

from config.settings import ScrapeSettings
from detectors.model.scope import Scope
from streams.engine.detect.step_record import VERDICTS
from streams.record.history.history_files import MINUTES
from streams.record.history.history_rows import AMOUNTS, HistoryRows
from streams.record.history.history_view import HistoryView
from streams.record.history.series_names import SeriesKey
from streams.screens.board.scrape.scraped_series import ScrapedSeries

_ABOUT: Final = {
    "observed": "What was measured in the newest step: per second; milliseconds of a latency; a level.",
    "expected": "What the judge expected of it; no sample without a baseline.",
    "lower": "The lower end of what would have been usual.",
    "upper": "The upper end of what would have been usual.",
}
_LATENCY: Final = "latency"


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
        rows = rows.taken(~(np.isnan(rows.observed) & np.isnan(rows.expected)))
        keys = [view.names[number] for number in rows.series.tolist()]
        order = sorted(range(len(rows)), key=keys.__getitem__)[: settings.most]
        kept, labels = rows.taken(order), [_labels(keys[place]) for place in order]
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
