"""How far event time has come in one source partition, and which time stamps may move it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

IdOf = Callable[[int], str | None]

DAY: Final = 86400.0
CONFIRM_NEAR: Final = 2
"""Records that must agree before time leaps ahead by up to a day, or begins."""
CONFIRM_FAR: Final = 32
"""Records that must agree before time leaps ahead by more than a day."""


def _without_id(_: int) -> None:
    """Return no id."""


@dataclass(slots=True)
class Admission:
    """What became of each stamp of a run: row numbers, in record order."""

    accepted: NDArray[np.int64]
    newest: NDArray[np.float64]  # running maximum at each accepted row
    refuted: list[int]
    held: list[int]  # not decided yet: to be handed in again before the records that follow


class EventTime:
    """The running maximum of a partition's time stamps, guarded against wild clocks.

    A stamp more than ``future`` seconds ahead of the maximum is a *leap*: either a wild clock or the end
    of a quiet stretch, and only what follows can tell. A leap is held back. It is refuted by a record
    that lies more than ``future`` behind it, and confirmed when ``CONFIRM_NEAR`` records in a row, itself
    among them, lie as far ahead or further (``CONFIRM_FAR`` when the leap is longer than a day): so a
    wild one confirms what it lies ahead of, and not itself. The first record of a partition is a leap
    out of nothing, so that one wild stamp at the very start does not poison the partition. A record
    that comes again under its id confirms nothing: senders repeat what they sent, wrong clock and all.

    Holding costs little delay: the bucket of the newest record cannot close before a later record anyway.
    Only where each record lies more than ``future`` after the one before, a bucket closes one record later.
    The outcome depends on the records in their order only, not on how they are cut into runs.

    The limits of the method: two wild records in a row do move time by up to a day, or by anything at the
    very start; further than a day it takes 32 in a row, which one record that is repeated so often is too.
    And a straggler from before a quiet stretch, or a repeat of a record from there, that comes right after
    the first record behind the stretch refutes that one.

    Parameters
    ----------
    future
        Seconds that a stamp may lie ahead of the partition's newest without being doubted.
    """

    def __init__(self, future: float) -> None:
        self.future = future
        self.newest = -np.inf

    def admit(self, ts: NDArray[np.float64], id_of: IdOf = _without_id, *, last: bool = False) -> Admission:
        """Decide on the stamps of a run.

        Parameters
        ----------
        ts
            (n,) epoch seconds in record order; those held by the run before come first.
        id_of
            Gives the id of the record in a row; asked of few.
        last
            Nothing follows: what nobody refuted is accepted if it leaps at most a day (or starts the
            partition), and refuted if it leaps further.
        """
        newest = self.admit_all(ts)
        if newest is not None:
            return Admission(np.arange(len(ts)), newest, [], [])
        return self._one_by_one(ts, id_of, last)

    def admit_all(self, ts: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Admit all stamps of a run at once, where none of them is a leap and none is held.

        Returns
        -------
        (n,) the running maximum; None, and nothing has happened, when a stamp needs to be decided on.
        """
        if not len(ts) or not np.isfinite(self.newest):
            return None
        newest: NDArray[np.float64] = np.maximum(np.maximum.accumulate(ts), self.newest)
        if ts[0] > self.newest + self.future or not bool(np.all(ts[1:] <= newest[:-1] + self.future)):
            return None
        self.newest = float(newest[-1])
        return newest

    def _one_by_one(self, ts: NDArray[np.float64], id_of: IdOf, last: bool) -> Admission:
        stamps: list[float] = ts.tolist()
        accepted: list[int] = []
        newest: list[float] = []
        refuted: list[int] = []
        held: list[int] = []

        def settle(*, last: bool) -> None:
            nonlocal held
            reached = self._reached({row: stamps[row] for row in held}, id_of, last=last)
            for row in held:
                if stamps[row] <= reached:
                    self.newest = max(self.newest, stamps[row])
                    accepted.append(row)
                    newest.append(self.newest)
            held = [row for row in held if stamps[row] > reached]

        for row, stamp in enumerate(stamps):
            if held:
                wild = [earlier for earlier in held if stamps[earlier] > stamp + self.future]
                refuted += wild
                held = [earlier for earlier in held if stamps[earlier] <= stamp + self.future]
            held.append(row)
            if len(held) == 1 and stamp > self.newest + self.future:
                continue  # nothing agrees with it yet
            settle(last=False)
        if last:
            settle(last=True)
            refuted += held
            held = []
        return Admission(np.array(accepted, np.int64), np.array(newest, np.float64), sorted(refuted), held)

    def _reached(self, held: Mapping[int, float], id_of: IdOf, *, last: bool) -> float:
        """Return up to which time the held stamps, by row, are confirmed.

        From the earliest on: each that is confirmed is what the next leaps ahead of.
        """
        reached = self.newest
        for stamp in sorted(held.values()):
            leap = stamp - reached
            needed = CONFIRM_FAR if math.isfinite(leap) and leap > DAY else CONFIRM_NEAR
            if leap > self.future and not (last and needed == CONFIRM_NEAR):
                witnesses = [row for row, its in held.items() if its >= stamp - self.future]
                if _agreeing(witnesses, id_of) < needed:
                    break
            reached = max(reached, stamp)
        return reached


def _agreeing(rows: Sequence[int], id_of: IdOf) -> int:
    """Return how many records these are, each id counted once, so that no repeat agrees with itself."""
    if len(rows) >= CONFIRM_FAR:  # a bound: whoever repeats itself so often is not held back for ever
        return len(rows)
    ids = [id_of(row) for row in rows]
    return len(set(filter(None, ids))) + sum(not each for each in ids)


def watermarks(newest: NDArray[np.float64], lateness: int, width: int) -> NDArray[np.int64]:
    """Return the watermark after each record: the newest stamp less the lateness, at a bucket's start.

    Examples
    --------
    >>> watermarks(np.array([1045.5]), 30, 10).tolist()
    [1010]
    """
    return bucket_of(newest - lateness, width)


def bucket_of(ts: NDArray[np.float64], width: int) -> NDArray[np.int64]:
    """Return the start of the bucket each stamp falls into, epoch seconds."""
    return np.floor(ts / width).astype(np.int64) * width
