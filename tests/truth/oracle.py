"""Recomputes what was told from the raw events, in plain numpy; no code of the product counts here."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerting.incidents.incident import Incident
from detectors.model.finding import Finding
from detectors.model.scope import Scope
from tests.truth.facts import MINUTE, Claim, Fact
from tests.truth.worlds import CLIENTS, FUNCTIONS, ROUTES, TABLES, World

Floats = NDArray[np.float64]

COUNTED: Final = ("requests", "errors_backend", "wcu", "writes", "calling")
"""Measures that are recomputed; others follow from the same events, but not by a sum."""

MANY: Final = 20.0
"""Requests a minute from which on the minutes of a change are known: among fewer, they are drawn."""

SURE: Final = 180
"""Seconds by which the beginning and the end of such a change may be told wrong."""


class Oracle:
    """What is true of a world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def untrue(self, facts: Iterable[Fact]) -> Iterator[str]:
        """Yield each fact that is not so: what was told, what is true, and the seed."""
        for fact in facts:
            truth = self._truth(fact)
            if truth is not None and abs(truth - fact.value) > fact.within + 1e-5 * abs(truth):
                window = f"{self._clock(fact.since)} to {self._clock(fact.until)}"
                yield (
                    f"seed {self.world.seed}: {fact.figure} of {fact.measure} of {fact.scope} "
                    f"(from {fact.source}) {window}: told {fact.value:g}, true {truth:g}; {fact.said}"
                )

    def innocent(self, incident: Incident) -> Iterator[str]:
        """Yield each client that is blamed: none is to blame, since each request has a client by chance."""
        for finding in (incident.primary, *incident.members):
            for suspect in finding.suspects:
                if finding.scope != suspect.scope:
                    blamed = f"{suspect.scope.label} {suspect.share:.0%}"
                    yield f"seed {self.world.seed}: {blamed} of {finding.sentence}"

    def mistaken(self, incident: Incident) -> Iterator[str]:
        """Yield what is told wrong of when the incident was, and of how much was missing in it."""
        world, primary = self.world, incident.primary
        begun, ended = incident.primary_span
        if begun < world.begins - SURE or begun >= world.ends:  # what came back is another story
            return
        if self._size(primary) < MANY:
            return
        if begun > world.begins + SURE:
            yield f"seed {world.seed}: began {self._clock(begun)}; {primary.sentence}"
        if ended is not None and abs(ended - world.ends) > SURE:
            late = (ended - world.ends) / 60
            yield f"seed {world.seed}: ended {late:+.1f} min after the truth; {primary.sentence}"
        if primary.missed:
            usual = world.usual(begun, primary.until) * self._part(primary)
            if abs(primary.missed - usual) > 0.25 * usual + 3 * usual**0.5:
                yield f"seed {world.seed}: {primary.missed:.0f} missing, true {usual:.0f}; {primary.sentence}"

    def _size(self, finding: Finding) -> float:
        """Return how many requests a minute usually reach what a finding is about, or failed in it."""
        if finding.failures is not None:
            return 60 * finding.failures.failed / max(finding.failures.seconds, 1)
        return 60 * self.world.rate * self._part(finding)

    def _part(self, finding: Finding) -> float:
        about = finding.about
        assert isinstance(about, Scope)
        count = self.world.calls if about.kind == "table" else np.ones(len(self.world.ts))
        early = self.world.ts < self.world.begins
        return float(count[early & self._of(about.kind, about.name)].sum() / early.sum())

    def misleading(self, claims: Iterable[Claim]) -> Iterator[str]:
        """Yield what says that it fell of a rise, or the other way round."""
        for claim in claims:
            truth = self._truth(claim.observed)
            if truth is not None and (truth > claim.expected) is not claim.rises:
                yield f"seed {self.world.seed}: told {claim.said!r}, true {truth:g} of {claim.expected:g}"

    def _clock(self, at: int) -> str:
        return f"{(at - self.world.begins) / 60:+.1f} min"

    def _truth(self, fact: Fact) -> float | None:
        amounts = self._amounts(fact)
        if amounts is None:
            return None
        ts = self.world.ts
        if fact.figure == "count" or fact.source is not None or (fact.until - fact.since) % MINUTE:
            inside = (ts >= fact.since) & (ts < fact.until)
            amount = float(amounts[inside].sum())
            return amount if fact.figure == "count" else amount / (fact.until - fact.since)
        edges = np.arange(fact.since, fact.until + 1, MINUTE)
        known = np.histogram(ts, edges)[0] > 0  # a minute without any record is unknown, not zero
        minutes = np.histogram(ts, edges, weights=amounts)[0][known] / MINUTE
        if not minutes.size:
            return None
        if fact.figure == "rate":
            return float(minutes.mean())
        return float(minutes.max() if fact.figure == "highest" else minutes.min())

    def _amounts(self, fact: Fact) -> Floats | None:
        """Return what each request adds to a figure, None of a measure that is no sum."""
        if fact.measure not in COUNTED:
            return None
        world, of_table = self.world, fact.scope[0] == "table"
        if fact.measure in ("wcu", "writes", "calling") and not of_table:
            return None
        by_request = {
            "requests": world.calls if of_table else np.ones(len(world.ts)),
            "errors_backend": world.failed,
            "wcu": world.calls * world.wcu,
            "writes": world.calls,
            "calling": np.ones(len(world.ts)),  # requests, however often each calls a table
        }[fact.measure]
        inside = self._of(*fact.scope)
        if fact.source is not None:
            inside &= self._of(*fact.source)
        return np.where(inside, by_request, 0).astype(float)

    def _of(self, kind: str, name: str) -> NDArray[np.bool_]:
        """Return which requests are of a scope."""
        world = self.world
        names = {"route": ROUTES, "function": FUNCTIONS, "table": TABLES}.get(kind)
        if names is not None:
            return np.array([of == name for of in names])[world.routes]
        if kind == "client":
            return np.array([of == name for of in CLIENTS])[world.clients]
        return np.ones(len(world.ts), bool)
