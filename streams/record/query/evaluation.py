"""Evaluates a plan: reads the selected series, aggregates them and combines them."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from detectors.model.array_types import Bools, Floats, Places
from streams.record.history.history_reader import HistoryView
from streams.record.query.promql import TOP
from streams.record.query.query_bounds import QueryBounds, execution
from streams.record.query.query_plan import (
    NAME,
    Aggregated,
    Combined,
    Negated,
    Number,
    QueryPlan,
    Selected,
    selected_in,
)
from streams.record.query.query_times import QueryTimes
from streams.record.query.sample_reader import SampleReader
from streams.record.query.sample_table import LabelTable, SampleTable, beneath
from streams.record.query.selection import Selection
from streams.record.query.series_index import SeriesIndex

_MOST: Final = float(1 << 62)
_Amount = Any  # a number, or an array of them

_ARITHMETIC: Final[dict[str, Callable[[_Amount, _Amount], _Amount]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}

_COMPARED: Final[dict[str, Callable[[_Amount, _Amount], _Amount]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


class QueryEvaluation:
    """Evaluates one query; ``step`` is that of the judge, seconds."""

    def __init__(
        self, view: HistoryView, index: SeriesIndex, times: QueryTimes, step: int, bounds: QueryBounds
    ) -> None:
        self._reader = SampleReader(view, index, step, bounds)
        self._index = index
        self._times = times
        self._bounds = bounds
        self._tables: dict[Selected, SampleTable] = {}
        self._held = 0  # values of selectors, and of left sides that wait for their right ones

    def answer(self, plan: QueryPlan) -> float | SampleTable:
        """Return a number, or series at the steps of the query.

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
        """Read all selected series, once per offset."""
        by_offset: dict[int, dict[Selected, Selection]] = {}
        for selected in selected_in(plan):
            selection = Selection(self._index, selected.matchers, self._times.points, self._bounds)
            by_offset.setdefault(selected.offset, {})[selected] = selection
        for offset, selections in by_offset.items():
            series = np.unique(np.concatenate([selection.series for selection in selections.values()]))
            columns = {name for selection in selections.values() for name in selection.columns}
            samples = self._reader.read(series, self._times.before(offset), columns)
            for selected, selection in selections.items():
                table = self._tables[selected] = selection.table(samples)
                self._hold(table)

    def _hold(self, table: SampleTable) -> None:
        self._held += table.values.size
        self._bounds.allow_held(self._held)

    def _answer(self, plan: QueryPlan) -> float | SampleTable:
        self._bounds.check_time()
        match plan:
            case Number(value):
                return value
            case Selected():
                return self._tables[plan]
            case Negated(of):
                return self._answer(Combined("*", Number(-1.0), of))
            case Aggregated():
                return self._aggregated(plan)
            case Combined():
                return self._combined(plan)

    def _aggregated(self, plan: Aggregated) -> SampleTable:
        table = self._answer(plan.of)
        assert isinstance(table, SampleTable)  # noqa: S101 - the parser ensures it
        labels = table.labels
        labels = labels.unnamed().without(plan.labels) if plan.without else labels.only(plan.labels)
        if plan.op not in TOP:
            return _aggregate(plan.op, table, labels)
        most = self._answer(plan.most or Number(0.0))
        assert isinstance(most, float)  # noqa: S101 - the parser ensures it
        return _highest(table, labels, most, lowest=plan.op == "bottomk")

    def _combined(self, plan: Combined) -> float | SampleTable:
        left = self._answer(plan.left)
        before = self._held
        made = not isinstance(plan.left, Selected) and not isinstance(plan.right, (Selected, Number))
        if isinstance(left, SampleTable) and made:
            self._hold(left)
        right = self._answer(plan.right)
        self._held = before
        if isinstance(left, SampleTable) and isinstance(right, SampleTable):
            return _combine_tables(plan, left, right)
        if isinstance(left, SampleTable):
            assert isinstance(right, float)  # noqa: S101 - the other case
            return _combine_with_number(plan, left, right, reverse=False)
        if isinstance(right, SampleTable):
            return _combine_with_number(plan, right, left, reverse=True)
        return _combine_numbers(plan.op, left, right)


def _added(values: Floats, begins: Places) -> Floats:
    return np.add.reduceat(values, begins, axis=0)


_REDUCED: Final[dict[str, tuple[float, Callable[[Floats, Places], Floats]]]] = {
    "sum": (0.0, _added),
    "avg": (0.0, _added),
    "min": (np.nan, lambda values, begins: np.fmin.reduceat(values, begins, axis=0)),
    "max": (np.nan, lambda values, begins: np.fmax.reduceat(values, begins, axis=0)),
}


def _aggregate(op: str, table: SampleTable, labels: LabelTable) -> SampleTable:
    """Return one series for each group with the same ``labels`` (n,)."""
    if not table.labels.size:
        return table
    groups, first = labels.groups()
    order = np.argsort(groups, kind="stable")
    begins = np.searchsorted(groups[order], np.arange(len(first)))
    there = table.there[order]
    counts = np.add.reduceat(there, begins, axis=0, dtype=np.float64)
    if op == "count":
        values = counts
    else:
        nothing, reduced = _REDUCED[op]
        values = reduced(np.where(there, table.values[order], nothing), begins)
        if op == "avg":
            values = values / np.maximum(counts, 1)
    return SampleTable(labels.select(first), values, counts > 0)


def _highest(table: SampleTable, labels: LabelTable, most: float, *, lowest: bool = False) -> SampleTable:
    """Return the ``most`` highest or lowest values of each group with the same ``labels`` (n,), per step."""
    if not abs(most) <= _MOST:
        raise execution(f"Scalar value {most:g} overflows int64; topk and bottomk take a number such as 5")
    groups, _ = labels.groups()
    key = table.values if lowest else -table.values
    key = np.where(table.there, np.where(np.isnan(key), np.inf, key), np.inf)
    which = np.broadcast_to(groups[:, None], key.shape)
    order: Places = np.lexsort((key, ~table.there, which), axis=0)
    grouped = np.sort(groups)
    rank = np.arange(len(groups)) - np.searchsorted(grouped, grouped)
    kept = np.zeros(key.shape, np.bool_)
    whole = max(int(most), 0)
    np.put_along_axis(kept, order, np.broadcast_to((rank < whole)[:, None], key.shape), axis=0)
    return table._replace(there=table.there & kept).known()


def _combine_numbers(op: str, left: float, right: float) -> float:
    """Return a number, 0 or 1 for a comparison."""
    function = _ARITHMETIC.get(op) or _COMPARED[op]
    with np.errstate(all="ignore"):
        return float(function(np.float64(left), np.float64(right)))


def _combine_with_number(how: Combined, table: SampleTable, number: float, *, reverse: bool) -> SampleTable:
    """Combine each value with a number, which is on the left side with ``reverse``."""
    left, right = (number, table.values) if reverse else (table.values, number)
    values, there = _calculate(how, left, right, table.values)
    labels = table.labels
    if how.op in _ARITHMETIC or how.as_bool:
        labels = labels.unnamed()
    return SampleTable(labels, values, table.there & there).united().known()


def _calculate(how: Combined, left: _Amount, right: _Amount, shown: Floats) -> tuple[Floats, Bools | bool]:
    """Return values, and where they are; a comparison keeps ``shown`` values."""
    with np.errstate(all="ignore"):
        if how.op in _ARITHMETIC:
            return _ARITHMETIC[how.op](left, right), True
        true = _COMPARED[how.op](left, right)
    return (true.astype(np.float64), True) if how.as_bool else (shown, true)


def _combine_tables(how: Combined, left: SampleTable, right: SampleTable) -> SampleTable:
    left_groups, right_groups, count = _groups(how, left.labels, right.labels)
    if how.op in ("and", "or", "unless"):
        return _of_sets(how.op, left, right, (left_groups, right_groups, count))
    if not left.labels.size or not right.labels.size:
        return left.select(np.zeros(0, np.intp))
    both = left.there.any(axis=0) & right.there.any(axis=0)
    if (_counts(right.there & both, right_groups, count) > 1).any():
        raise execution(
            "found duplicate series for the match group on the right hand-side of the operation; many-to-"
            "many matching not allowed: matching labels must be unique on one side"
        )
    values, there = np.zeros((count, right.points)), np.zeros((count, right.points), np.bool_)
    row, step = np.nonzero(right.there)
    values[right_groups[row], step] = right.values[row, step]
    there[right_groups[row], step] = True
    found, kept = _calculate(how, left.values, values[left_groups], left.values)
    kept = left.there & there[left_groups] & kept
    if (_counts(kept, left_groups, count) > 1).any():
        raise execution(
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right), "
            "which is not supported: aggregate the left side first"
        )
    labels = left.labels
    if how.op in _ARITHMETIC or how.as_bool:
        labels = labels.unnamed()
    labels = labels.without(how.labels) if how.ignoring else labels.only(how.labels)
    return SampleTable(labels, found, kept).united().known()


def _groups(how: Combined, left: LabelTable, right: LabelTable) -> tuple[Places, Places, int]:
    """Return the group of each series of both sides, and the number of groups."""
    both = beneath(left, right)
    compared = both.without((NAME, *how.labels)) if how.ignoring else both.only(how.labels)
    groups, first = compared.groups()
    return groups[: left.size], groups[left.size :], len(first)


def _counts(there: Bools, groups: Places, count: int) -> Places:
    """Return (count, points) the number of series of each group that have a value."""
    row, step = np.nonzero(there)
    places = groups[row] * there.shape[1] + step
    return np.bincount(places, minlength=count * there.shape[1]).reshape(count, there.shape[1])


def _of_sets(
    op: str, left: SampleTable, right: SampleTable, grouped: tuple[Places, Places, int]
) -> SampleTable:
    left_groups, right_groups, count = grouped
    if op == "or":
        more = right.there & (_counts(left.there, left_groups, count) == 0)[right_groups]
        labels = beneath(left.labels, right.labels)
        values = np.concatenate((left.values, right.values))
        return SampleTable(labels, values, np.concatenate((left.there, more))).united().known()
    among = (_counts(right.there, right_groups, count) > 0)[left_groups]
    return left._replace(there=left.there & (among if op == "and" else ~among)).known()
