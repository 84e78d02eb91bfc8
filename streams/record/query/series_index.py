"""The series of a history by their labels: a column a label, so that a million values are matched at once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from detectors.model.array_types import Bools, Int32s, Ints, Places
from streams.engine.detect.step_record import VERDICTS
from streams.record.history.series_names import SeriesNames
from streams.record.history.step_rows import P50, P99
from streams.record.query.label_matcher import NAME, LabelMatcher
from streams.record.query.query_bounds import QueryBounds
from streams.record.query.query_metric import NAMES

_SCOPE: Final = ("kind", "cloud", "account", "region", "name", "version")
SOURCE: Final = "source_kind"
MEASURE: Final = "measure"
VERDICT: Final = "verdict"

LABELS: Final = (*_SCOPE, *(f"source_{each}" for each in _SCOPE), MEASURE)
"""The labels of a series, as the columns of ``series.parquet`` are called."""


class SeriesIndex:
    """Knows the labels of series, as codes of texts; code 0 is no text.

    Parameters
    ----------
    names
        The series, of which there may become more.
    """

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
        """Take up the series that have come since."""
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
        """Return the texts of a label, by code; of a label that no series has, none but the empty one."""
        return self._texts.get(label, _NOTHING)

    def mask(self, matchers: Iterable[LabelMatcher], bounds: QueryBounds) -> Bools:
        """Return (n,) which series match all of the conditions on their own labels."""
        mask = np.ones(len(self.ids), np.bool_)
        for matcher in matchers:
            if matcher.label in (NAME, VERDICT):
                continue
            matches = matcher.matches(self.texts(matcher.label), bounds)
            codes = self.codes.get(matcher.label)
            mask &= matches[0] if codes is None else matches[codes]
        return mask

    def places(self, series: Ints) -> Places:
        """Return where series are, which are known."""
        if self._sorted is None:
            order = np.argsort(self.ids)
            self._sorted = self.ids[order], order
        ordered, order = self._sorted
        return order[np.searchsorted(ordered, series)]

    def is_latency(self, places: Places) -> Bools:
        """Return which series are milliseconds, and no sums."""
        latencies = self._measured(lambda text: text.startswith("latency"))
        found: Bools = latencies[self.codes[MEASURE][places]]
        return found

    def is_sparse(self, places: Places) -> Bools:
        """Return which series have no row where they are zero: edges, and reasons of throttles."""
        reasons = self._measured(lambda text: text.startswith("throttles:"))
        sparse: Bools = (self.codes[SOURCE][places] > 0) | reasons[self.codes[MEASURE][places]]
        return sparse

    def is_expected(self, places: Places) -> Bools:
        """Return of which series something may be expected."""
        others = self._measured(lambda text: text.endswith((P50, P99)) or text.startswith("throttles:"))
        expected: Bools = (self.codes[SOURCE][places] == 0) & ~others[self.codes[MEASURE][places]]
        return expected

    def _measured(self, is_so: Callable[[str], bool]) -> Bools:
        return np.array([is_so(text) for text in self._places[MEASURE]], np.bool_)


_NOTHING: Final = pa.array([""], pa.string())
