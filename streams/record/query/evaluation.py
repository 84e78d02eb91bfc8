"""A plan becomes an answer: a number, or series at the steps of a query."""

import numpy as np

from streams.record.history.history_view import HistoryView
from streams.record.query.aggregations import aggregated, highest
from streams.record.query.combinations import of_numbers, of_tables, with_number
from streams.record.query.promql import TOP
from streams.record.query.query_bounds import QueryBounds
from streams.record.query.query_plan import (
    Aggregated,
    Combined,
    Literal,
    Negated,
    QueryPlan,
    Selected,
    selected_in,
)
from streams.record.query.query_times import QueryTimes
from streams.record.query.sample_reader import SampleReader
from streams.record.query.sample_table import SampleTable
from streams.record.query.selection import Selection
from streams.record.query.series_index import SeriesIndex


class QueryEvaluation:
    """Answers one query.

    Parameters
    ----------
    view
        What the history holds now.
    index
        Its series.
    times
        The steps of the query.
    step
        Of the judge, seconds.
    bounds
        Of the query.
    """

    def __init__(
        self, view: HistoryView, index: SeriesIndex, times: QueryTimes, step: int, bounds: QueryBounds
    ) -> None:
        self._reader = SampleReader(view, index, step, bounds)
        self._index = index
        self._times = times
        self._bounds = bounds
        self._tables: dict[Selected, SampleTable] = {}

    def answer(self, plan: QueryPlan) -> float | SampleTable:
        """Return what a plan asks for.

        Raises
        ------
        QueryError
            When there is no answer.
        OSError, pyarrow.ArrowException
            When files cannot be read.
        """
        self._select(plan)
        return self._answer(plan)

    def _select(self, plan: QueryPlan) -> None:
        """Read all that is selected, of each time once."""
        held = 0
        by_offset: dict[int, dict[Selected, Selection]] = {}
        for selected in selected_in(plan):
            selection = Selection(self._index, selected.matchers, self._times.points, self._bounds)
            by_offset.setdefault(selected.offset, {})[selected] = selection
        for offset, selections in by_offset.items():
            series = np.unique(np.concatenate([one.series for one in selections.values()]))
            columns = {name for one in selections.values() for name in one.columns}
            samples = self._reader.read(series, self._times.before(offset), columns)
            for selected, selection in selections.items():
                table = self._tables[selected] = selection.table(samples)
                held += table.values.size
                self._bounds.allow_held(held)

    def _answer(self, plan: QueryPlan) -> float | SampleTable:
        self._bounds.look()
        match plan:
            case Literal(value):
                return value
            case Selected():
                return self._tables[plan]
            case Negated(of):
                return self._answer(Combined("*", Literal(-1.0), of))
            case Aggregated():
                return self._aggregated(plan)
            case Combined():
                return self._combined(plan)

    def _aggregated(self, plan: Aggregated) -> SampleTable:
        table = self._answer(plan.of)
        assert isinstance(table, SampleTable)  # noqa: S101 - the parser sees to it
        labels = table.labels
        labels = labels.unnamed().without(plan.labels) if plan.without else labels.only(plan.labels)
        if plan.op not in TOP:
            return aggregated(plan.op, table, labels)
        most = self._answer(plan.most or Literal(0.0))
        assert isinstance(most, float)  # noqa: S101 - the parser sees to it
        return highest(table, labels, most, lowest=plan.op == "bottomk")

    def _combined(self, plan: Combined) -> float | SampleTable:
        left, right = self._answer(plan.left), self._answer(plan.right)
        if isinstance(left, SampleTable) and isinstance(right, SampleTable):
            return of_tables(plan, left, right)
        if isinstance(left, SampleTable):
            assert isinstance(right, float)  # noqa: S101 - what else
            return with_number(plan, left, right, turned=False)
        if isinstance(right, SampleTable):
            return with_number(plan, right, left, turned=True)
        return of_numbers(plan.op, left, right)
