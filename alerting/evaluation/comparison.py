"""Compares two configurations over the same history."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerting.evaluation.pairing import pairs
from alerting.incidents.incident import Incident, Sent
from detectors.model.measures import Measure
from detectors.model.scope import ScopeOrEdge

WEEK: Final = 7 * 86400


class Difference(StrEnum):
    """What differs between an incident and its counterpart, the most important first."""

    SENT = "sent"  # page, digest or none
    VERDICT = "verdict"
    LATER = "later"  # reported later in B than in A
    EARLIER = "earlier"
    ABOUT = "about"  # another series is the primary one


@dataclass(frozen=True, slots=True)
class Pair:
    """An incident as each configuration reports it."""

    a: Incident
    b: Incident

    @property
    def later(self) -> int | None:
        """Seconds by which B reports it later than A, negative when earlier; None unless both report it."""
        if "none" in (self.a.sent, self.b.sent) or self.a.alerted is None or self.b.alerted is None:
            return None
        return self.b.alerted - self.a.alerted

    @property
    def differs(self) -> tuple[Difference, ...]:
        """The differences; empty when neither reports it or both report it alike."""
        if self.a.sent == self.b.sent == "none":
            return ()
        found = []
        if self.a.sent != self.b.sent:
            found.append(Difference.SENT)
        if self.a.verdict is not self.b.verdict:
            found.append(Difference.VERDICT)
        if self.later:
            found.append(Difference.LATER if self.later > 0 else Difference.EARLIER)
        if _series(self.a) != _series(self.b):
            found.append(Difference.ABOUT)
        return tuple(found)

    def to_json(self) -> dict[str, object]:
        """Return the JSON of ``comparison.json``."""
        return {
            "differs": [differ.value for differ in self.differs],
            "later": self.later,
            "a": outline(self.a),
            "b": outline(self.b),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The incidents of two configurations, A and B, over the same history. All lists are ordered by start."""

    a: tuple[Incident, ...]
    b: tuple[Incident, ...]
    pairs: tuple[Pair, ...]  # in both
    only_a: tuple[Incident, ...]
    only_b: tuple[Incident, ...]
    weeks: float | None = None  # of judged time, if known

    @property
    def new_pages(self) -> list[Incident]:
        """The pages of B that are not pages in A."""
        alone = [incident for incident in self.only_b if incident.sent == "page"]
        return _by_start([*alone, *(two.b for two in self.pairs if _raised(two.a, two.b))])

    @property
    def lost_pages(self) -> list[Incident]:
        """The pages of A that are not pages in B."""
        alone = [incident for incident in self.only_a if incident.sent == "page"]
        return _by_start([*alone, *(two.a for two in self.pairs if _raised(two.b, two.a))])

    @property
    def changed(self) -> list[Pair]:
        """The incidents in both that are reported differently."""
        return [two for two in self.pairs if two.differs]

    def to_json(self) -> dict[str, object]:
        """Return the content of ``comparison.json``. Times are epoch seconds of event time."""
        return {
            "weeks": self.weeks,
            "a": tally(self.a, self.weeks),
            "b": tally(self.b, self.weeks),
            "new_pages": [new_page.id for new_page in self.new_pages],
            "lost_pages": [lost_page.id for lost_page in self.lost_pages],
            "alike": len(self.pairs) - len(self.changed),
            "changed": [two.to_json() for two in self.changed],
            "only_a": [outline(incident) for incident in self.only_a],
            "only_b": [outline(incident) for incident in self.only_b],
        }


def compare(
    a: Sequence[Incident], b: Sequence[Incident], *, first: int | None = None, last: int | None = None
) -> Comparison:
    """Compare the incidents of two configurations over the same history.

    Parameters
    ----------
    a, b
        Incidents in their last state, ids unique within a list, in any order.
    first, last
        Start of the first judged step and end of the last, epoch seconds; for pages per week.

    Examples
    --------
    >>> compare([], []).to_json()["b"]
    {'pages': 0, 'digest': 0, 'none': 0, 'pages_per_week': None}
    """
    made = tuple(Pair(one, other) for one, other in pairs(a, b))
    paired_a, paired_b = {two.a.id for two in made}, {two.b.id for two in made}
    judged = None if first is None or last is None or last <= first else (last - first) / WEEK
    return Comparison(
        a=tuple(_by_start(a)),
        b=tuple(_by_start(b)),
        pairs=made,
        only_a=tuple(_by_start(incident for incident in a if incident.id not in paired_a)),
        only_b=tuple(_by_start(incident for incident in b if incident.id not in paired_b)),
        weeks=judged,
    )


def tally(incidents: Sequence[Incident], weeks: float | None) -> dict[str, int | float | None]:
    """Count incidents by where they were sent; pages per week are None if the weeks are unknown."""
    sent: Counter[Sent] = Counter(incident.sent for incident in incidents)
    return {
        "pages": sent["page"],
        "digest": sent["digest"],
        "none": sent["none"],
        "pages_per_week": round(sent["page"] / weeks, 3) if weeks else None,
    }


def outline(incident: Incident) -> dict[str, object]:
    """Return the identifying fields of an incident; ``incidents.jsonl`` has the rest."""
    return {
        "id": incident.id,
        "verdict": incident.verdict.value,
        "sent": incident.sent,
        "reason": incident.reason,
        "start": incident.start,
        "alerted": incident.alerted,
        "end": incident.end,
        "scope": incident.primary.about.to_json(),
        "measure": incident.primary.measure.value,
    }


def _series(incident: Incident) -> tuple[ScopeOrEdge, Measure]:
    return incident.primary.about, incident.primary.measure


def _raised(former: Incident, present: Incident) -> bool:
    return present.sent == "page" and former.sent != "page"


def _by_start(incidents: Iterable[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda one: (one.start, one.id))
