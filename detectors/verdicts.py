"""When a deviation becomes a verdict and when it is over."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.finding import Verdict
from detectors.row_state import Field, RowState

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CODES: Final[tuple[Verdict | None, ...]] = (None, *Verdict)
"""What the codes in a ``Judgement`` mean: index into this tuple."""

SPIKE: Final = CODES.index(Verdict.SPIKE)
DROP: Final = CODES.index(Verdict.DROP)

EXTRAORDINARY: Final = 1.8
"""A deviation so many times as large as the one that has to persist is told on its first step."""

CALM: Final = 0.5
"""Below this fraction of the deviation that is told a step counts as calm."""


UNSEEN: Final = 3
"""What was not measured for so many times the calm steps it would have needed has ended: nobody can tell."""


class Verdicts(RowState):
    """The open verdict of every series."""

    KIND = "verdicts"
    VERSION = 2
    code: NDArray[np.int8]
    since: NDArray[np.int64]  # step index at which the open verdict began
    side: NDArray[np.int8]  # of the deviation lately: 1 above, -1 below
    run: NDArray[np.int64]  # steps this deviation has lasted
    calm: NDArray[np.int64]  # calm steps in a row
    unseen: NDArray[np.int64]  # steps in a row without a measurement

    def __init__(self, persist: int, recover: int, most: int) -> None:
        self._persist, self._recover, self._most = persist, recover, most
        super().__init__(
            {
                "code": Field(0, dtype=np.int8),
                "since": Field(0, dtype=np.int64),
                "side": Field(0, dtype=np.int8),
                "run": Field(0, dtype=np.int64),
                "calm": Field(0, dtype=np.int64),
                "unseen": Field(0, dtype=np.int64),
            }
        )

    def decide(
        self, index: int, size: Floats, alone: Floats, missing: Bools, may_open: Bools
    ) -> tuple[Bools, Bools, NDArray[np.intp]]:
        """Open and end verdicts.

        Parameters
        ----------
        index : int
            The step.
        size : (n,) float64
            Signed deviation on which all views agree, 1 being what is told when it persists; 0 within floors.
        alone : (n,) float64
            The same from the view of the last weeks only: an end is decided on it, since the last hour
            gets used to an incident.
        missing : (n,) bool
            Nothing was measured: what is open stays as it is for a while.
        may_open : (n,) bool
            Old enough, and to be judged.

        Returns
        -------
        opened, ended : (n,) bool
        overstayed : (k,) intp
            Rows whose verdict was ended because it lasted too long to be an incident still.
        """
        over = (np.abs(size) >= 1) & ~missing
        side = np.sign(size).astype(np.int8)
        goes_on = over & (side == self.side)
        self.run = np.where(missing, self.run, np.where(over, np.where(goes_on, self.run, 0) + 1, 0))
        self.side = np.where(over, side, self.side)
        opened: Bools = (
            (self.code == 0)
            & may_open
            & over
            & ((self.run >= self._persist) | (np.abs(size) >= EXTRAORDINARY))
        )
        is_open = self.code != 0
        ended = np.zeros(self.rows, bool)
        overstayed = np.zeros(0, np.intp)
        if is_open.any():
            sign = np.where(self.code == SPIKE, 1.0, -1.0)
            calm = is_open & (alone * sign < CALM)
            self.calm = np.where(missing, self.calm, np.where(calm, self.calm + 1, 0))
            long = is_open & (index - self.since >= self._most)
            self.unseen = np.where(is_open & missing, self.unseen + 1, 0)
            gone = is_open & (self.unseen >= UNSEEN * self._recover)
            ended = (is_open & (self.calm >= self._recover)) | gone | long
            overstayed = np.flatnonzero(long)
            self.code[ended] = 0
            self.run[ended] = 0
        if opened.any():
            self.code[opened] = np.where(side[opened] > 0, SPIKE, DROP)
            self.since[opened] = index + 1 - np.minimum(self.run[opened], self._persist)
            self.calm[opened] = 0
        return opened, ended, overstayed
