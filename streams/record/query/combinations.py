"""Two sides of an operator: numbers, or series that belong together."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from detectors.model.array_types import Bools, Floats, Places
from streams.record.query.label_matcher import NAME
from streams.record.query.label_table import LabelTable, beneath
from streams.record.query.query_error import execution
from streams.record.query.query_plan import Combined
from streams.record.query.sample_table import SampleTable

_Amount = Any  # a number, or an array of them

ARITHMETIC: Final[dict[str, Callable[[_Amount, _Amount], _Amount]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
COMPARED: Final[dict[str, Callable[[_Amount, _Amount], _Amount]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def of_numbers(op: str, left: float, right: float) -> float:
    """Return a number; of a comparison, 0 or 1."""
    function = ARITHMETIC.get(op) or COMPARED[op]
    with np.errstate(all="ignore"):
        return float(function(np.float64(left), np.float64(right)))


def with_number(how: Combined, table: SampleTable, number: float, *, turned: bool) -> SampleTable:
    """Return each value combined with a number, which with ``turned`` is on the left side.

    Raises
    ------
    QueryError
        When two series are alike without the name of their metric.
    """
    left, right = (number, table.values) if turned else (table.values, number)
    values, there = _worked(how, left, right, table.values)
    labels = table.labels
    if how.op in ARITHMETIC or how.as_bool:
        labels = labels.unnamed()
    return SampleTable(labels, values, table.there & there).united().known()


def _worked(how: Combined, left: _Amount, right: _Amount, shown: Floats) -> tuple[Floats, Bools | bool]:
    """Return values, and where they are; a comparison keeps what is ``shown``."""
    with np.errstate(all="ignore"):
        if how.op in ARITHMETIC:
            return ARITHMETIC[how.op](left, right), True
        true = COMPARED[how.op](left, right)
    return (true.astype(np.float64), True) if how.as_bool else (shown, true)


def of_tables(how: Combined, left: SampleTable, right: SampleTable) -> SampleTable:
    """Return series of both sides combined.

    Raises
    ------
    QueryError
        When several series of one side belong to one of the other.
    """
    left_groups, right_groups, count = _groups(how, left.labels, right.labels)
    if how.op in ("and", "or", "unless"):
        return _of_sets(how.op, left, right, (left_groups, right_groups, count))
    if not left.labels.size or not right.labels.size:
        return left.taken(np.zeros(0, np.intp))
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
    found, kept = _worked(how, left.values, values[left_groups], left.values)
    kept = left.there & there[left_groups] & kept
    if (_counts(kept, left_groups, count) > 1).any():
        raise execution(
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right), "
            "which is not supported: aggregate the left side first"
        )
    labels = left.labels
    if how.op in ARITHMETIC or how.as_bool:
        labels = labels.unnamed()
    labels = labels.without(how.labels) if how.ignoring else labels.only(how.labels)
    return SampleTable(labels, found, kept).united().known()


def _groups(how: Combined, left: LabelTable, right: LabelTable) -> tuple[Places, Places, int]:
    """Return to which group each series belongs, and how many there are."""
    both = beneath(left, right)
    compared = both.without((NAME, *how.labels)) if how.ignoring else both.only(how.labels)
    groups, first = compared.groups()
    return groups[: left.size], groups[left.size :], len(first)


def _counts(there: Bools, groups: Places, count: int) -> Places:
    """Return (count, points) how many series of a group have a value."""
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
