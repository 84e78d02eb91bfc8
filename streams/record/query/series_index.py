"""The series of a history by their labels: matched, and listed with the metrics that they have.

A label is a column of codes, so that a million values are matched at once.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from detectors.model.array_types import Bools, Int32s, Ints, Places
from streams.engine.detect.step_record import VERDICTS
from streams.record.history.series_names import SeriesNames
from streams.record.history.step_rows import P50, P99
from streams.record.query.query_bounds import QueryBounds, execution
from streams.record.query.query_plan import NAME, LabelMatcher
from streams.record.query.sample_table import LabelTable

_UNIT: Final = "Per second for sums, milliseconds for latencies, its own unit for a level."
_SCOPE: Final = ("kind", "cloud", "account", "region", "name", "version")
SOURCE: Final = "source_kind"
MEASURE: Final = "measure"
VERDICT: Final = "verdict"

LABELS: Final = (*_SCOPE, *(f"source_{name}" for name in _SCOPE), MEASURE)
"""The labels of a series, as the columns of ``series.parquet`` are called."""

NO_VERDICT: Final = 0
_NOTHING: Final = pa.array([""], pa.string())

Conditions = Sequence[tuple[LabelMatcher, ...]]
"""The matchers of several selectors, of which a series matches any; without a selector, all series."""


class QueryMetric(NamedTuple):
    """One metric, which shows a ``column`` of rows."""

    name: str
    column: str
    help: str


OBSERVED: Final = QueryMetric("uneri_observed", "observed", f"What was measured. {_UNIT}")
STATE: Final = QueryMetric(
    "uneri_state", "verdict", "1 while a finding is open about the series; the label verdict says which."
)
METRICS: Final = (
    OBSERVED,
    QueryMetric("uneri_expected", "expected", f"What was expected. {_UNIT}"),
    QueryMetric("uneri_lower", "lower", f"The lower end of what was expected. {_UNIT}"),
    QueryMetric("uneri_upper", "upper", f"The upper end of what was expected. {_UNIT}"),
    STATE,
)
"""All of them. All are gauges, and only the first one is known of edges."""

NAMES: Final = ("", *(metric.name for metric in METRICS))
"""The values of the label ``__name__``, by code; the first is none."""


class SeriesIndex:
    """The labels of series, as codes of texts; code 0 is no text. ``names`` may grow."""

    def __init__(self, names: SeriesNames) -> None:
        self._names = names
        self.ids: Ints = np.zeros(0, np.int64)
        self.codes: dict[str, Int32s] = {label: np.zeros(0, np.int32) for label in LABELS}
        self._places: dict[str, dict[str, int]] = {label: {"": 0} for label in LABELS}
        self._texts: dict[str, pa.Array] = {
            NAME: pa.array(NAMES, pa.string()),
            VERDICT: pa.array(VERDICTS, pa.string()),
        }
        self._sorted: tuple[Ints, Places] | None = None
        self.grow()

    def grow(self) -> None:
        """Add the series that came since."""
        known = len(self.ids)
        if known == len(self._names) and LABELS[0] in self._texts:
            return
        fresh = [(number, *key.scope, *key.source, key.measure) for number, key in self._names.since(known)]
        numbers, *columns = zip(*fresh, strict=True) if fresh else ((),) * (len(LABELS) + 1)
        self.ids = np.concatenate((self.ids, np.array(numbers, np.int64)))
        for label, column in zip(LABELS, columns, strict=True):
            self.codes[label] = np.concatenate((self.codes[label], self._coded(label, column)))
            self._texts[label] = pa.array(list(self._places[label]), pa.string())
        self._sorted = None

    def _coded(self, label: str, column: Sequence[str]) -> Int32s:
        found = pa.array(column, pa.string()).dictionary_encode()
        places = self._places[label]
        codes = [places.setdefault(text, len(places)) for text in found.dictionary.to_pylist()]
        return np.array(codes, np.int32)[found.indices.to_numpy()] if codes else np.zeros(0, np.int32)

    def texts(self, label: str) -> pa.Array:
        """Return the texts of a label, by code; only the empty one if no series has the label."""
        return self._texts.get(label, _NOTHING)

    def mask(self, matchers: Iterable[LabelMatcher], bounds: QueryBounds) -> Bools:
        """Return (n,) a mask of the series whose own labels match all of the matchers."""
        mask = np.ones(len(self.ids), np.bool_)
        for matcher in matchers:
            if matcher.label in (NAME, VERDICT):
                continue
            matches = matcher.matches(self.texts(matcher.label), bounds)
            codes = self.codes.get(matcher.label)
            mask &= matches[0] if codes is None else matches[codes]
        return mask

    def places(self, series: Ints) -> Places:
        """Return the places of known series."""
        if self._sorted is None:
            order = np.argsort(self.ids)
            self._sorted = self.ids[order], order
        ordered, order = self._sorted
        return order[np.searchsorted(ordered, series)]

    def is_latency(self, places: Places) -> Bools:
        """Return a mask of the series in milliseconds, which are no sums."""
        latencies = self._measured(lambda text: text.startswith("latency"))
        found: Bools = latencies[self.codes[MEASURE][places]]
        return found

    def is_sparse(self, places: Places) -> Bools:
        """Return a mask of the series without rows of zeros: edges, and reasons of throttles."""
        reasons = self._measured(lambda text: text.startswith("throttles:"))
        sparse: Bools = (self.codes[SOURCE][places] > 0) | reasons[self.codes[MEASURE][places]]
        return sparse

    def is_expected(self, places: Places) -> Bools:
        """Return a mask of the series that may have expectations."""
        others = self._measured(lambda text: text.endswith((P50, P99)) or text.startswith("throttles:"))
        expected: Bools = (self.codes[SOURCE][places] == 0) & ~others[self.codes[MEASURE][places]]
        return expected

    def _measured(self, is_so: Callable[[str], bool]) -> Bools:
        return np.array([is_so(text) for text in self._places[MEASURE]], np.bool_)


def matching_metrics(
    matchers: tuple[LabelMatcher, ...], index: SeriesIndex, bounds: QueryBounds
) -> list[QueryMetric]:
    """Return the metrics that match."""
    left = np.ones(len(NAMES), np.bool_)
    unjudged = np.bool_(True)
    for matcher in matchers:
        if matcher.label == NAME:
            left &= matcher.matches(index.texts(NAME), bounds)
        if matcher.label == VERDICT:
            unjudged &= matcher.matches(index.texts(VERDICT), bounds)[NO_VERDICT]
    return [
        metric
        for metric, there in zip(METRICS, left[1:], strict=True)
        if there and (unjudged or metric == STATE)
    ]


class SeriesListing:
    """Lists series, labels and values, whenever they were measured.

    The verdicts that a series has had are not known: for ``uneri_state``, all verdicts are listed.
    """

    def __init__(self, index: SeriesIndex, bounds: QueryBounds) -> None:
        self._index = index
        self._bounds = bounds

    def _matched(self, conditions: Conditions) -> dict[QueryMetric, Bools]:
        found = {metric: np.zeros(len(self._index.ids), np.bool_) for metric in METRICS}
        expected = self._index.is_expected(np.arange(len(self._index.ids)))
        for matchers in conditions or ((),):
            mask = self._index.mask(matchers, self._bounds)
            for metric in matching_metrics(matchers, self._index, self._bounds):
                found[metric] |= mask if metric == OBSERVED else mask & expected
        return {metric: mask for metric, mask in found.items() if mask.any()}

    def series(self, conditions: Conditions) -> list[dict[str, str]]:
        """Return the labels of series.

        Raises
        ------
        QueryError
            When there are too many.
        """
        matched = self._matched(conditions)
        count = sum(int(np.count_nonzero(mask)) for mask in matched.values())
        if count > self._bounds.series:
            raise execution(f"{count:,} series match, and {self._bounds.series:,} are the most; choose fewer")
        listed = []
        for metric, mask in matched.items():
            places = np.flatnonzero(mask)
            columns = {label: codes[places] for label, codes in self._index.codes.items()}
            columns[NAME] = np.full(len(places), NAMES.index(metric.name), np.int32)
            listed += LabelTable(len(places), columns, self._index.texts).to_dicts()
        return listed

    def labels(self, conditions: Conditions) -> list[str]:
        """Return the names of labels, sorted."""
        matched = self._matched(conditions)
        any_ = self._any(matched)
        found = [label for label in LABELS if self._index.codes[label][any_].any()]
        return sorted([*found, *([NAME] if any_.any() else []), *([VERDICT] if STATE in matched else [])])

    def values(self, label: str, conditions: Conditions) -> list[str]:
        """Return the values of a label, sorted."""
        matched = self._matched(conditions)
        if label == NAME:
            return sorted(metric.name for metric in matched)
        if label == VERDICT:
            return self._verdicts(conditions) if STATE in matched else []
        if label not in self._index.codes:
            return []
        codes = np.unique(self._index.codes[label][self._any(matched)])
        texts: list[str] = self._index.texts(label).take(pa.array(codes[codes > 0])).to_pylist()
        return sorted(texts)

    def _verdicts(self, conditions: Conditions) -> list[str]:
        texts = self._index.texts(VERDICT)
        left = np.zeros(len(VERDICTS), np.bool_)
        for matchers in conditions or ((),):
            mine = np.ones(len(VERDICTS), np.bool_)
            for matcher in matchers:
                if matcher.label == VERDICT:
                    mine &= matcher.matches(texts, self._bounds)
            left |= mine
        return sorted(text for text, there in zip(VERDICTS, left, strict=True) if there and text)

    def _any(self, matched: dict[QueryMetric, Bools]) -> Bools:
        none = np.zeros(len(self._index.ids), np.bool_)
        found: Bools = np.logical_or.reduce([none, *matched.values()])
        return found
