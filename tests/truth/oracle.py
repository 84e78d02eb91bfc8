"""Recomputes what was told from the raw events, in plain numpy; no code of the product counts here."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerting.incidents.incident import Incident
from detectors.model.finding import Finding
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from tests.truth.facts import MINUTE, Claim, Fact, Place
from tests.truth.worlds import ACCOUNTS, CLIENTS, FUNCTIONS, ROUTES, START, TABLES, World

Floats = NDArray[np.float64]

COUNTED: Final = ("requests", "errors_backend", "errors_user", "wcu", "writes", "calling")
"""Measures that are recomputed; others follow from the same events, but not by a sum."""

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

ENOUGH: Final = 200
"""Newest calls that a p95 is of."""

MANY: Final = 20.0
"""Requests a minute from which on the minutes of a change are known: among fewer, they are drawn."""

THIN: Final = 0.1
"""Requests a second below which a minute without any record is one of a quiet world."""

MOST_USUAL: Final = 0.01
"""Part of requests that is told to fail usually, at most: it is 0.05 %, and few are drawn."""

SURE: Final = 180
"""Seconds by which the beginning and the end of such a change may be told wrong."""


class Oracle:
    """What is true of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        minutes = self._by_minute(np.ones(len(world.ts)))
        self._known = (minutes > 0) | (world.rate < THIN)  # without any record: unknown, not zero
        self._minutes = cache(self._minutes_of)
        self._begun = cache(self._begin_of)
        self._truth = cache(self._truth_of)

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

    def knows(self, fact: Fact) -> bool:
        """Return whether it can recompute a figure."""
        return self._truth(fact) is not None

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
        if begun < world.begins - SURE or begun >= world.ends - MINUTE:  # what came back is another story
            return
        is_thin = self._size(primary) < MANY
        if primary.missed:
            usual = world.usual(begun, primary.until) * self._part(primary)
            sure = 0.5 if is_thin else 0.25
            if abs(primary.missed - usual) > sure * usual + 3 * usual**0.5:
                yield f"seed {world.seed}: {primary.missed:.0f} missing, true {usual:.0f}; {primary.sentence}"
        failures = primary.failures if primary.measure is Measure.ERRORS_BACKEND else None
        if failures is not None and failures.usual > MOST_USUAL:
            yield f"seed {world.seed}: usually {failures.usual:.1%} fail; {primary.sentence}"
        if is_thin:
            return
        if begun > world.begins + SURE:
            yield f"seed {world.seed}: began {self._clock(begun)}; {primary.sentence}"
        if ended is not None and abs(ended - world.ends) > SURE:
            late = (ended - world.ends) / 60
            yield f"seed {world.seed}: ended {late:+.1f} min after the truth; {primary.sentence}"

    def _size(self, finding: Finding) -> float:
        """Return how many requests a minute usually reach what a finding is about, or failed in it."""
        if finding.failures is not None:
            return 60 * finding.failures.failed / max(finding.failures.seconds, 1)
        return 60 * self.world.rate * self._part(finding)

    def _part(self, finding: Finding) -> float:
        about = finding.about
        assert isinstance(about, Scope)
        count = self.world.calls if about.kind == "table" else np.ones(len(self.world.ts))
        early = (self.world.ts < self.world.begins) & (self.world.accounts == 0)
        of = self._of(Place(about.kind, about.name, about.account))
        return float(count[early & of].sum() / early.sum())

    def misleading(self, claims: Iterable[Claim]) -> Iterator[str]:
        """Yield what says that it fell of a rise, or the other way round."""
        for claim in claims:
            truth = self._truth(claim.observed)
            by_chance = claim.deviations * self._deviation(claim.observed)
            expected = claim.expected - by_chance if claim.rises else claim.expected + by_chance
            if truth is not None and (truth > expected) is not claim.rises:
                yield f"seed {self.world.seed}: told {claim.said!r}, true {truth:g} of {claim.expected:g}"

    def _deviation(self, fact: Fact) -> float:
        """Return the standard deviation of a rate, of requests that come by chance, each with its amount."""
        amounts, ts = self._amounts(fact.scope, fact.measure, None), self.world.ts
        if amounts is None:
            return 0.0
        inside = amounts[(ts >= fact.since) & (ts < fact.until)]
        return float((inside**2).sum() ** 0.5) / (fact.until - fact.since)

    def _clock(self, at: int) -> str:
        return f"{(at - self.world.begins) / 60:+.1f} min"

    def _truth_of(self, fact: Fact) -> float | None:
        if fact.figure.split()[-1] in QUANTILES:
            return self._quantile(fact)
        if fact.measure not in COUNTED:
            return None
        if (fact.since - START) % MINUTE or (fact.until - START) % MINUTE:
            return self._of_seconds(fact)
        minutes = self._inside(fact, fact.scope, fact.measure, fact.source)
        if minutes is None or not minutes.size:
            return None
        if fact.figure in ("part", "share"):
            whole = self._inside(
                fact, fact.scope, "requests" if fact.figure == "share" else fact.measure, None
            )
            return None if whole is None or not whole.sum() else float(minutes.sum() / whole.sum())
        figures = {
            "count": minutes.sum() * MINUTE,
            "rate": minutes.mean(),
            "highest": minutes.max(),
            "lowest": minutes.min(),
        }
        return float(figures[fact.figure] / MINUTE)

    def _of_seconds(self, fact: Fact) -> float | None:
        """Return a count or a rate of a time that is no whole minutes."""
        amounts, ts = self._amounts(fact.scope, fact.measure, fact.source), self.world.ts
        if amounts is None:
            return None
        amount = float(amounts[(ts >= fact.since) & (ts < fact.until)].sum())
        return amount if fact.figure == "count" else amount / (fact.until - fact.since)

    def _inside(self, fact: Fact, scope: Place, measure: str, source: Place | None) -> Floats | None:
        """Return the amounts of the minutes of a window that are known."""
        minutes = self._minutes(scope, measure, source)
        first, end = ((at - START) // MINUTE for at in (fact.since, fact.until))
        first = max(first, self._begun(fact.known or scope))
        return None if minutes is None else minutes[first:end][self._known[first:end]]

    def _minutes_of(self, scope: Place, measure: str, source: Place | None) -> Floats | None:
        amounts = self._amounts(scope, measure, source)
        return None if amounts is None else self._by_minute(amounts)

    def _begin_of(self, scope: Place) -> int:
        return int((self.world.ts[self._of(scope)][0] - START) // MINUTE)

    def _by_minute(self, amounts: Floats) -> Floats:
        return np.bincount(((self.world.ts - START) // MINUTE).astype(int), amounts).astype(float)

    def _quantile(self, fact: Fact) -> float | None:
        """Return the order statistic that is nearest to what was told, among the two around the quantile."""
        world, ts = self.world, self.world.ts
        times = {"ms_api": world.total_ms, "ms_function": world.function_ms}.get(fact.measure)
        if times is None:
            return None
        of = self._of(fact.scope)
        since = self._since_newest(of, fact.until) if fact.figure.startswith("newest") else fact.since
        inside = np.sort(times[of & (ts >= since) & (ts < fact.until)])
        if not inside.size:
            return None
        place = QUANTILES[fact.figure.split()[-1]] * (inside.size - 1)
        return float(np.clip(fact.value, inside[int(place)], inside[int(np.ceil(place))]))

    def _since_newest(self, of: NDArray[np.bool_], until: int) -> int:
        """Return since when there were enough calls: whole minutes, at most sixty."""
        for since in range(until - MINUTE, until - 60 * MINUTE, -MINUTE):
            if (of & (self.world.ts >= since) & (self.world.ts < until)).sum() >= ENOUGH:
                return since
        return until - 60 * MINUTE

    def _amounts(self, scope: Place, measure: str, source: Place | None) -> Floats | None:
        """Return what each request adds to a figure, None of a measure that the scope does not have."""
        world, of_table = self.world, scope.kind == "table"
        if measure in ("wcu", "writes", "calling") and not of_table:
            return None
        by_request = {
            "requests": world.calls if of_table else np.ones(len(world.ts)),
            "errors_backend": world.failed,
            "errors_user": world.refused,
            "wcu": world.calls * world.wcu,
            "writes": world.calls,
            "calling": np.ones(len(world.ts)),  # requests, however often each calls a table
        }[measure]
        inside = self._of(scope)
        if source is not None:
            inside &= self._of(source)
        return np.where(inside, by_request, 0).astype(float)

    def _of(self, place: Place) -> NDArray[np.bool_]:
        """Return which requests are of a scope."""
        world = self.world
        inside = np.array([place.account in ("", of) for of in ACCOUNTS])[world.accounts]
        names = {"route": ROUTES, "function": FUNCTIONS, "table": TABLES}.get(place.kind)
        if names is not None:
            inside &= np.array([of == place.name for of in names])[world.routes]
        if place.kind == "client":
            inside &= np.array([of == place.name for of in CLIENTS])[world.clients]
        return inside
