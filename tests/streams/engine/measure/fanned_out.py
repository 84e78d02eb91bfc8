"""A single block, as the scopes and edges of its shard see it."""

from copy import copy
from dataclasses import dataclass
from functools import cache

import numpy as np

from config.settings import MoneySettings
from detectors.model.array_types import Floats
from detectors.model.measures import Measure
from detectors.model.scope import ScopeOrEdge
from streams.engine.decode.paths import Call, Path
from streams.engine.measure.fan_out import FanOut, Latency, Tag
from streams.engine.measure.path_costs import PathCosts
from streams.engine.measure.step_fanning import ValueRows
from streams.engine.rollup.blocks.block import Block


@dataclass(frozen=True, slots=True)
class FannedOut:
    """One block per scope and edge of its shard."""

    scopes: list[ScopeOrEdge]
    sums: Floats  # (scopes, len(SUMMED))
    latency: dict[Measure, Latency]
    tags: dict[Tag, float]
    values: dict[tuple[int, Measure], float]  # by row
    costs: Floats  # (scopes,)


@cache
def _no_path_yet() -> PathCosts:
    """Return costs without a path; the list of prices is long, so it is read once."""
    return PathCosts(MoneySettings())


def fan_out_block(block: Block) -> FannedOut:
    """Return the counts of a block for each scope and edge of its shard; ``Steps`` fans out whole steps."""
    fan_out = FanOut(block.shard, block.shards)
    names: list[Path | Call] = [*block.paths, *block.calls]  # rows are ids: those of paths come first
    fan_out.add(names, np.arange(len(names)))
    values = ValueRows(fan_out)
    values.add(block.values, np.arange(len(block.values)))
    amounts = values.amounts(np.arange(len(block.values)), block.amounts)
    ids = np.arange(len(names))
    costs = copy(_no_path_yet()).of(block.bucket, names, ids, block.sums, block.gb_seconds.sum(axis=1))
    priced = np.flatnonzero(costs.any(axis=1))
    fan_out.add_costs(names, priced)
    return FannedOut(
        fan_out.scopes,
        fan_out.sums(np.arange(len(block.sums)), block.sums),
        fan_out.latency(block.cells, block.counts),
        fan_out.tags({(row, key, text): count for row, key, text, count in block.tags}),
        dict(zip(values.series, amounts.tolist(), strict=True)),
        fan_out.costs(priced, costs[priced], np.zeros(len(priced), np.int64), 1)[0],
    )
