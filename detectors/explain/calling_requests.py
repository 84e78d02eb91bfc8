"""The requests behind the calls of tables: calls of one request are no independent evidence.

A request that calls a table 58 times says as much of who carries an excess as one that calls it once. So many
calls are worth as few of equal size as have the same variance: ``(Σw)² / Σw²``, with ``w`` calls of a request
(Kish 1965).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Floats
from detectors.model.measures import CALLING_REQUESTS, COLUMN, SQUARED_CALLS, Measure
from detectors.model.scope import Scope
from detectors.state.declared import Owned, Stateful
from detectors.state.past_values import KEPT_SECONDS
from detectors.state.timeline import Timeline

CALLED: Final = [COLUMN[measure] for measure in (Measure.REQUESTS, CALLING_REQUESTS, SQUARED_CALLS)]
"""Columns of a step's sums: calls, requests that made them, squares of how many each made."""


class Calling(NamedTuple):
    """The calls of a table in some time."""

    requests: float  # that made them; 0 if they were told apart from their requests
    per_request: float  # mean over the calls, at least 1: by so much they are less evidence


class CallingRequests(Stateful):
    """Counts of each table over the last hours; ``step`` is in seconds."""

    STATE = (Owned("_lately"),)

    def __init__(self, step: int) -> None:
        self._lately = Timeline("called", len(CALLED), max(KEPT_SECONDS // step, 24) + 1, sheets=False)
        self._row: dict[Scope, int] = {}
        self._step = step
        self._early: tuple[int, Floats] | None = None  # a step that is not over, during ``with_early_step``

    def add(self, tables: Sequence[Scope]) -> None:
        """Append tables without a past."""
        for table in tables:
            self._row[table] = len(self._row)
        self._lately.add(len(tables))

    def append(self, start: int, called: Floats) -> None:
        """Append consecutive steps, (steps, tables, len(CALLED)), later than those before."""
        self._lately.write(start // self._step, *np.moveaxis(called, -1, 0))

    def correct(self, start: int, more: Floats) -> None:
        """Add late data, (tables, len(CALLED)), to a step of the last hours."""
        index, (rows,) = start // self._step, np.nonzero(more[:, 0])
        for layer in range(len(CALLED)):
            known = np.nan_to_num(self._lately.pick(layer, rows, index, index + 1)[0])
            self._lately.change(layer, index, rows, known + more[rows, layer])

    @contextmanager
    def with_early_step(self, start: int, called: Floats) -> Iterator[None]:
        """Let the step at ``start``, which is not over, hold (tables, len(CALLED)) in this context."""
        self._early = start // self._step, called
        try:
            yield
        finally:
            self._early = None

    def of(self, table: Scope, first: int, last: int) -> Calling | None:
        """Return the calls of a table from step ``first`` up to ``last``; None if nothing is known."""
        row = self._row.get(table)
        if row is None:
            return None
        layers = range(len(CALLED))
        sums = np.array([np.nansum(self._lately.pick(layer, [row], first, last)) for layer in layers])
        if self._early is not None and first <= self._early[0] < last and row < len(self._early[1]):
            sums += self._early[1][row]
        calls, requests, squares = sums.tolist()
        return Calling(requests, max(squares / calls, 1.0)) if squares > 0 and calls > 0 else None

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot; before version 0.3 there was none."""
        if parts:
            super().restore(parts)
