"""One source partition, fed in any way, and its counts by name, independent of ids."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Final, NamedTuple, Self

from config.settings import MoneySettings, Settings, TimeSettings
from config.settings import RollupSettings as Bounds
from detectors.model.array_types import Floats
from detectors.model.measures import SUMMED, Measure
from detectors.model.scope import ScopeOrEdge
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.rejected import Rejected
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.rollup import Rollup
from tests.laws.arrivals import prompt
from tests.streams.engine.measure.fanned_out import FannedOut, fan_out_block

TIME: Final = TimeSettings()
ALL: Final = (10**9,)

Place = tuple[int, ScopeOrEdge]
"""A bucket, and a scope or edge."""


class Partition:
    """A decoder and a rollup, and all their output."""

    def __init__(
        self,
        shards: int = 1,
        bounds: Bounds | None = None,
        source: str = "requests/0",
        money: MoneySettings | None = None,
        *,
        whole_steps: bool = False,
    ) -> None:
        self._whole_steps = whole_steps
        self.blocks: list[Block] = []
        self.rejected: list[tuple[int, Rejected]] = []  # with the place of the record among all
        self.watermarks: list[int] = []  # after every run
        self._new = shards, bounds or Bounds(), source, money or MoneySettings()
        self._begin()

    def _begin(self) -> None:
        shards, bounds, source, money = self._new
        self._decoder = Decoder(Settings(rollup=bounds))
        self.rollup = Rollup(source, shards, TIME, self._decoder, money=money, whole_steps=self._whole_steps)
        self._at = 0

    def feed(
        self,
        bodies: Sequence[bytes],
        sizes: Sequence[int] = ALL,
        *,
        restart: bool = False,
        arrived: Floats | None = None,
        file: bool = False,
    ) -> Self:
        """Feed the records in runs of these sizes, repeated; ``restart`` after each run.

        They arrive at these epoch seconds, by default promptly; those of a ``file`` have no arrival.
        """
        size, at = cycle(sizes), 0
        if not file:
            arrived = prompt(bodies) if arrived is None else arrived
        while at < len(bodies):
            run = bodies[at : at + next(size)]
            here = None if arrived is None else arrived[at : at + len(run)]
            columns, rejected = self._decoder.decode(run, here)
            self.rejected += [(self._at + bad.index, bad) for bad in rejected]
            self.blocks += self.rollup.feed(columns)
            self.watermarks.append(self.rollup.watermark)
            at, self._at = at + len(run), self._at + len(run)
            if restart:
                self.restart()
        return self

    def restart(self) -> None:
        """Continue as another process would from the snapshot."""
        parts, at = self.rollup.snapshot(), self._at
        self._begin()
        self.rollup.restore(parts)
        self._at = at

    def finish(self) -> Self:
        """End the partition."""
        self.blocks += self.rollup.finish()
        self.rejected += [(self._at + bad.index, bad) for bad in self.rollup.rejected]
        self.rollup.rejected.clear()
        return self


def fed(
    bodies: Sequence[bytes],
    sizes: Sequence[int] = ALL,
    *,
    restart: bool = False,
    shards: int = 1,
    bounds: Bounds | None = None,
    arrived: Floats | None = None,
    file: bool = False,
    money: MoneySettings | None = None,
    whole_steps: bool = False,
) -> Partition:
    """Return a partition that was fed and has ended."""
    partition = Partition(shards, bounds, money=money, whole_steps=whole_steps)
    return partition.feed(bodies, sizes, restart=restart, arrived=arrived, file=file).finish()


class Counted(NamedTuple):
    """The content of blocks by bucket and name. Numbers are compared bit by bit."""

    sums: dict[tuple[Place, Measure], float]
    latency: dict[tuple[Place, Measure, int], float]
    tags: dict[tuple[Place, str, str], float]
    values: dict[tuple[Place, Measure], float]
    costs: dict[Place, float]
    records: dict[int, int]


def counted(blocks: Iterable[Block], width: int = TIME.bucket) -> Counted:
    """Add blocks up, corrections with the buckets that they correct."""
    found = Counted(
        defaultdict(float),
        defaultdict(float),
        defaultdict(float),
        defaultdict(float),
        defaultdict(float),
        defaultdict(int),
    )
    for block in blocks:
        bucket = block.bucket - block.bucket % width
        if block.shard == 0 and block.records:
            found.records[bucket] += block.records
        if block.paths or block.values:  # without them it counts nothing
            _count(found, bucket, fan_out_block(block))
    return found


def _count(found: Counted, bucket: int, fanned: FannedOut) -> None:
    places = [(bucket, about) for about in fanned.scopes]
    for place, sums in zip(places, fanned.sums.tolist(), strict=True):
        for measure, value in zip(SUMMED, sums, strict=True):
            if value:
                found.sums[place, measure] += value
    for layer, latency in fanned.latency.items():
        for row, at, count in zip(*(part.tolist() for part in latency), strict=True):
            found.latency[places[row], layer, at] += count
    for (row, key, text), count in fanned.tags.items():
        found.tags[places[row], key, text] += count
    for (row, key), amount in fanned.values.items():
        found.values[places[row], key] += amount
    for place, cost in zip(places, fanned.costs.tolist(), strict=True):
        if cost:
            found.costs[place] += cost
