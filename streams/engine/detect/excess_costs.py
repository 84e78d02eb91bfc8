"""What a deviation costs: how far the cost of its scope is from what was expected, now or while it lasted."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from detectors.judge.evidence import Evidence
from detectors.judge.judge import Judgement
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.model.series import Series

_HOUR: Final = 3600
_DEVIATES: Final = (Verdict.SPIKE, Verdict.DROP, Verdict.SHIFT)
_STATES: Final = ("open", "update")


class ExcessCosts:
    """Knows the row of the judge in which each scope's cost is judged.

    Parameters
    ----------
    step
        Seconds of a step.
    evidence
        Of the judge: the course of the costs.
    """

    def __init__(self, step: int, evidence: Evidence) -> None:
        self._step = step
        self._evidence = evidence
        self._rows: dict[Scope, int] = {}

    def add(self, series: Sequence[Series], first: int) -> None:
        """Add new series, in the order of the judge, the first of which is row ``first``."""
        for row, one in enumerate(series, first):
            if one.measure is Measure.COST and isinstance(one.about, Scope):
                self._rows[one.about] = row

    @property
    def rows(self) -> list[int]:
        """The rows of the judge in which costs are."""
        return list(self._rows.values())

    def tell(self, findings: Iterable[Finding], judgement: Judgement) -> list[Finding]:
        """Return the findings of a step, with what they cost an hour: those that have ended, on average."""
        return [self._told(finding, judgement) for finding in findings]

    def _told(self, finding: Finding, judgement: Judgement) -> Finding:
        row = self._rows.get(finding.scope) if finding.scope is not None else None
        if row is None or finding.verdict not in _DEVIATES:
            return finding
        if finding.state in _STATES:
            excess = float(judgement.observed[row] - judgement.expected[row]) / self._step
        elif finding.state == "end" and finding.end is not None:
            course = self._evidence.course(row, finding.start, finding.end)
            apart = course.observed - course.expected
            excess = float(np.mean(apart[np.isfinite(apart)])) if np.isfinite(apart).any() else np.nan
        else:
            return finding
        return msgspec.structs.replace(finding, costs=excess * _HOUR) if np.isfinite(excess) else finding
