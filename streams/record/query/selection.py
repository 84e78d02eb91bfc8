"""The series of a selector: samples become values at the steps of a query."""

from collections.abc import Iterator, Mapping

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints
from streams.engine.detect.step_record import VERDICTS
from streams.record.query.query_bounds import QueryBounds
from streams.record.query.query_plan import NAME, LabelMatcher
from streams.record.query.sample_reader import SampleRows
from streams.record.query.sample_table import LabelTable, SampleTable, beneath
from streams.record.query.series_index import (
    NAMES,
    NO_VERDICT,
    OBSERVED,
    STATE,
    VERDICT,
    SeriesIndex,
    matching_metrics,
)


class Selection:
    """Makes the series of one selector; ``points`` is the number of steps of the query."""

    def __init__(
        self, index: SeriesIndex, matchers: tuple[LabelMatcher, ...], points: int, bounds: QueryBounds
    ) -> None:
        self._index = index
        self._points = points
        self._bounds = bounds
        self._metrics = matching_metrics(matchers, index, bounds)
        self._verdicts = np.ones(len(VERDICTS), np.bool_)
        for matcher in matchers:
            if matcher.label == VERDICT:
                self._verdicts &= matcher.matches(index.texts(VERDICT), bounds)
        mask = index.mask(matchers, bounds) if self._metrics else np.zeros(len(index.ids), np.bool_)
        if OBSERVED not in self._metrics:
            mask &= index.is_expected(np.arange(len(mask)))
        self.series: Ints = np.sort(index.ids[mask])

    @property
    def columns(self) -> list[str]:
        """The columns of rows that are needed."""
        return [metric.column for metric in self._metrics]

    def table(self, samples: SampleRows | None) -> SampleTable:
        """Return the selected series of samples, which may have other series, too."""
        tables = [] if samples is None else list(self._tables(samples))
        if not tables:
            nothing = np.zeros((0, self._points))
            return SampleTable(LabelTable(0, {}, self._index.texts), nothing, nothing > 0)
        labels = tables[0].labels
        for table in tables[1:]:
            labels = beneath(labels, table.labels)
        self._bounds.allow_cells(labels.size, self._points)
        return SampleTable(
            labels,
            np.concatenate([table.values for table in tables]),
            np.concatenate([table.there for table in tables]),
        )

    def _tables(self, samples: SampleRows) -> Iterator[SampleTable]:
        place = np.minimum(np.searchsorted(self.series, samples.series), max(len(self.series) - 1, 0))
        mine = self.series[place] == samples.series if len(self.series) else np.zeros(len(place), np.bool_)
        for metric in self._metrics:
            if metric != STATE:
                values = samples.amounts[metric.column]
                yield self._table(samples, mine & ~np.isnan(values), values, {NAME: NAMES.index(metric.name)})
                continue
            ones = np.ones(len(place))
            for code in np.unique(samples.verdict[mine]).tolist():
                if code != NO_VERDICT and self._verdicts[code]:
                    labels = {NAME: NAMES.index(STATE.name), VERDICT: code}
                    yield self._table(samples, mine & (samples.verdict == code), ones, labels)

    def _table(
        self, samples: SampleRows, rows: Bools, amounts: Floats, labels: Mapping[str, int]
    ) -> SampleTable:
        """Spread some samples over the steps at which they hold."""
        which = np.flatnonzero(rows & (samples.since < samples.until))
        series = samples.series[which]
        fresh = np.ones(len(which), np.bool_)
        fresh[1:] = series[1:] != series[:-1]
        count = int(np.count_nonzero(fresh))
        self._bounds.check_time()
        self._bounds.allow_cells(count, self._points)
        lengths = samples.until[which] - samples.since[which]
        begins = (np.cumsum(fresh) - 1) * self._points + samples.since[which]
        cells = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        values = np.zeros(count * self._points)
        there = np.zeros(count * self._points, np.bool_)
        values[cells] = np.repeat(amounts[which], lengths)
        there[cells] = True
        places = self._index.places(series[fresh])
        columns = {label: codes[places] for label, codes in self._index.codes.items()}
        columns |= {label: np.full(count, code, np.int32) for label, code in labels.items()}
        shape = count, self._points
        table = LabelTable(count, columns, self._index.texts)
        return SampleTable(table, values.reshape(shape), there.reshape(shape))
