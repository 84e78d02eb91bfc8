"""Matches incidents with routes, silences, windows and commands."""

import functools
import re
from collections.abc import Sequence

from alerting.commands.command import Matcher
from alerting.incidents.incident import Incident
from config.settings import MatchSettings
from detectors.model.finding import Finding
from detectors.model.scope import ACCOUNT, SERVICE, Edge, Scope, ScopeOrEdge

Parts = MatchSettings | Matcher
"""A matcher of the configuration, or of a command."""


def matches(parts: Parts, incident: Incident) -> bool:
    """Return whether every given part matches; without any part, every incident matches.

    Accounts, scopes, verdict and measure are those of the primary finding: what an incident is about. A
    service matches when the incident involves it (``services_of``).
    ``*`` matches anything in an account, a service, a measure or the name of a scope.
    """
    primary = incident.primary
    return (
        fits(parts.accounts, {primary.about.account})
        and fits(parts.verdicts, {incident.verdict.value})
        and fits(parts.measures, {primary.measure.value})
        and fits(parts.scopes, {name for scope in _ends(primary.about) for name in names_of(scope)})
        and (not parts.services or fits(parts.services, services_of(incident)))
    )


def holds(parts: Parts, incident: Incident) -> bool:
    """Return whether what holds such incidents holds this one: all services that carry it must match.

    Those of the primary finding: what one service shares with another is held for neither alone.
    """
    own = carried_by(incident.primary) if parts.services else set()
    return matches(parts, incident) and all(fits(parts.services, {name}) for name in own)


def matches_scope(parts: Parts, scope: Scope) -> bool:
    """Return whether a scope matches without an incident: it has neither a verdict nor a measure."""
    return (
        not parts.verdicts
        and not parts.measures
        and fits(parts.accounts, {scope.account})
        and fits(parts.scopes, names_of(scope))
        and fits(parts.services, {scope.name} if scope.kind == SERVICE else set())
    )


def matches_name(parts: Parts, name: str) -> bool:
    """Return whether a scope known as ``kind:name`` alone matches; an empty name matches only everything.

    Examples
    --------
    >>> shop = Matcher(services=["shop*"])
    >>> matches_name(shop, "service:shop-eu"), matches_name(shop, "table:shop"), matches_name(Matcher(), "")
    (True, False, True)
    """
    kind, _, own = name.partition(":")
    return (
        not parts.verdicts
        and not parts.measures
        and fits(parts.scopes, {name})
        and fits(parts.accounts, {own} if kind == ACCOUNT else set())
        and fits(parts.services, {own} if kind == SERVICE else set())
    )


def describe(parts: Parts) -> str:
    """Describe in words what matches; may contain names from events.

    Examples
    --------
    >>> describe(Matcher(scopes=["table:items"], verdicts=["spike", "shift"])), describe(Matcher())
    ('table:items, spike or shift', 'everything')
    """
    given = (parts.scopes, _each("account", parts.accounts), _each("service", parts.services))
    lists = (*given, parts.verdicts, parts.measures)
    return ", ".join(" or ".join(names) for names in lists if names) or "everything"


def _each(kind: str, names: Sequence[str]) -> list[str]:
    return [f"{kind} {name}" for name in names]


def fits(patterns: Sequence[str], found: set[str]) -> bool:
    """Return whether one of the names fits one of the patterns, in which ``*`` matches anything.

    Examples
    --------
    >>> fits(["wcu", "value:*"], {"value:sales"}), fits(["wcu"], {"rcu"}), fits([], {"rcu"})
    (True, False, True)
    """
    return not patterns or any(_pattern(pattern).fullmatch(name) for pattern in patterns for name in found)


@functools.lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    # Only * is special: [ and ? are ordinary characters of routes.
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", text))), re.DOTALL)


def _ends(about: ScopeOrEdge) -> tuple[Scope, ...]:
    return (about.source, about.target) if isinstance(about, Edge) else (about,)


def names_of(scope: Scope) -> set[str]:
    """Return the names that match a scope: ``kind:name``, of a client with and without its version."""
    return {f"{scope.kind}:{scope.name}", f"{scope.kind}:{scope.label}"}  # ios, and ios 3.2.1


def services_of(incident: Incident) -> set[str]:
    """Return the services that an incident involves: its subjects and what carries its findings."""
    return {name for finding in (incident.primary, *incident.members) for name in carried_by(finding)}


def carried_by(finding: Finding) -> set[str]:
    """Return the services that carry a finding, by name."""
    scopes = (*_ends(finding.about), *finding.touches, *(share.scope for share in finding.callers))
    return {*finding.services, *(scope.name for scope in scopes if scope.kind == SERVICE)}
