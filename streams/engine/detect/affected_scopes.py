"""Who a finding hurts: the requests that reached its scope since it began, and the routes they came by."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from detectors.judge.judge import Judge
from detectors.model.finding import Affected, Finding
from detectors.model.measures import Measure
from detectors.model.scope import ROUTE, Scope
from detectors.model.series import Series
from streams.engine.detect.explainer import Explainer

MOST_ROUTES: Final = 10
"""Routes that are named; the others are counted."""


class AffectedScopes:
    """The requests and routes of the scopes of one shard.

    Parameters
    ----------
    judge
        Has the courses of the requests, which reach back some hours.
    explainer
        Has the edges from the routes.
    step
        Seconds of a step.
    """

    def __init__(self, judge: Judge, explainer: Explainer, step: int) -> None:
        self._judge, self._explainer, self._step = judge, explainer, step
        self._rows: dict[Scope, int] = {}  # of the requests of a scope

    def add(self, series: Sequence[Series], first: int) -> None:
        """Add new series; the first is row ``first`` of the judge."""
        for row, one in enumerate(series, first):
            if one.measure is Measure.REQUESTS and isinstance(one.about, Scope):
                self._rows[one.about] = row

    def tell(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return findings with who they hurt; growth, which takes weeks, hurts nobody yet."""
        return [
            finding
            if finding.growth is not None or finding.scope is None
            else msgspec.structs.replace(finding, affected=self._affected(finding, finding.scope))
            for finding in findings
        ]

    def _affected(self, finding: Finding, scope: Scope) -> Affected:
        until = finding.seen if finding.end is None else finding.end
        row = self._rows.get(scope)
        requests, seconds = 0.0, 0
        if row is not None:
            observed = self._judge.evidence.course(row, finding.start, until).observed
            requests, seconds = float(np.nansum(observed)) * self._step, len(observed) * self._step
        routes = [scope] if scope.kind == ROUTE else self._explainer.routes_into(scope, finding.start, until)
        return Affected(
            requests=requests,
            seconds=seconds,
            routes=routes[:MOST_ROUTES],
            more_routes=max(0, len(routes) - MOST_ROUTES),
        )
