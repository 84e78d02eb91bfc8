"""The series of a history by their labels: a column a label, so that a million values are matched at once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.engine.detect.step_record import VERDICTS
from streams.record.history.series_names import SeriesNames
from streams.record.history.step_rows import P50, P99
from streams.record.query.label_matcher import NAME, Flags, LabelMatcher
from streams.record.query.query_bounds import QueryBounds
from streams.record.query.query_metric import NAMES

_SCOPE: Final = ("kind", "cloud", "account", "region", "name", "version")
SOURCE: Final = "source_kind"
MEASURE: Final = "measure"
VERDICT: Final = "verdict"

LABELS: Final = (*_SCOPE, *(f"source_{each}" for each in _SCOPE), MEASURE)
"""The labels of a series, as the columns of ``series.parquet`` are called."""

Ids = NDArray[np.int64]
Codes = NDArray[np.int32]


class SeriesIndex:
    """Knows the labels of series, as codes of texts; code 0 is no text.

    Parameters
    ----------
    names
        The series, of which there may become more.
    """

    def __init__(self, names: SeriesNames) -> None:
        self._names = names
        self.ids: Ids = np.zeros(0, np.int64)
        self.codes: dict[str, Codes] = {label: np.zeros(0, np.int32) for label in LABELS}
        self._places: dict[str, dict[str, int]] = {label: {"": 0} for label in LABELS}
        self._texts: dict[str, pa.Array] = {
            NAME: pa.array(NAMES, pa.string()),
            VERDICT: pa.array(VERDICTS, pa.string()),
        }
        self._sorted: tuple[Ids, NDArray[np.intp]] | None = None
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

    def _coded(self, label: str, column: Sequence[str]) -> Codes:
        found = pa.array(column, pa.string()).dictionary_encode()
        places = self._places[label]
        codes = [places.setdefault(text, len(places)) for text in found.dictionary.to_pylist()]
        return np.array(codes, np.int32)[found.indices.to_numpy()] if codes else np.zeros(0, np.int32)

    def texts(self, label: str) -> pa.Array:
        """Return the texts of a label, by code; of a label that no series has, none but the empty one."""
        return self._texts.get(label, _NOTHING)

    def mask(self, matchers: Iterable[LabelMatcher], bounds: QueryBounds) -> Flags:
        """Return (n,) which series match all of the conditions on their own labels."""
        mask = np.ones(len(self.ids), np.bool_)
        for one in matchers:
            if one.label in (NAME, VERDICT):
                continue
            matches = one.matches(self.texts(one.label), bounds)
            codes = self.codes.get(one.label)
            mask &= matches[0] if codes is None else matches[codes]
        return mask

    def places(self, series: Ids) -> NDArray[np.intp]:
        """Return where series are, which are known."""
        if self._sorted is None:
            order = np.argsort(self.ids)
            self._sorted = self.ids[order], order
        ordered, order = self._sorted
        return order[np.searchsorted(ordered, series)]

    def is_latency(self, places: NDArray[np.intp]) -> Flags:
        """Return which series are milliseconds, and no sums."""
        latencies = self._measured(lambda text: text.startswith("latency"))
        found: Flags = latencies[self.codes[MEASURE][places]]
        return found

    def is_sparse(self, places: NDArray[np.intp]) -> Flags:
        """Return which series have no row where they are zero: edges, and reasons of throttles."""
        reasons = self._measured(lambda text: text.startswith("throttles:"))
        sparse: Flags = (self.codes[SOURCE][places] > 0) | reasons[self.codes[MEASURE][places]]
        return sparse

    def is_expected(self, places: NDArray[np.intp]) -> Flags:
        """Return of which series something may be expected."""
        others = self._measured(lambda text: text.endswith((P50, P99)) or text.startswith("throttles:"))
        expected: Flags = (self.codes[SOURCE][places] == 0) & ~others[self.codes[MEASURE][places]]
        return expected

    def _measured(self, is_so: Callable[[str], bool]) -> Flags:
        return np.array([is_so(text) for text in self._places[MEASURE]], np.bool_)


_NOTHING: Final = pa.array([""], pa.string())
