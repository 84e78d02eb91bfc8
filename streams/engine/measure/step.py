"""A step: the counts that it collects while it is open, and what it has of every scope once closed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from detectors.model.array_types import Floats
from detectors.model.measures import Measure
from detectors.model.request_example import RequestExample
from detectors.model.stated import Levels, StatedChange
from streams.engine.measure.fan_out import Latency
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
    """The counts of an open step. Ids are those of ``Interner``."""

    records: int = 0
    counts: Counts = field(default_factory=Counts)
    values: Sums = field(default_factory=no_values)
    billed: Sums = field(default_factory=no_values)
    levels: Levels = field(default_factory=dict)
    changes: list[StatedChange] = field(default_factory=list)
    examples: list[RequestExample] = field(default_factory=list)
