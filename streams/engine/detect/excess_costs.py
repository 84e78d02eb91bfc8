"""What a deviation costs: how far the cost of its scope is from what was expected, now or while it lasted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from config.sections.money import PriceList
from config.settings import MoneySettings
from detectors.judge.evidence import Evidence
from detectors.judge.judge import Judgement
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope
from detectors.state.history import DAY
from detectors.state.state import pack, unpack

_HOUR: Final = 3600
_DEVIATES: Final = (Verdict.SPIKE, Verdict.DROP, Verdict.SHIFT)
_STATES: Final = ("open", "update")


class ExcessCosts:
    """Knows the row of the judge in which each scope's cost is judged."""

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


HOLD: Final = DAY
"""Seconds after a change: what costs rise and fall by in a day follows the new level by then."""

_PART: Final = "prices"


class _Held(msgspec.Struct):
    pricing: str  # what costs were made of
    until: int  # epoch seconds, of a change in the settings; 0 without one


class PriceHold:
    """Knows when costs are comparable with those of the days before.

    They are not on the first day of a price, nor after other settings of ``money`` or other shipped prices.
    """

    VERSION = 1

    def __init__(self, money: MoneySettings) -> None:
        self._prices = PriceList(money)
        self._held = _Held(self._prices.pricing, 0)
        self._changed = False  # what was restored was priced otherwise

    def at(self, start: int) -> bool:
        """Return whether costs of the step that starts at epoch second ``start`` say nothing about requests.

        Steps come in their order.
        """
        if self._changed:
            self._held.until, self._changed = start + HOLD, False
        return start < self._held.until or start - self._prices.changed(start) < HOLD

    def snapshot(self) -> dict[str, bytes]:
        """Return the state."""
        return {_PART: pack(_PART, self.VERSION, self._held, {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot; state of versions before 0.3 knew no prices."""
        if _PART not in parts:
            return
        before, _ = unpack(parts[_PART], _PART, self.VERSION, _Held)
        self._changed = before.pricing != self._prices.pricing
        self._held.until = before.until
