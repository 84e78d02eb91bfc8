"""Reads the records of one source partition as events, and decides which of their time stamps to believe."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from detectors.model.array_types import Floats, Ints
from streams.engine.decode.event import Event, Stated
from streams.engine.decode.event_time import EventTime
from streams.engine.decode.parse import (
    EARLIEST,
    LATEST,
    MILLISECONDS_FROM,
    Problem,
    parse,
    rejected,
    stamp_of,
)
from streams.engine.decode.rejected import Rejected, RejectReason

PIECE_BYTES: Final = 4 * 1024 * 1024
"""Bytes read at once: the objects of a record may take thirty times its size."""

HeldBack = tuple[int, bytes]
"""How many records before the next run, and the record."""

_NONE: Final[Floats] = np.zeros(0)


class AcceptedEvents(NamedTuple):
    """Events of a run, in the order in which they are accepted."""

    events: list[Event]
    ts: Floats  # (n,) epoch seconds
    newest: Floats  # (n,) event time reached at each, epoch seconds
    records: Sequence[bytes]  # those held back before, then those of the run
    numbers: Ints  # (n,) which of these they are


class EventReader:
    """The plain reader, which defines what a record means.

    A record that leaps ahead of all others is held back until later records confirm or refute it
    (``streams.engine.decode.event_time.EventTime``).

    Parameters
    ----------
    future
        Seconds that a stamp may lie ahead of its arrival.
    """

    def __init__(self, future: float) -> None:
        self.time = EventTime(future)
        self.held: list[HeldBack] = []

    def read(
        self, records: Sequence[bytes], arrived: Floats | None, *, last: bool = False, start: bool = False
    ) -> tuple[AcceptedEvents, list[Rejected]]:
        """Read consecutive records, which arrived at ``arrived`` (n,) epoch seconds, None if unknown.

        Parameters
        ----------
        last
            Nothing follows: accept or reject what is held back.
        start
            Nothing follows for a while: accept what is held back at the start of a partition.
        """
        indices: Sequence[int] = range(len(records))
        if self.held:
            if arrived is not None:  # theirs is not needed again
                arrived = np.concatenate((np.full(len(self.held), np.nan), arrived))
            indices = [-back for back, _ in self.held] + list(indices)
            records = [record for _, record in self.held] + list(records)
        events, rows, problems = parse(records)
        ts, good = stamps_of(events, rows, problems)
        if len(good) < len(events):
            events, rows = [events[k] for k in good], [rows[k] for k in good]
        arrived = arrived if arrived is None else arrived[rows]
        admitted = self.time.admit(ts, arrived, last=last, start=start)
        for row in admitted.refuted:
            problems[rows[row]] = RejectReason.FAR_FUTURE, self._far_ahead(ts[row], arrived, row)
        numbers = np.array(rows, np.int64)[admitted.accepted]
        now = len(records) - len(self.held)
        self.held = [(now - indices[rows[row]], records[rows[row]]) for row in admitted.held]
        if len(admitted.accepted) < len(events):
            events, ts = [events[row] for row in admitted.accepted.tolist()], ts[admitted.accepted]
        bad = [rejected(records[row], indices[row], problem) for row, problem in sorted(problems.items())]
        return AcceptedEvents(events, ts, admitted.newest, records, numbers), bad

    def finish(self, *, last: bool) -> tuple[AcceptedEvents, list[Rejected]]:
        """Decide on what is held back: nothing follows, or (not ``last``) nothing for a while."""
        return self.read([], None if self.time.arrival is None else _NONE, last=last, start=not last)

    def _far_ahead(self, ts: float, arrived: Floats | None, row: int) -> str:
        ahead = np.nan if arrived is None else ts - arrived[row]
        if ahead > self.time.future:
            return f"ts {ts} is {ahead:,.0f} s after the record arrived; check the sender's clock"
        return f"ts {ts} is far ahead of the records around it; check the sender's clock"

    def restore(self, held: list[HeldBack], newest: float | None, time: Any, arrays: Any) -> None:
        """Continue from a snapshot of ``held`` and ``time``, or of the newest stamp alone."""
        self.held = held
        if time is None:  # versions before 0.2
            self.time.restart(newest, len(held))
        else:
            self.time.restore(time, arrays)


def stamps_of(
    events: list[Event], rows: list[int], problems: dict[int, Problem]
) -> tuple[Floats, Sequence[int]]:
    """Return the epoch seconds of the events with a time and a name, and which events these are."""
    raw = [event.ts for event in events]
    ts = np.array(raw)
    if ts.dtype == np.float64 and all([event.service for event in events]):  # noqa: C419 - a list is faster here
        ts = np.where(ts > MILLISECONDS_FROM, ts / 1000, ts)
        if not len(ts) or (ts.min() >= EARLIEST and ts.max() < LATEST):
            return ts, range(len(events))
    stamps, good = [], []
    for number, event in enumerate(events):
        stamp = stamp_of(event.ts)
        if isinstance(stamp, tuple):
            problems[rows[number]] = stamp
        elif not (event.service or event.route or event.function or isinstance(event, Stated)):
            problems[rows[number]] = RejectReason.NO_NAME, "an event needs one of service, route, function"
        else:
            stamps.append(stamp)
            good.append(number)
    return np.array(stamps, np.float64), good
