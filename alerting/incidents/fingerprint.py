"""Fingerprints: what an incident is about, hashed and remembered to link recurrences."""

from collections.abc import Iterable
from typing import Final

import msgspec

from alerting.incidents.correlation import direction
from alerting.incidents.notice import identify
from detectors.model.finding import Finding
from detectors.model.scope import Edge

REMEMBERED_SECONDS: Final = 30 * 86400
"""A link to what happened last month still helps; people and code have changed since anything older."""

MOST: Final = 10_000
"""Fingerprints remembered, about 1 MB; the oldest are dropped first."""


def fingerprint(finding: Finding) -> str:
    """Return the hash of scope, measure and direction, which recurrences of an incident share.

    Examples
    --------
    >>> from detectors.model.finding import Verdict
    >>> from detectors.model.measures import Measure
    >>> from detectors.model.scope import Scope
    >>> given = {"id": "a", "revision": 0, "state": "open", "scope": Scope("table", "aws", "1", "", "items"),
    ...          "measure": Measure.WCU, "seen": 0, "observed": 41.0, "expected": 8.0, "lower": 6.0,
    ...          "upper": 10.0, "score": 0.9, "sentence": ""}
    >>> spike = Finding(verdict=Verdict.SPIKE, start=0, **given)
    >>> fingerprint(spike) == fingerprint(Finding(verdict=Verdict.SHIFT, start=86400, **given))
    True
    """
    about = finding.about
    names = (*about.source, *about.target) if isinstance(about, Edge) else about
    return identify("fingerprint", *names, finding.measure.value, direction(finding))


class PriorIncident(msgspec.Struct, kw_only=True):
    """The newest reported incident with a fingerprint."""

    incident: str
    at: int  # when it was last reported as open or resolved
    ended: bool = False
    flaps: int = 0  # how often it had recurred by then
    before: str | None = None  # the incident that it followed


class FingerprintMemory:
    """The reported incidents of the last 30 days, by fingerprint."""

    def __init__(self, entries: Iterable[tuple[str, PriorIncident]] = ()) -> None:
        self._entries = dict(entries)  # oldest first

    def find(self, key: str, at: int) -> PriorIncident | None:
        """Return the newest reported incident with this fingerprint."""
        prior = self._entries.get(key)
        return None if prior is None or prior.at < at - REMEMBERED_SECONDS else prior

    def keep(self, key: str, prior: PriorIncident) -> None:
        """Remember an incident as the newest with its fingerprint."""
        self._entries.pop(key, None)
        self._entries[key] = prior
        while len(self._entries) > MOST:
            del self._entries[next(iter(self._entries))]
        while (oldest := next(iter(self._entries.items())))[1].at < prior.at - REMEMBERED_SECONDS:
            del self._entries[oldest[0]]

    def drop(self, key: str, incident: str) -> None:
        """Forget a withdrawn incident; the one that it followed takes its place."""
        prior = self._entries.get(key)
        if prior is None or prior.incident != incident:
            return
        if prior.before is None:
            del self._entries[key]
        else:
            self._entries[key] = PriorIncident(incident=prior.before, at=prior.at, ended=True)

    def entries(self) -> list[tuple[str, PriorIncident]]:
        """Return everything remembered, oldest first."""
        return list(self._entries.items())
