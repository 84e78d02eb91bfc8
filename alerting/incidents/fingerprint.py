"""What an incident is about, remembered for the next of its kind."""

from collections.abc import Iterable
from typing import Final

import msgspec

from alerting.incidents.correlation import direction
from alerting.incidents.notice import identify
from detectors.model.finding import Finding
from detectors.model.scope import Edge

REMEMBERED_SECONDS: Final = 30 * 86400
"""A link to what happened last month still helps; before that, people and code were others."""

MOST: Final = 10_000
"""Fingerprints that are remembered, about 1 MB; the ones longest ago go first."""


def fingerprint(finding: Finding) -> str:
    """Return what is the same for incidents of the same thing: scope, measure and direction.

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
    """The newest told incident with a fingerprint."""

    incident: str
    at: int  # when it was last told that it is open, or over
    over: bool = False
    flaps: int = 0  # how often it had come back by then
    before: str | None = None  # the one that it followed


class FingerprintMemory:
    """The told incidents of the last 30 days, by fingerprint."""

    def __init__(self, held: Iterable[tuple[str, PriorIncident]] = ()) -> None:
        self._held = dict(held)  # the longest ago first

    def find(self, which: str, at: int) -> PriorIncident | None:
        """Return the newest told incident with this fingerprint."""
        earlier = self._held.get(which)
        return None if earlier is None or earlier.at < at - REMEMBERED_SECONDS else earlier

    def keep(self, which: str, earlier: PriorIncident) -> None:
        """Remember an incident as the newest of its fingerprint."""
        self._held.pop(which, None)
        self._held[which] = earlier
        while len(self._held) > MOST:
            del self._held[next(iter(self._held))]
        while self._held and (old := next(iter(self._held.items())))[1].at < earlier.at - REMEMBERED_SECONDS:
            del self._held[old[0]]

    def drop(self, which: str, incident: str) -> None:
        """Forget an incident that was none; what it followed stays known."""
        earlier = self._held.get(which)
        if earlier is None or earlier.incident != incident:
            return
        if earlier.before is None:
            del self._held[which]
        else:
            self._held[which] = PriorIncident(incident=earlier.before, at=earlier.at, over=True)

    def held(self) -> list[tuple[str, PriorIncident]]:
        """Return all that is remembered, the longest ago first."""
        return list(self._held.items())
