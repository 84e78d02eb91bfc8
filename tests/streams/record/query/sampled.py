"""A history of given samples, its plain evaluation, and the same samples for Prometheus."""

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from detectors.model.scope import Scope
from streams.engine.detect.step_record import VERDICTS
from streams.record.history.history_files import MINUTES, NAMES_FILE, HistoryFile, HistoryFolder
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import HistoryRows, merged
from streams.record.history.parquet_rows import write_names, write_rows
from streams.record.history.series_names import NOBODY, SeriesKey, SeriesNames
from streams.record.query import prometheus_json
from streams.record.query.evaluation import QueryEvaluation
from streams.record.query.promql import parse_query
from streams.record.query.query_bounds import QueryBounds, QueryError
from streams.record.query.query_times import QueryTimes
from streams.record.query.series_index import SeriesIndex
from tests.streams.record.query.prometheus import STALE, Sample

START: Final = 1_764_201_600  # 2025-11-27T00:00:00Z
STEP: Final = 60
STEPS: Final = 120
END: Final = START + STEP * STEPS
HOUR: Final = 3600

_TABLES: Final = [
    Scope("table", "aws", account, "eu-west-1", name) for account in "12" for name in ("a", "b")
]
_CALLERS: Final = [Scope("function", "aws", "1", "eu-west-1", name) for name in ("put", "get", "πut")]
KEYS: Final = [
    *(SeriesKey(table, NOBODY, measure) for table in _TABLES for measure in ("wcu", "requests", "latency")),
    *(SeriesKey(table, caller, "wcu") for table in _TABLES[:2] for caller in _CALLERS),
    SeriesKey(_TABLES[0], _CALLERS[0], "requests"),
    SeriesKey(Scope("client", "aws", "1", "", "ios", "3.2.1"), NOBODY, "errors_user"),
    SeriesKey(_TABLES[0], NOBODY, "throttles:Quota exceeded"),
]


def rows_drawn(seed: int) -> tuple[SeriesNames, HistoryRows]:
    """Return rows with gaps, whose amounts are whole per second, so that sums are exact, and never alike."""
    draw = np.random.default_rng(seed)
    names = SeriesNames()
    parts = []
    amounts = iter(draw.permutation(np.arange(1, 4 * len(KEYS) * STEPS + 1)).tolist())
    for number, key in zip(names.add(KEYS), KEYS, strict=True):
        steps = np.flatnonzero(draw.random(STEPS) > draw.choice([0.05, 0.5, 0.9]))
        count = len(steps)
        per = 1 if key.measure.startswith("latency") else STEP
        columns = [np.array([next(amounts) * per for _ in range(count)], np.float32) for _ in range(4)]
        judged = key.source == NOBODY and not key.measure.startswith("throttles:")
        columns[0][draw.random(count) < 0.1 * judged] = np.nan
        for column in columns[1:]:
            column[draw.random(count) < (0.2 if judged else 2)] = np.nan
        open_ = draw.random(count) < 0.3 * judged
        parts.append(
            HistoryRows(
                np.full(count, number, np.int64),
                START + STEP * steps,
                np.full(count, STEP, np.int32),
                columns[0],
                columns[1],
                columns[2],
                columns[3],
                np.where(open_, draw.integers(1, 3, count), 0).astype(np.uint8),
            )
        )
    return names, merged(parts)


def labels_of(key: SeriesKey) -> dict[str, str]:
    """Return the labels of a series, without those that are empty."""
    source = {f"source_{name}": value for name, value in key.source._asdict().items()}
    found = {**key.scope._asdict(), **source, "measure": key.measure}
    return {name: value for name, value in found.items() if value}


class Sampled:
    """A history with these rows, in a file an hour."""

    def __init__(self, place: Path, seed: int) -> None:
        self.names, self.rows = rows_drawn(seed)
        folder = HistoryFolder(str(place))
        folder.write(NAMES_FILE, lambda into: write_names(self.names, into))
        for first in range(START, END, HOUR):
            end = first + HOUR
            rows = self.rows.between(first, end)
            folder.write(HistoryFile(MINUTES, first, end).path, partial(write_rows, rows))
        self.view = HistoryView(folder)
        self.index = SeriesIndex(self.view.names)

    def ask(self, query: str, times: QueryTimes, bounds: QueryBounds | None = None) -> dict[str, Any]:
        """Return the answer to a query, as the routes give it."""
        bounds = bounds or QueryBounds()
        try:
            found = QueryEvaluation(self.view, self.index, times, STEP, bounds).answer(parse_query(query))
        except QueryError as error:
            return {"status": "error", "errorType": str(error.trouble), "error": str(error)}
        if times.points == 1:
            answer = prometheus_json.instant(found, times, bounds, ordered=False)
        else:
            answer = prometheus_json.matrix(found, times, bounds)
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    def series(self) -> list[tuple[Mapping[str, str], list[Sample]]]:
        """Return the same as Prometheus would have scraped it, with the ends of series.

        A value that is not known ends its series, as one that was not scraped any more. An edge or a reason
        of throttles ends after each step that has no successor.
        """
        written: list[tuple[Mapping[str, str], list[Sample]]] = []
        for number, key in self.names:
            mine = self.rows.select(self.rows.series == number)
            per = 1 if key.measure.startswith("latency") else STEP
            sparse = key.source != NOBODY or key.measure.startswith("throttles:")
            starts = mine.start.tolist()
            for name in ("observed", "expected", "lower", "upper"):
                amounts = (getattr(mine, name).astype(np.float64) / per).tolist()
                samples = _samples(starts, amounts, sparse=sparse)
                written.append((labels_of(key) | {"__name__": f"uneri_{name}"}, samples))
            for code in (1, 2):
                ones = [1.0 if verdict == code else float("nan") for verdict in mine.verdict.tolist()]
                labels = labels_of(key) | {"__name__": "uneri_state", "verdict": VERDICTS[code]}
                written.append((labels, _samples(starts, ones, sparse=sparse)))
        return [
            (labels, samples)
            for labels, samples in written
            if not all(math.isnan(value) for _, value in samples)
        ]


def _samples(starts: list[int], amounts: list[float], *, sparse: bool) -> list[Sample]:
    found: list[Sample] = []
    for start, amount in zip(starts, amounts, strict=True):
        known = not math.isnan(amount)
        if known or (found and not math.isnan(found[-1][1])):
            found.append((start * 1000, amount if known else STALE))
        if sparse and start + STEP not in starts and start + STEP < END:
            found.append(((start + STEP) * 1000, STALE))
    return found
