"""Codes in the judge's arrays: verdicts, kinds of series, and what an expectation is based on."""

from typing import Final

from detectors.model.finding import Verdict

CODES: Final[tuple[Verdict | None, ...]] = (None, *Verdict)
"""The verdict of each code; 0 is none."""

SPIKE: Final = CODES.index(Verdict.SPIKE)
DROP: Final = CODES.index(Verdict.DROP)
SHIFT: Final = CODES.index(Verdict.SHIFT)

COUNT: Final = 1
"""A series of counts; 0 is one that is compared on a logarithmic scale."""

OF_CALLS: Final = 2
"""An amount that is made of calls."""

UP, DOWN = range(2)  # sides of a sum of evidence

NOTHING, MINUTES, YESTERDAY, WEEKS = range(4)  # what an expectation is based on
