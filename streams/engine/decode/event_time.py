"""Event time of one source partition: how far records may move it, and which stamps are too far ahead.

A clock that runs ahead must cost its own sender alone. So no record is believed alone: its stamp
counts for at most what its arrival, less the usual delay of the records around it, makes possible.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Floats, Ints
from detectors.state.compiled import unlocked
from streams.engine.decode.usual_delay import (
    ARRIVAL,
    COUNT,
    EVERY,
    FILLED,
    GUARDED,
    NEWEST,
    SEEN,
    SINCE,
    SPREAD,
    TIMELY,
    USUAL,
    WINDOW,
    WINDOW_WITHOUT_ARRIVAL,
    new_levels,
    new_scratch,
    new_slots,
    refresh,
)

DAY: Final = 86400.0
LONG_AGO: Final = 1200.0
"""Seconds behind the time reached from which on a record is history, which has no say in the usual delay:
however many somebody sends, time goes on by those that are of today. Firehose delivers after a quarter of an
hour at the latest.
"""
EARLY: Final = 16
"""Records, with arrival, at each of which the usual delay is found in a window that begins."""
UNKNOWN_ARRIVAL: Final = 4_102_444_800.0
"""The year 2100, for a record among others with arrival whose own is unknown: it bounds nothing."""
REFRESH_SECONDS: Final = 10.0
"""Seconds of arrival after which it is found again in thin traffic."""
AHEAD_OF_BULK: Final = 3.0
"""In records in order, the newest is twice as far ahead of the median as the lower quartile is behind it;
records since then come on top. That far ahead, a stamp is not held back.
"""
START: Final = 32
"""Records whose median starts a partition whose records are old, unless it falls idle before."""
CLEARLY_BACK: Final = 60.0
"""Seconds by which a record lies back for certain; as are twenty times the usual time between records."""
CONFIRM_FAR: Final = 32
"""At the end of a source: records that must agree before time leaps ahead by more than a day."""

_ACCEPTED, _HELD, _AHEAD = 0, 1, 2


@dataclass(slots=True)
class Admission:
    """The decision on each stamp of a run: row numbers, in the order in which they are admitted."""

    accepted: Ints
    newest: Floats  # event time reached at each accepted row
    refuted: list[int]
    held: list[int]  # not decided yet: pass them again before the records that follow


class _State(msgspec.Struct, array_like=True):
    plain: bool
    marks: list[int]
    levels: list[float | None]
    held_at: list[int]


class EventTime:
    """The event time that the records of a partition have reached.

    Every record moves it to its stamp, but not beyond its arrival less the usual delay: the median over the
    last ``WINDOW`` records, at least 0, and in dense traffic no less than that of the last two minutes. So no
    clock moves it beyond arrival, and what a minority of senders claims does not move it at all, even if it
    comes in a row. Thin traffic costs no delay, since delays do not change while nothing arrives. Records
    without arrival (files) are compared with the median stamp of the last
    ``WINDOW_WITHOUT_ARRIVAL`` records instead.

    A stamp more than ``future`` seconds ahead of its arrival is refuted at once. One as far ahead of the time
    reached, and as far behind its arrival, is either a wild clock within old records or the end of a
    quiet period: it is held back until the time reached comes within ``future`` of it, which accepts it, or
    a window of records has passed, which refutes it.

    The outcome depends on the records, their arrivals and their order, not on how they are chunked.
    """

    def __init__(self, future: float) -> None:
        self.future = future  # seconds that a stamp may lie ahead
        self._held_at: list[int] = []  # number, in the partition, of each record held back
        self._begin(plain=False)
        self._levels = new_levels()
        self._slots = new_slots()
        self._newest_before = -np.inf  # the run that is being decided

    def _begin(self, *, plain: bool) -> None:
        """Start an empty window of records with or (``plain``) without arrival."""
        self._plain = plain
        size = WINDOW_WITHOUT_ARRIVAL if plain else WINDOW
        self._delays, self._arrivals, self._scratch = np.zeros(size), np.zeros(size), new_scratch(size)
        self._marks = np.zeros(3, np.int64)

    @property
    def newest(self) -> float:
        """The event time reached, epoch seconds; minus infinity before any."""
        return float(self._levels[NEWEST])

    @property
    def arrival(self) -> float | None:
        """When the newest record arrived that had a say in time, epoch seconds; None if that is unknown."""
        arrival = float(self._levels[ARRIVAL])
        return None if self._plain or not np.isfinite(arrival) else arrival

    @property
    def timely(self) -> int:
        """The number of records that had a say in time: not of clocks that are ahead, nor of long ago."""
        return int(self._levels[TIMELY])

    @property
    def usual_delay(self) -> float:
        """Seconds from the stamp of a record to its arrival, as is usual now; 0 where arrival is unknown."""
        return 0.0 if self._plain else max(float(self._levels[USUAL]), 0.0)

    def reached_at(self, arrival: float) -> float:
        """Return the event time that a record with the usual delay reaches if it arrives at ``arrival``."""
        return arrival - max(float(self._levels[USUAL]), 0.0)

    def admit(
        self, ts: Floats, arrived: Floats | None = None, *, last: bool = False, start: bool = False
    ) -> Admission:
        """Decide on the stamps of a run.

        Parameters
        ----------
        ts
            (n,) epoch seconds in record order; those held back by the previous run come first.
        arrived
            (n,) when each arrived, epoch seconds; None if that is unknown. Of those held back it is ignored.
        last
            Nothing follows: everything held back is accepted or refuted.
        start
            Nothing follows for a while: a partition that has not started does, with the records it has.
        """
        again = len(self._held_at)
        if not again:
            newest = self.admit_all(ts, arrived)
            if newest is not None:
                return Admission(np.arange(len(ts)), newest, [], [])
        self._newest_before = self.newest
        newest, bounds, fates = self._advance(ts[again:], None if arrived is None else arrived[again:])
        return self._decide(ts, newest, bounds, fates, last=last, start=start)

    def admit_all(self, ts: Floats, arrived: Floats | None = None) -> Floats | None:
        """Admit all stamps of a run at once, if each is accepted at once.

        Returns
        -------
        (n,) the event time reached after each; None, and no change, if stamps must be decided one by one.
        """
        before = self._plain, self._delays, self._arrivals, self._marks, self._levels, self._slots
        self._delays, self._arrivals = self._delays.copy(), self._arrivals.copy()
        self._marks, self._levels = self._marks.copy(), self._levels.copy()
        self._slots = self._slots.copy()
        newest, _, fates = self._advance(ts, arrived)
        if not fates.any():
            return newest
        self._plain, self._delays, self._arrivals, self._marks, self._levels, self._slots = before
        self._scratch = new_scratch(len(self._delays))
        return None

    def _advance(self, ts: Floats, arrived: Floats | None) -> tuple[Floats, Floats, NDArray[np.int8]]:
        """Return the time reached after each record, the latest stamp accepted then, and its fate."""
        plain = arrived is None
        if plain is not self._plain and len(ts):
            self._held_at = [at - int(self._marks[COUNT]) for at in self._held_at]
            self._begin(plain=plain)
        newest, bounds, fates = np.empty(len(ts)), np.empty(len(ts)), np.zeros(len(ts), np.int8)
        _advance(
            ts, ts if arrived is None else arrived, plain, self.future, self._delays, self._arrivals,
            self._scratch, self._slots, self._marks, self._levels, newest, bounds, fates,
        )  # fmt: skip
        return newest, bounds, fates

    def _decide(
        self, ts: Floats, newest: Floats, bounds: Floats, fates: NDArray[np.int8], *, last: bool, start: bool
    ) -> Admission:
        """Decide on the records held back before and in this run, which is in the window."""
        again, end = len(self._held_at), int(self._marks[COUNT])
        first = end - len(newest)  # the number, in the partition, of the first new record
        at = [*self._held_at, *range(first, end)]
        reached = np.concatenate((np.full(again, np.nan), newest))  # by row: the time at its admission
        index = np.arange(-again, len(newest))  # by row: of the new record that admits it
        refuted = (np.flatnonzero(fates == _AHEAD) + again).tolist()
        waiting = [*range(again), *(np.flatnonzero(fates == _HELD) + again).tolist()]
        held: list[int] = []
        started = int(np.argmax(np.isfinite(newest))) if len(newest) and np.isfinite(newest[-1]) else -1
        starts = started >= 0 and not np.isfinite(self._newest_before)
        for row in waiting:
            limit = at[row] + len(self._delays)  # the number of the last record that it waits for
            begin, stop = max(at[row] - first, 0), max(min(limit + 1, end) - first, 0)
            within = np.flatnonzero(bounds[begin:stop] >= ts[row])
            if len(within):
                index[row] = begin + int(within[0])  # just before that record, which may move time far
                reached[row] = newest[index[row] - 1] if index[row] else self._newest_before
            elif limit < end:
                refuted.append(row)
            else:
                held.append(row)
        out = {*refuted, *held}
        admitted = [row for row in range(len(at)) if row not in out]
        if starts:
            early = [row for row in admitted if index[row] == started]
            before = [row for row in early if at[row] < first + started]
            reached[before] = _beginning(ts[early], newest[started])
        if start and held and not np.isfinite(self.newest):
            bulk = float(np.median(ts[held]))
            accepted = [row for row in held if ts[row] <= bulk + self.future]
            index[accepted] = len(newest)
            reached[accepted] = self._levels[NEWEST] = _beginning(ts[accepted], bulk)
            admitted += accepted
            held = [row for row in held if ts[row] > bulk + self.future]
        if last and held:
            accepted = self._at_the_end(ts, held, at)
            index[held] = len(newest)
            reached[held] = self.newest
            if not np.isfinite(self.newest) and accepted:
                stamps = ts[accepted]
                reached[held] = self._levels[NEWEST] = _beginning(stamps, float(np.median(stamps)))
            admitted += accepted
            refuted += [row for row in held if row not in accepted]
            held = []
        admitted.sort(key=lambda row: (int(index[row]), row))
        self._held_at = [at[row] for row in held]
        return Admission(np.array(admitted, np.int64), reached[admitted], sorted(refuted), held)

    def _at_the_end(self, ts: Floats, held: list[int], at: list[int]) -> list[int]:
        """Return which of the records held back are accepted now that nothing follows.

        A stamp is refuted if most records after it lie further back, or if it leaps more than a day and too
        few agree.
        """
        stamps, count = self._window_stamps(), int(self._marks[COUNT])
        plausible = []
        for row in held:
            after = stamps[max(len(stamps) - (count - 1 - at[row]), 0) :]
            back = int(np.count_nonzero(after < ts[row] - self.future))
            if len(after) - back + 1 >= back:
                plausible.append(row)
        reached = self.newest if np.isfinite(self.newest) else float(np.median(ts[plausible or held]))
        accepted = []
        for row in sorted(plausible, key=lambda row: float(ts[row])):
            agreeing = np.count_nonzero(ts[plausible] >= ts[row] - self.future)
            if ts[row] - reached > DAY and agreeing < CONFIRM_FAR:
                break
            reached = max(reached, float(ts[row]))
            accepted.append(row)
        return accepted

    def _window_stamps(self) -> Floats:
        size, count = len(self._delays), int(self._marks[COUNT])
        filled = min(count, size)
        order = np.arange(count - filled, count) % size
        stamps: Floats = (0.0 if self._plain else self._arrivals[order]) - self._delays[order]
        return stamps

    def end(self) -> float | None:
        """Return the latest stamp that is believed now that nothing follows, epoch seconds; None before any.

        A stamp is not if most records after it lie clearly further back: by a minute, and by more than
        records in a row do.
        """
        stamps = self._window_stamps()
        if not len(stamps):
            return None
        low, high = np.quantile(stamps, (0.25, 0.75))
        clearly = max(CLEARLY_BACK, 20 * 2 * float(high - low) / len(stamps))
        believed = [
            float(stamp)
            for row, stamp in enumerate(stamps)
            if 2 * np.count_nonzero(stamps[row + 1 :] < stamp - clearly) <= len(stamps) - row
        ]
        return max(believed, default=None)

    def pack(self) -> tuple[object, dict[str, NDArray[Any]]]:
        """Return the state as a meta value and arrays."""
        levels = [float(level) if np.isfinite(level) else None for level in self._levels]
        state = _State(self._plain, self._marks.tolist(), levels, self._held_at)
        return msgspec.to_builtins(state), {
            "delays": self._delays,
            "arrivals": self._arrivals,
            "slots": self._slots,
        }

    def restore(self, state: object, arrays: dict[str, NDArray[Any]]) -> None:
        """Continue from the state that ``pack`` returned."""
        held = msgspec.convert(state, _State)
        self._begin(plain=held.plain)
        self._delays, self._arrivals = arrays["delays"], arrays["arrivals"]
        self._marks = np.array(held.marks, np.int64)
        levels = [-np.inf if level is None else level for level in held.levels]
        self._levels = np.array([*levels, *new_levels()[len(levels) :]])  # earlier versions had fewer
        self._slots = arrays.get("slots", new_slots())
        self._held_at = list(held.held_at)

    def restart(self, newest: float | None, held: int) -> None:
        """Continue from a state of versions that kept only the newest stamp, with records held back."""
        self._begin(plain=self._plain)
        self._levels[NEWEST] = -np.inf if newest is None else newest
        self._held_at = list(range(held))
        self._marks[COUNT] = held


def _beginning(stamps: Floats, bulk: float) -> float:
    """Return where records begin: the earliest stamp that no day without a stamp parts from the bulk."""
    earlier = np.sort(stamps[stamps <= bulk])[::-1]
    apart = np.flatnonzero(np.diff(earlier) < -DAY)
    return float(earlier[apart[0] if len(apart) else -1]) if len(earlier) else bulk


@unlocked
def _advance(  # noqa: PLR0917 - compiled code takes arrays, not objects
    ts: Floats, arrived: Floats, plain: bool, future: float, delays: Floats, arrivals: Floats,
    scratch: Floats, slots: Floats, marks: Ints, levels: Floats, newest: Floats, bounds: Floats,
    fates: NDArray[np.int8],
) -> None:  # fmt: skip
    """Add records: write the time reached after each, the latest stamp accepted then, and its fate."""
    size = len(delays)
    every = EVERY[1] if plain else EVERY[0]
    for row in range(len(ts)):
        arrival = 0.0 if plain else arrived[row]
        delay = arrival - ts[row]
        if not plain and delay < -future:
            fates[row] = _AHEAD
            delay = delays[(marks[COUNT] - 1) % size] if marks[FILLED] else 0.0  # it is no evidence
        elif not plain and ts[row] < levels[NEWEST] - LONG_AGO:
            delay = levels[USUAL]  # neither is it
        else:
            levels[ARRIVAL] = arrival
            levels[TIMELY] += 1
        delays[marks[COUNT] % size] = delay
        arrivals[marks[COUNT] % size] = arrival
        marks[COUNT] += 1
        marks[FILLED] = min(marks[FILLED] + 1, size)
        marks[SINCE] += 1
        if fates[row] == _AHEAD:
            newest[row] = bounds[row] = levels[NEWEST]
            continue
        started = levels[NEWEST] > -np.inf
        if (
            marks[SINCE] >= every
            or not started
            or (not plain and (marks[FILLED] < EARLY or abs(arrival - levels[SEEN]) >= REFRESH_SECONDS))
        ):
            refresh(plain, delays, arrivals, scratch, slots, marks, levels)
        near = not plain and delay <= future
        if not started:
            filled = marks[FILLED]
            started = near or filled >= (size if plain else START)
        bounds[row] = -np.inf
        if started:
            reached = arrival - (levels[USUAL] if plain else max(levels[USUAL], 0.0))
            guarded = reached - max(levels[GUARDED] - max(levels[USUAL], 0.0), 0.0)
            levels[NEWEST] = max(levels[NEWEST], min(ts[row], guarded))
            bounds[row] = max(levels[NEWEST], reached + AHEAD_OF_BULK * levels[SPREAD]) + future
        newest[row] = levels[NEWEST]
        if not near and not ts[row] <= bounds[row]:
            fates[row] = _HELD
