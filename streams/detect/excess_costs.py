"""What a deviation costs: how far the cost of its scope is from what was expected, while it lasts."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

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
    """

    def __init__(self, step: int) -> None:
        self._step = step
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
        """Return the findings of a step, with what those that go on cost an hour."""
        return [self._told(finding, judgement) for finding in findings]

    def _told(self, finding: Finding, judgement: Judgement) -> Finding:
        row = self._rows.get(finding.scope) if finding.scope is not None else None
        if row is None or finding.verdict not in _DEVIATES or finding.state not in _STATES:
            return finding
        excess = float(judgement.observed[row] - judgement.expected[row])
        if not np.isfinite(excess):
            return finding
        return msgspec.structs.replace(finding, costs=excess * _HOUR / self._step)
