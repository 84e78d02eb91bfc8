"""The verdicts of findings that are open, by what they are about."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from alerting.incidents.incident import Incident
from detectors.model.finding import Finding, Verdict, notable
from detectors.model.measures import Measure
from detectors.model.scope import Edge, Scope
from streams.screens.board.wall.wall import WallVerdict

_WORST_FIRST: Final[tuple[tuple[Verdict, WallVerdict], ...]] = (
    (Verdict.FATAL, "fatal"),
    (Verdict.ABSENCE, "absence"),
    (Verdict.LIMIT, "limit"),
    (Verdict.SPIKE, "spike"),
    (Verdict.DROP, "drop"),
    (Verdict.SHIFT, "shift"),
    (Verdict.GROWTH, "growth"),
)


class DaysLeft(NamedTuple):
    """Days until a limit is reached, and the range that holds four in five; None where no day is named."""

    days_left: float | None = None
    days_left_early: float | None = None
    days_left_late: float | None = None


class OpenVerdicts:
    """Finds the worst verdict about some series, among incidents that have not ended."""

    def __init__(self, incidents: Iterable[Incident]) -> None:
        self._findings = [
            finding
            for incident in incidents
            for finding in (incident.primary, *incident.members)
            if finding.state in ("open", "update") and finding.scope is not None
        ]

    def worst(self, about: Callable[[Scope, Measure], bool]) -> WallVerdict:
        """Return the worst verdict of the findings about these series; None if there is none."""
        found = {finding.verdict for finding in self._about(about)}
        return next((shown for verdict, shown in _WORST_FIRST if verdict in found), None)

    def of_accounts(self, about: Callable[[Scope, Measure], bool], verdict: WallVerdict) -> list[str]:
        """Return the ids of the accounts with this verdict about these series, sorted."""
        shown = dict(_WORST_FIRST)
        found = (finding for finding in self._about(about) if shown[finding.verdict] == verdict)
        return sorted(
            {
                finding.scope.account
                for finding in found
                if finding.scope is not None and finding.scope.account
            }
        )

    def days_left(self, about: Callable[[Scope, Measure], bool]) -> DaysLeft:
        """Return the fewest days until a limit is reached that a finding forecasts."""
        days = [
            DaysLeft(growth.days_to_limit, growth.days_to_limit_lower, growth.days_to_limit_upper)
            for finding in self._about(about)
            if (growth := finding.growth) is not None and growth.days_to_limit is not None
        ]
        return min(days, key=lambda left: left.days_left or 0.0, default=DaysLeft())

    def by_scope(self) -> dict[Scope, WallVerdict]:
        """Return the worst verdict about each scope that has one."""
        found: dict[Scope, set[Verdict]] = {}
        for finding in self._findings:
            if finding.scope is not None:
                found.setdefault(finding.scope, set()).add(finding.verdict)
        return {
            scope: next(shown for verdict, shown in _WORST_FIRST if verdict in verdicts)
            for scope, verdicts in found.items()
        }

    def by_caller(self) -> dict[Edge, tuple[WallVerdict, float]]:
        """Return the verdict of each edge that contributes to one, and its part of the excess, up to 1.

        Where it contributes to several, the largest part counts.
        """
        shown = dict(_WORST_FIRST)
        found: dict[Edge, tuple[WallVerdict, float]] = {}
        for finding in self._findings:
            if finding.scope is not None:
                for part in (share for shares in notable(finding) for share in shares):
                    edge = Edge(part.scope, finding.scope)
                    if part.share > found.get(edge, (None, 0.0))[1]:
                        found[edge] = shown[finding.verdict], part.share
        return found

    def _about(self, about: Callable[[Scope, Measure], bool]) -> list[Finding]:
        return [
            finding
            for finding in self._findings
            if finding.scope is not None and about(finding.scope, finding.measure)
        ]
