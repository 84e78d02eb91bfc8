"""A step: while it is open, once it has closed, and as measured: one value per series for the judge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from detectors.model.array_types import Floats, Ints
from detectors.model.measures import JUDGED, KEPT_ON_EDGES, SUPPORTING, Measure
from detectors.model.request_example import RequestExample
from detectors.model.scope import Edge, Scope, ScopeOrEdge
from detectors.model.stated import Levels, StatedChange
from streams.engine.measure.fan_out import Latency
from streams.engine.measure.level_rows import LevelLimit
from streams.engine.rollup.blocks.counts import Counts, Sums, no_values


@dataclass(slots=True)
class Step:
    """The counts of one step over all sources. Rows are those of ``Steps.scopes``."""

    start: int
    sums: Floats  # (scopes, len(SUMMED))
    values: Floats  # amounts of ``Steps.values``
    costs: Floats  # (scopes,)
    latency: dict[Measure, Latency]  # (rows, bins, counts), sparse; a pair of row and bin may repeat
    records: int = 0
    tags: dict[tuple[int, str, str], float] = field(default_factory=dict)
    part_times: dict[Measure, Latency] = field(default_factory=dict)  # by part: ``Steps.wholes``
    completeness: float = 1.0  # share of the sources that passed it or are idle
    between: bool = False  # after a history and before these sources begin: nothing is known of it
    late: list["Step"] = field(default_factory=list)  # corrections of steps that had closed
    levels: Levels = field(default_factory=dict)
    changes: list[StatedChange] = field(default_factory=list)
    examples: list[RequestExample] = field(default_factory=list)


class StepRun(NamedTuple):
    """Closed steps of the same scopes, one behind the other, and what they have together."""

    steps: Sequence[Step]
    sums: Floats  # (steps, scopes, len(SUMMED)): those of the steps
    costs: Floats  # (steps, scopes)


@dataclass(slots=True)
class OpenStep:
    """The counts of a step that are not fanned out yet. Ids are those of ``Interner``."""

    start: int
    has_counts: bool = True
    records: int = 0
    counts: Counts = field(default_factory=Counts)
    values: Sums = field(default_factory=no_values)
    billed: Sums = field(default_factory=no_values)
    levels: Levels = field(default_factory=dict)
    changes: list[StatedChange] = field(default_factory=list)
    examples: list[RequestExample] = field(default_factory=list)
    # known once every source has passed it
    late: list["OpenStep"] = field(default_factory=list)  # corrections of steps that had closed
    completeness: float = 1.0
    between: bool = False


class Fresh(NamedTuple):
    """A scope or edge, or a cost, business value or level of one, that first appears in a step."""

    place: int  # row of the scope in a step, or number of the business value or level
    about: ScopeOrEdge
    value: Measure | None = None  # the cost, or which business value or level; None: the scope itself


class Named(NamedTuple):
    """A series that starts, and where a step holds its value."""

    place: int
    about: ScopeOrEdge
    measure: Measure


class LayerTimes(NamedTuple):
    """The calls of all scopes of one kind by how long a layer took."""

    kind: str
    measure: Measure
    counts: Ints  # (N_BINS,) of ``detectors.latency.histogram``


class LateStep(NamedTuple):
    """Amounts that arrived late for a judged step."""

    start: int
    values: Floats  # as in ``MeasuredStep``, NaN or zero where nothing arrived
    of_edges: Floats
    called: Floats  # (tables, len(CALLED))


@dataclass(slots=True)
class MeasuredStep:
    """One step. Values are in the order in which their series were fresh."""

    start: int  # epoch seconds
    records: int
    completeness: float  # share of the sources that are complete; 0 when all of them had a gap
    fresh: Sequence[Fresh]  # to be added before this step is judged
    values: Floats  # (n,) of the series of scopes; NaN for a p95 that may be due to chance
    of_edges: Floats  # (m,)
    called: Floats  # (tables, len(CALLED)) in the order in which they were fresh
    requests: Floats  # (scopes,)
    scopes: Sequence[ScopeOrEdge]  # by row
    tags: Mapping[tuple[int, str, str], float]  # row, key, text -> how often
    late: Sequence[LateStep] = ()
    between: bool = False  # after a history and before the live sources begin: nothing is known of it
    partial: bool = False  # the first one with records after a gap, which may have ended within it
    limits: Sequence[LevelLimit] = ()  # of levels: in force from this step on
    hourly: tuple[Step, Floats] | None = (
        None  # the step and its (scopes,) p95; None when no digest needs them
    )
    changes: Sequence[StatedChange] = ()  # that arrived for this step, or late with it, in order
    examples: Sequence[RequestExample] = ()  # the same
    mixed: Floats | None = None
    """(n,) the p95 that the calls would have at their usual times, NaN where their mix is as usual."""
    quantiles: tuple[Floats, Floats, Floats] | None = None
    """p50 and p99 of every latency, and (n,) its p95, by chance or not; None unless they were asked for."""
    layers: Sequence[LayerTimes] = ()  # if they were asked for


class Stretch(NamedTuple):
    """Consecutive steps of the same series: only the first may have fresh ones, or late records."""

    steps: Sequence[MeasuredStep]
    values: Floats  # (steps, n): those of the steps
    of_edges: Floats  # (steps, m)
    called: Floats  # (steps, tables, len(CALLED))


def series_of(fresh: Iterable[Fresh]) -> tuple[list[Named], list[Named]]:
    """Return the series of scopes, and those of edges, that start with what is fresh, each in order."""
    of_scopes: list[Named] = []
    of_edges: list[Named] = []
    for place, about, value in fresh:
        into = of_edges if isinstance(about, Edge) else of_scopes
        into.extend(Named(place, about, measure) for measure in _measures(about, value))
    return of_scopes, of_edges


def scopes_of(fresh: Iterable[Fresh]) -> dict[int, Scope]:
    """Return the scopes that are fresh, by row."""
    return {item.place: item.about for item in fresh if item.value is None and isinstance(item.about, Scope)}


def costs_of(fresh: Iterable[Fresh]) -> dict[int, Scope]:
    """Return the scopes that begin to cost something, by row."""
    return {
        item.place: item.about
        for item in fresh
        if item.value is Measure.COST and isinstance(item.about, Scope)
    }


def values_of(fresh: Iterable[Fresh]) -> dict[int, tuple[Scope, Measure]]:
    """Return the business values of scopes that are fresh, by number."""
    return {
        item.place: (item.about, item.value)
        for item in fresh
        if item.value is not None and item.value.key and isinstance(item.about, Scope)
    }


def _measures(about: ScopeOrEdge, value: Measure | None) -> tuple[Measure, ...]:
    if value is not None:
        return () if isinstance(about, Edge) and value is not Measure.COST else (value,)
    if isinstance(about, Edge):
        return KEPT_ON_EDGES[about.target.kind]
    return (*JUDGED[about.kind], *SUPPORTING.get(about.kind, ()))
