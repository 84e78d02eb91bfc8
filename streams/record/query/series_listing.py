"""Which series, labels and values of labels there are."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from detectors.model.array_types import Bools
from streams.engine.detect.step_record import VERDICTS
from streams.record.query.label_matcher import NAME, LabelMatcher
from streams.record.query.label_table import LabelTable
from streams.record.query.query_bounds import QueryBounds
from streams.record.query.query_error import execution
from streams.record.query.query_metric import METRICS, NAMES, OBSERVED, STATE, QueryMetric
from streams.record.query.selection import metrics_of
from streams.record.query.series_index import LABELS, VERDICT, SeriesIndex

Conditions = Sequence[tuple[LabelMatcher, ...]]
"""Of several selectors, of which a series matches any; all there is without one."""


class SeriesListing:
    """Lists what the names of series say, whatever was measured of them when.

    Of ``uneri_state``, which verdicts a series has had is not known: each that there is may be asked for.
    """

    def __init__(self, index: SeriesIndex, bounds: QueryBounds) -> None:
        self._index = index
        self._bounds = bounds

    def _matched(self, conditions: Conditions) -> dict[QueryMetric, Bools]:
        found = {metric: np.zeros(len(self._index.ids), np.bool_) for metric in METRICS}
        expected = self._index.is_expected(np.arange(len(self._index.ids)))
        for matchers in conditions or ((),):
            mask = self._index.mask(matchers, self._bounds)
            for metric in metrics_of(matchers, self._index, self._bounds):
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
            listed += LabelTable(len(places), columns, self._index.texts).told()
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
