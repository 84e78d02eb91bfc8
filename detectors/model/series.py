"""A series: one measure of one scope or edge."""

from dataclasses import dataclass

from detectors.model.measures import Measure
from detectors.model.scope import Edge, Scope, ScopeOrEdge


@dataclass(frozen=True, slots=True)
class Series:
    """One row of a judge.

    A series with ``judged=False`` has a history and an expectation but never a verdict: amounts are counted
    by it. Floors and limit are per second (milliseconds for latency).
    """

    about: ScopeOrEdge
    measure: Measure
    judged: bool = True
    floor_absolute: float = 0.0
    floor_relative: float = 0.0
    limit: float | None = None

    @property
    def place(self) -> Scope:
        """The scope that the series belongs to: an edge belongs to its target."""
        return self.about.target if isinstance(self.about, Edge) else self.about
