"""Which growing series grow together: one entry of the digest, as connected findings are one incident."""

from collections.abc import Sequence

from alerting.incidents.correlation import carriers, depth, is_about_broad, subjects
from alerting.incidents.incident import Incident
from detectors.model.finding import Finding
from detectors.model.scope import Scope


class _Groups:
    """Disjoint sets of places, each named by its first place."""

    def __init__(self, places: int) -> None:
        self._of = list(range(places))

    def first(self, at: int) -> int:
        while self._of[at] != at:
            at = self._of[at]
        return at

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.first(one), self.first(other)))
        self._of[second] = first


def growth_groups(incidents: Sequence[Incident]) -> list[list[Incident]]:
    """Group growing series by what connects the findings of one incident (docs/adr/0007).

    Two series grow together if they are about the same scope, or if one is about a scope that carries a fifth
    of the growth of the other. A service or an account grows with whatever grows in it, so it connects
    nothing: it joins the group that carries most of it.

    Parameters
    ----------
    incidents
        In the order in which they are told, such as soonest limit first.

    Returns
    -------
    list of list of Incident
        The groups in the order of their first incident, each in the order given.
    """
    findings = [incident.primary for incident in incidents]
    groups, about = _Groups(len(findings)), dict[Scope, list[int]]()
    for at, finding in enumerate(findings):
        for scope in subjects(finding):
            about.setdefault(scope, []).append(at)
            groups.join(about[scope][0], at)
    for at, finding in enumerate(findings):
        for scope in () if is_about_broad(finding) else carriers(finding):
            for other in about.get(scope, ())[:1]:  # all of one scope are one group already
                if not is_about_broad(findings[other]):
                    groups.join(at, other)
    broad = [at for at, finding in enumerate(findings) if is_about_broad(finding)]
    for at in sorted(broad, key=lambda each: -depth(findings[each])):  # services before accounts
        for other in _largest(findings[at], about):
            groups.join(at, other)
    found: dict[int, list[Incident]] = {}
    for at, incident in enumerate(incidents):
        found.setdefault(groups.first(at), []).append(incident)
    return list(found.values())


def _largest(finding: Finding, about: dict[Scope, list[int]]) -> list[int]:
    """Return the place of an incident about what carries most of a finding; empty if there is none."""
    shares = sorted(finding.callers, key=lambda share: -share.share)
    return [about[share.scope][0] for share in shares if share.share > 0 and share.scope in about][:1]
