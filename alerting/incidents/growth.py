"""Series that grow together: one growth, which has the name of its service."""

from collections.abc import Iterable, Sequence
from math import inf

import msgspec

from alerting.incidents.correlation import GROWTH, carriers, depth, direction, is_about_broad, subjects
from alerting.incidents.incident import Incident
from detectors.model.finding import Finding
from detectors.model.scope import ACCOUNT, SERVICE, Scope


def leading(group: Sequence[Incident]) -> Incident:
    """Return the incident that names a growth: its service, else its account, else the first at its limit."""
    for kind in (SERVICE, ACCOUNT):
        named = [incident for incident in group if incident.primary.about.kind == kind]
        if len({incident.primary.about for incident in named}) == 1:
            return named[0]
    return min(group, key=_days)


def _days(incident: Incident) -> float:
    growth = incident.primary.growth
    if growth is None:  # it is near its limit every day
        return 0.0
    return inf if growth.days_to_limit is None else growth.days_to_limit


def together(incidents: Iterable[Incident]) -> list[Incident]:
    """Return incidents in their order, each growth once: the others that grow with it are its members."""
    incidents = list(incidents)
    growing = [incident for incident in incidents if direction(incident.primary) == GROWTH]
    leads, members = dict[str, Incident](), set[str]()
    for group in growth_groups(growing):
        lead = leading(group)
        others = [of for of in group if of is not lead]
        members.update(of.id for of in others)
        with_others = [*lead.members, *(msgspec.structs.replace(of.primary, trace=None) for of in others)]
        leads[lead.id] = msgspec.structs.replace(lead, members=with_others)
    return [leads.get(incident.id, incident) for incident in incidents if incident.id not in members]


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
    nothing: it joins the group that carries most of it. The groups are in the order of their first incident.
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
    for at in sorted(broad, key=lambda place: -depth(findings[place])):  # services before accounts
        for other in _largest(findings[at], about):
            groups.join(at, other)
    found: dict[int, list[Incident]] = {}
    for at, incident in enumerate(incidents):
        found.setdefault(groups.first(at), []).append(incident)
    return list(found.values())


def _largest(finding: Finding, about: dict[Scope, list[int]]) -> list[int]:
    """Return the place of an incident about the scope that carries most of a finding; empty without one."""
    shares = sorted(finding.callers, key=lambda share: -share.share)
    return [about[share.scope][0] for share in shares if share.share > 0 and share.scope in about][:1]
