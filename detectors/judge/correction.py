"""What late records make of a finding: it stands, its figures change, or it is withdrawn."""

from typing import Final

import msgspec
import numpy as np

from detectors.judge.evidence import Course
from detectors.model.finding import Finding, Verdict
from detectors.model.sentence import of_withdrawn

CORRECTED_SECONDS: Final = 6 * 3600
"""How far back late records change findings: less than what is kept step by step."""

CALM: Final = 1 / 3
"""Part of the reported deviation below which nothing is left of it, as at the end of a verdict."""


def corrected(finding: Finding, course: Course, persist: int) -> Finding | None:
    """Return the finding corrected by late records, None if it stands.

    Late records only add. A fall is withdrawn if fewer than ``persist`` steps are left below the interval by
    at least a third of the reported deviation. Other changes update its figures.

    Parameters
    ----------
    finding
        As reported at its worst.
    course
        From its start to its end, or to now.
    persist
        Consecutive steps before a deviation is reported.
    """
    falls = finding.observed < finding.expected
    observed = course.observed
    if finding.verdict is Verdict.ABSENCE:  # a step without a request is one without a value
        observed = np.nan_to_num(observed)
    missing = (course.expected - observed) if falls else (observed - course.expected)
    beyond = observed < course.lower if falls else observed > course.upper
    if finding.verdict is Verdict.ABSENCE:
        beyond = observed <= 0
    left = beyond & (missing >= CALM * abs(finding.expected - finding.observed))
    if falls and int(left.sum()) < persist:
        most = float(np.nanmax(observed, initial=0.0))
        return msgspec.structs.replace(finding, state="withdrawn", sentence=of_withdrawn(finding, most))
    if not left.any():
        return None
    at = int(np.argmax(np.where(left, missing, -np.inf)))
    figures = {name: float(values[at]) for name, values in zip(Course._fields, course, strict=True)}
    figures["observed"] = float(observed[at])
    if not all(map(np.isfinite, figures.values())) or _same(figures["observed"], finding.observed):
        return None
    return msgspec.structs.replace(finding, **figures)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other), 1e-9)
