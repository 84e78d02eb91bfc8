"""How far event time has come in one source partition, and which time stamps may move it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAY: Final = 86400.0
CONFIRM_NEAR: Final = 2
"""Records that must agree before time leaps ahead by up to a day, or begins."""
CONFIRM_FAR: Final = 32
"""Records that must agree before time leaps ahead by more than a day."""


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
    that lies more than ``future`` behind it, and confirmed when ``CONFIRM_NEAR`` records in a row lie
    ahead (``CONFIRM_FAR`` when the leap is longer than a day). The first record of a partition is a
    leap out of nothing, so that one wild stamp at the very start does not poison the partition.

    Holding costs no delay: the bucket of the newest record cannot close before a later record anyway.
    The outcome depends on the records in their order only, not on how they are cut into runs. The limit
    of the method: two wild records in a row at the very start, or 32 in a row later, do move time.

    Parameters
    ----------
    future
        Seconds that a stamp may lie ahead of the partition's newest without being doubted.
    """

    def __init__(self, future: float) -> None:
        self.future = future
        self.newest = -np.inf

    def admit(self, ts: NDArray[np.float64], *, last: bool = False) -> Admission:
        """Decide on the stamps of a run.

        Parameters
        ----------
        ts
            (n,) epoch seconds in record order; those held by the run before come first.
        last
            Nothing follows: what nobody refuted is accepted if it leaps at most a day (or starts the
            partition), and refuted if it leaps further.
        """
        newest = self.admit_all(ts)
        if newest is not None:
            return Admission(np.arange(len(ts)), newest, [], [])
        return self._one_by_one(ts, last)

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

    def _one_by_one(self, ts: NDArray[np.float64], last: bool) -> Admission:
        stamps: list[float] = ts.tolist()
        accepted: list[int] = []
        newest: list[float] = []
        refuted: list[int] = []
        held: list[int] = []

        def accept(rows: list[int]) -> None:
            for row in rows:
                self.newest = max(self.newest, stamps[row])
                accepted.append(row)
                newest.append(self.newest)

        for row, stamp in enumerate(stamps):
            if held:
                wild = [earlier for earlier in held if stamps[earlier] > stamp + self.future]
                refuted += wild
                held = [earlier for earlier in held if stamps[earlier] <= stamp + self.future]
            held.append(row)
            if stamp <= self.newest + self.future or len(held) >= self._needed(stamps, held):
                accept(held)
                held = []
        if last and held:
            if self._needed(stamps, held) == CONFIRM_NEAR:
                accept(held)
            else:
                refuted += held
            held = []
        return Admission(np.array(accepted, np.int64), np.array(newest, np.float64), sorted(refuted), held)

    def _needed(self, stamps: list[float], held: list[int]) -> int:
        leap = min(stamps[row] for row in held) - self.newest
        return CONFIRM_FAR if np.isfinite(leap) and leap > DAY else CONFIRM_NEAR


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
