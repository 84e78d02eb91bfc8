"""The cost of deviations, and the days on which costs are not judged because prices changed."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from config.sections.money import PriceList
from config.settings import MoneySettings
from detectors.judge.evidence import Evidence
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope
from detectors.state.declared import Held, Stateful, StatePart
from detectors.state.past_values import DAY

_HOUR: Final = 3600
_DEVIATES: Final = (Verdict.SPIKE, Verdict.DROP, Verdict.SHIFT)


class ExcessCosts:
    """Adds to each finding how far the cost of its scope was from the expected, on average over its span."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._rows: dict[Scope, int] = {}

    def add(self, series: Sequence[Series], first: int) -> None:
        """Add new series; the first is row ``first`` of the judge."""
        for row, item in enumerate(series, first):
            if item.measure is Measure.COST and isinstance(item.about, Scope):
                self._rows[item.about] = row

    @property
    def rows(self) -> list[int]:
        """The rows of costs in the judge."""
        return list(self._rows.values())

    def add_to(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the findings of a step with their cost an hour."""
        return [self._with_cost(finding) for finding in findings]

    def _with_cost(self, finding: Finding) -> Finding:
        row = self._rows.get(finding.scope) if finding.scope is not None else None
        if row is None or finding.verdict not in _DEVIATES or finding.state == "withdrawn":
            return finding
        course = self._evidence.course(row, finding.start, finding.until)
        apart = course.observed - course.expected
        known = apart[np.isfinite(apart)]
        return msgspec.structs.replace(finding, costs=float(known.mean()) * _HOUR) if known.size else finding


HOLD: Final = DAY
"""Seconds after a change: the daily range of costs follows the new level by then."""


class _Held(msgspec.Struct):
    pricing: str  # what costs were made of
    until: int  # epoch seconds, of a change in the settings; 0 without one


class PriceHold(Stateful):
    """Knows when costs are comparable with those of the days before.

    Prices that change move every cost at once, though no request moved. So costs are not judged on the first
    day of a price, nor after other settings of ``money`` or other shipped prices.
    """

    STATE = (Held(StatePart("prices", _Held), "_held", later=True),)  # since 0.3

    def __init__(self, money: MoneySettings) -> None:
        self._prices = PriceList(money)
        self._held = _Held(self._prices.pricing, 0)
        self._changed = False  # what was restored was priced otherwise

    def at(self, start: int) -> bool:
        """Return whether costs of the step that starts at epoch second ``start`` are not comparable.

        Steps come in their order.
        """
        if self._changed:
            self._held.until, self._changed = start + HOLD, False
        return start < self._held.until or start - self._prices.changed(start) < HOLD

    def derive(self) -> None:
        """Compare the prices with the present ones."""
        self._changed = self._held.pricing != self._prices.pricing
        self._held.pricing = self._prices.pricing
