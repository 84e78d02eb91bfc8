"""Reads the records of one source partition as events, and decides which of their time stamps to believe."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints
from detectors.state.compiled import COMPILES
from streams.engine.decode.event import LONG_MS, LONGEST_MS, Event, Stated
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
from streams.engine.decode.records import Records
from streams.engine.decode.rejected import Rejected, RejectReason

if COMPILES:
    from streams.engine.decode.scan.scanner import Scanner

PIECE_BYTES: Final = 4 * 1024 * 1024
"""Bytes read at once: the objects of a record may take thirty times its size."""

NAMELESS: Final = Scanner() if COMPILES else None
"""The compiled reader of checks, which all share, one at a time."""

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


class ScannedRecords(NamedTuple):
    """Records that the compiled reader has read, but for those that it left to the plain one."""

    read: Bools  # (n,) which are events
    ts: Floats  # (k,) epoch seconds of these
    newest: Floats  # (k,) event time reached at each, epoch seconds
    left: int
    plain: AcceptedEvents | None  # of those left
    rejected: list[Rejected]


class EventReader:
    """Two readers of records: a plain one, which defines what they mean, and a compiled one, which agrees.

    A record that leaps ahead of all others is held back until later records confirm or refute it
    (``streams.engine.decode.event_time.EventTime``).

    Parameters
    ----------
    future
        Seconds that a stamp may lie ahead of its arrival.
    scanner
        The compiled reader; without it, all is read by the plain one, several times slower.
    """

    def __init__(self, future: float, scanner: "Scanner | None" = None) -> None:
        self.scanner = scanner
        self.time = EventTime(future)
        self.held: list[HeldBack] = []

    def read(
        self, records: Sequence[bytes], arrived: Floats | None, *, last: bool = False, start: bool = False
    ) -> tuple[AcceptedEvents, list[Rejected]]:
        """Read consecutive records plainly, which arrived at ``arrived`` (n,) epoch seconds, None if unknown.

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
        ts = _counted(events, ts, arrived)
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

    def scan(self, records: Records, arrived: Floats | None) -> ScannedRecords | None:
        """Read up to ``scanner.ROWS`` records by the compiled reader, as ``read`` does.

        None, and no change, if they must be read plainly: there is no compiled reader, or the stamps must be
        decided one by one.
        """
        if self.scanner is None or self.held or not len(records):
            return None
        read, stamps = self.scanner.scan(records)
        left = np.flatnonzero(~read)
        plain, bad = None, list[Rejected]()
        if len(left):
            raw = [records[row] for row in left.tolist()]
            events, rows, problems = parse(raw)
            ts, good = stamps_of(events, rows, problems)
            numbers = left[[rows[k] for k in good]]
            good_events = [events[k] for k in good]
            ts = _counted(good_events, ts, arrived if arrived is None else arrived[numbers])
            plain = AcceptedEvents(good_events, ts, np.zeros(len(ts)), records, numbers)
            bad = [rejected(raw[row], int(left[row]), problem) for row, problem in sorted(problems.items())]
            stamps[numbers] = ts
            read[numbers] = True
            stamps = stamps[read]
            arrived = arrived if arrived is None else arrived[read]
        newest = self.time.admit_all(stamps, arrived)
        return None if newest is None else ScannedRecords(read, stamps, newest, len(left), plain, bad)

    def check(self, records: Records, arrived: Floats) -> tuple[Floats, list[Rejected]]:
        """Read up to ``scanner.ROWS`` records; return the stamps of events, and the bad records."""
        scanned = self.scan(records, arrived)
        if scanned is not None:
            return scanned.ts, scanned.rejected
        accepted, bad = self.read(records, arrived)
        return accepted.ts, bad

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


def _counted(events: list[Event], ts: Floats, arrived: Floats | None) -> Floats:
    """Return when each event counts: when it began; of a long request, when it ended."""
    lasted = np.array([_milliseconds(event) for event in events])
    long = (lasted > LONG_MS) & (lasted <= LONGEST_MS)
    if not long.any():
        return ts
    ends = ts + lasted / 1000
    if arrived is not None:  # what has arrived has ended
        ends = np.fmin(ends, np.fmax(arrived, ts))
    return np.where(long, ends, ts)


def _milliseconds(event: Event) -> float:
    if isinstance(event, Stated) or event.ms is None:
        return 0.0
    return (event.ms.function if event.ms.total is None else event.ms.total) or 0.0
