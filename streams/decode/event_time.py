"""Event time of one source partition, and which time stamps may advance it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

IdOf = Callable[[int], str | None]

DAY: Final = 86400.0
CONFIRM_NEAR: Final = 2
"""Records that must agree before time leaps ahead by up to a day, or starts."""
CONFIRM_FAR: Final = 32
"""Records that must agree before time leaps ahead by more than a day."""


def _without_id(_: int) -> None:
    """Return no id."""


@dataclass(slots=True)
class Admission:
    """The decision on each stamp of a run: row numbers, in record order."""

    accepted: NDArray[np.int64]
    newest: NDArray[np.float64]  # running maximum at each accepted row
    refuted: list[int]
    held: list[int]  # not decided yet: pass them again before the records that follow


class EventTime:
    """The running maximum of a partition's time stamps, guarded against wild clocks.

    A stamp more than ``future`` seconds ahead of the maximum is a *leap*: either a wild clock or the end of
    a quiet period, which only the following records can decide. So a leap is held back. A record more than
    ``future`` behind it refutes it. ``CONFIRM_NEAR`` records in a row that lie as far ahead or further,
    itself included, confirm it (``CONFIRM_FAR`` when it leaps more than a day): a wild stamp thus confirms
    those it is ahead of, but not itself. The first record of a partition counts as a leap, so that one wild
    stamp at the start does not poison the partition. A repeat of an id confirms nothing: senders repeat
    records with their wrong clocks.

    Holding costs little delay: the bucket of the newest record cannot close before a later record anyway.
    Only when every record lies more than ``future`` after its predecessor does a bucket close one record
    later. The outcome depends on the order of the records, not on how they are chunked.

    Limits of the method: two wild records in a row do advance time by up to a day, or by any amount at the
    start; beyond a day it takes 32 in a row, and one record repeated that often suffices. A straggler or
    repeat from before a quiet period that arrives right after the first record behind the period refutes
    that record.

    Parameters
    ----------
    future
        Seconds that a stamp may lie ahead of the partition's newest without being a leap.
    """

    def __init__(self, future: float) -> None:
        self.future = future
        self.newest = -np.inf

    def admit(self, ts: NDArray[np.float64], id_of: IdOf = _without_id, *, last: bool = False) -> Admission:
        """Decide on the stamps of a run.

        Parameters
        ----------
        ts
            (n,) epoch seconds in record order; those held back by the previous run come first.
        id_of
            Returns the id of the record in a row; called for few.
        last
            Nothing follows: a stamp not refuted is accepted if it leaps at most a day (or starts the
            partition), and refuted if it leaps further.
        """
        newest = self.admit_all(ts)
        if newest is not None:
            return Admission(np.arange(len(ts)), newest, [], [])
        return self._one_by_one(ts, id_of, last)

    def admit_all(self, ts: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Admit all stamps of a run at once, if none of them is a leap and none is held back.

        Returns
        -------
        (n,) the running maximum; None, and no change, if stamps must be decided one by one.
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
                continue  # no other record agrees with it yet
            settle(last=False)
        if last:
            settle(last=True)
            refuted += held
            held = []
        return Admission(np.array(accepted, np.int64), np.array(newest, np.float64), sorted(refuted), held)

    def _reached(self, held: Mapping[int, float], id_of: IdOf, *, last: bool) -> float:
        """Return the time up to which the held stamps, by row, are confirmed.

        It starts with the earliest: the leap of each stamp is measured from the last one confirmed.
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
    """Return how many records these are, counting each id once, so that no repeat agrees with itself."""
    if len(rows) >= CONFIRM_FAR:  # a bound: a record repeated this often is not held back for ever
        return len(rows)
    ids = [id_of(row) for row in rows]
    return len(set(filter(None, ids))) + sum(not each for each in ids)
