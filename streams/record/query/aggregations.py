"""Many series become few."""

from collections.abc import Callable
from typing import Final

import numpy as np

from detectors.model.array_types import Floats, Places
from streams.record.query.label_table import LabelTable
from streams.record.query.query_error import execution
from streams.record.query.sample_table import SampleTable

_MOST: Final = float(1 << 62)


def _added(values: Floats, begins: Places) -> Floats:
    return np.add.reduceat(values, begins, axis=0)


_REDUCED: Final[dict[str, tuple[float, Callable[[Floats, Places], Floats]]]] = {
    "sum": (0.0, _added),
    "avg": (0.0, _added),
    "min": (np.nan, lambda values, begins: np.fmin.reduceat(values, begins, axis=0)),
    "max": (np.nan, lambda values, begins: np.fmax.reduceat(values, begins, axis=0)),
}


def aggregated(op: str, table: SampleTable, labels: LabelTable) -> SampleTable:
    """Return one series for each group, alike in ``labels`` (n,).

    ``op`` is ``sum``, ``avg``, ``min``, ``max`` or ``count``.
    """
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
    return SampleTable(labels.taken(first), values, counts > 0)


def highest(table: SampleTable, labels: LabelTable, most: float, *, lowest: bool = False) -> SampleTable:
    """Return at each step the ``most`` highest values of each group, alike in ``labels`` (n,), or the lowest.

    Raises
    ------
    QueryError
        When ``most`` is no number of series.
    """
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
