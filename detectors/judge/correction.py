"""What records that came late make of a finding: it stands, its figures change, or there was nothing."""

from typing import Final

import msgspec
import numpy as np

from detectors.judge.evidence import Course
from detectors.model.finding import Finding, Verdict
from detectors.model.sentence import of_withdrawn

CORRECTED_SECONDS: Final = 6 * 3600
"""How far back late records change what was told: shorter than what is remembered step by step."""

CALM: Final = 1 / 3
"""Part of the deviation that was told below which nothing is left of it, as at the end of a verdict."""


def corrected(told: Finding, course: Course, persist: int) -> Finding | None:
    """Return the finding as it is with the records that came late, None where it stands as it was told.

    Late records only add. A fall that they fill up is withdrawn: fewer than ``persist`` steps are left
    that lie below the interval by at least a third of what was told. What else they change is amended.

    Parameters
    ----------
    told
        As it was told at its worst.
    course
        From its start to its end, or to now.
    persist
        Steps that a deviation must last to be told.
    """
    falls = told.observed < told.expected
    observed = course.observed
    if told.verdict is Verdict.ABSENCE:  # a step without a request is one without a value
        observed = np.nan_to_num(observed)
    missing = (course.expected - observed) if falls else (observed - course.expected)
    beyond = observed < course.lower if falls else observed > course.upper
    if told.verdict is Verdict.ABSENCE:
        beyond = observed <= 0
    left = beyond & (missing >= CALM * abs(told.expected - told.observed))
    if falls and int(left.sum()) < persist:
        most = float(np.nanmax(observed, initial=0.0))
        return msgspec.structs.replace(told, state="withdrawn", sentence=of_withdrawn(told, most))
    if not left.any():
        return None
    at = int(np.argmax(np.where(left, missing, -np.inf)))
    figures = {name: float(values[at]) for name, values in zip(Course._fields, course, strict=True)}
    figures["observed"] = float(observed[at])
    if not all(map(np.isfinite, figures.values())) or _same(figures["observed"], told.observed):
        return None
    return msgspec.structs.replace(told, **figures)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other), 1e-9)
