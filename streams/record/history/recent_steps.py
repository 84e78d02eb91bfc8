"""The steps that are in no file yet, decoded once for all views of the history.

Their rows are some hundred megabytes with 50,000 series, and a daemon has four views.
"""

import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.engine.detect.step_record import Layer, StepRecord, decode_step
from streams.record.history.history_rows import HistoryRows
from streams.record.history.series_names import SeriesNames
from streams.record.history.step_rows import StepRows


class NewestStep(NamedTuple):
    """The newest step of a shard, and the numbers of the series that it refers to."""

    record: StepRecord
    series: list[int]


class StepsRead(NamedTuple):
    """Recent steps at one moment. Their amounts stay encoded until rows are needed."""

    given: Sequence[bytes]
    bodies: Sequence[tuple[int, int, bytes]]  # with start and shard, in order; none of damaged hours
    layers: Sequence[tuple[int, Sequence[Layer]]]  # with the start of their step
    newest: Sequence[NewestStep]  # of each shard


NO_STEPS: Final = StepsRead((), (), (), ())


class RecentSteps:
    """Decodes recent steps; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names = SeriesNames()
        self._rows = StepRows(self._names)
        self._read = NO_STEPS
        self._beyond: tuple[StepsRead, int, HistoryRows] | None = None

    def read(self, bodies: Sequence[bytes]) -> StepsRead:
        """Return steps, those of ``Segments.recent``; the same ones are not decoded again."""
        with self._lock:
            if list(self._read.given) != list(bodies):
                self._beyond, self._read = None, self._decoded(bodies)
            return self._read

    def _decoded(self, given: Sequence[bytes]) -> StepsRead:
        bodies: list[tuple[int, int, bytes]] = []
        layers: list[tuple[int, Sequence[Layer]]] = []
        newest: dict[int, NewestStep] = {}
        for hour, steps in self._rows.read_hours(given):
            bodies += [(step.start, step.shard, body) for step, body in zip(steps, hour, strict=True)]
            layers += [(record.start, record.layers) for record in steps]
            shard = steps[-1].shard
            newest[shard] = NewestStep(steps[-1], self._rows.ids_of(shard))
        return StepsRead(given, sorted(bodies), layers, list(newest.values()))

    def beyond(self, read: StepsRead, written: int) -> HistoryRows:
        """Return the rows of the steps that start at ``written`` or later."""
        with self._lock:
            known = self._beyond
            if known is None or known[0] is not read or known[1] != written:
                self._beyond = None  # both at once would take twice the memory
                steps = (decode_step(body) for start, _, body in read.bodies if start >= written)
                known = self._beyond = read, written, self._rows.rows(steps)
            return known[2]

    def name(self, names: SeriesNames, known: int) -> int:
        """Add the names of series to others, which have the first ``known``; return how many there are."""
        with self._lock:
            names.add(key for _, key in self._names.since(known))
            return len(self._names)
