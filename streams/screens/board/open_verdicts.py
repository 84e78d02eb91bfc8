"""The verdicts of findings that are open, by what they are about."""

from collections.abc import Callable, Iterable
from typing import Final

from alerting.incidents.incident import Incident
from detectors.model.finding import Finding, Verdict, notable
from detectors.model.measures import Measure
from detectors.model.scope import Edge, Scope
from streams.screens.board.wall.wall import DaysLeft

_WORST_FIRST: Final = (
    Verdict.FATAL,
    Verdict.ABSENCE,
    Verdict.LIMIT,
    Verdict.SPIKE,
    Verdict.DROP,
    Verdict.SHIFT,
    Verdict.GROWTH,
)


class OpenVerdicts:
    """Finds the worst verdict about some series, among incidents that have not ended."""

    def __init__(self, incidents: Iterable[Incident]) -> None:
        found = [
            (finding, incident.id)
            for incident in incidents
            for finding in (incident.primary, *incident.members)
            if finding.state in ("open", "update") and finding.scope is not None
        ]
        self._findings = [finding for finding, _ in found]
        self._incidents = {finding.id: incident for finding, incident in found}

    def worst(self, about: Callable[[Scope, Measure], bool]) -> Verdict | None:
        """Return the worst verdict of the findings about these series; None if there is none."""
        return min((finding.verdict for finding in self._about(about)), key=_WORST_FIRST.index, default=None)

    def incident(self, about: Callable[[Scope, Measure], bool], verdict: Verdict | None) -> str | None:
        """Return the id of the first incident with this verdict about these series."""
        found = (finding.id for finding in self._about(about) if finding.verdict is verdict)
        return self._incidents.get(next(found, ""))

    def of_accounts(self, about: Callable[[Scope, Measure], bool], verdict: Verdict) -> list[str]:
        """Return the ids of the accounts with this verdict about these series, sorted."""
        scopes = (finding.about for finding in self._about(about) if finding.verdict is verdict)
        return sorted({scope.account for scope in scopes if scope.account})

    def days_left(self, about: Callable[[Scope, Measure], bool]) -> DaysLeft:
        """Return the fewest days until a limit is reached that a finding forecasts."""
        days = [
            DaysLeft(
                days_left=growth.days_to_limit,
                days_left_early=growth.days_to_limit_lower,
                days_left_late=growth.days_to_limit_upper,
            )
            for finding in self._about(about)
            if (growth := finding.growth) is not None and growth.days_to_limit is not None
        ]
        return min(days, key=lambda left: left.days_left or 0.0, default=DaysLeft())

    def by_scope(self) -> dict[Scope, Verdict]:
        """Return the worst verdict about each scope that has one."""
        worst_last = sorted(self._findings, key=lambda finding: -_WORST_FIRST.index(finding.verdict))
        return {finding.scope: finding.verdict for finding in worst_last if finding.scope is not None}

    def by_caller(self) -> dict[Edge, tuple[Verdict, float]]:
        """Return the verdict of each edge that contributes to one, and its part of the excess, up to 1.

        Where it contributes to several, the largest part counts.
        """
        found: dict[Edge, tuple[Verdict, float]] = {}
        for finding in self._findings:
            if finding.scope is not None:
                for part in (share for shares in notable(finding) for share in shares):
                    edge = Edge(part.scope, finding.scope)
                    if part.share > (found[edge][1] if edge in found else 0.0):
                        found[edge] = finding.verdict, part.share
        return found

    def _about(self, about: Callable[[Scope, Measure], bool]) -> list[Finding]:
        return [
            finding
            for finding in self._findings
            if finding.scope is not None and about(finding.scope, finding.measure)
        ]
