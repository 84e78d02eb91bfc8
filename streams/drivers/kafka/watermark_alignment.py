"""Watermark alignment: pauses partitions whose event time runs too far ahead of the slowest.

A step stays open until every source has passed it, so partitions that run ahead fill the memory downstream.
Faust does not read partitions in turn: while it catches up, one may be at its end before another has begun.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from faust.types import TP

from streams.ingest.batch_consumer.batch_consumer import ChunkConsumer

if TYPE_CHECKING:
    from streams.drivers.kafka.hosted_partition import HostedPartition

K = TypeVar("K")


class Level(NamedTuple):
    """How far one partition is."""

    watermark: int  # epoch seconds; 0 before its first record
    behind: bool  # it has unread records; a partition at its end delays no other


class WatermarkAlignment:
    """Keeps partitions within ``max_ahead`` seconds of the slowest in event time."""

    def __init__(self, max_ahead: int) -> None:
        self.paused: set[TP] = set()
        self._max_ahead = max_ahead

    def align(self, consumer: ChunkConsumer, opened: "Collection[HostedPartition]") -> None:
        """Pause and resume the partitions that are aligned, of all that are open.

        While one of those that wait has not been read at all, the bound for the others is unknown.
        """
        ours, heard = list[str](), list[Mapping[str, int]]()
        levels: dict[TP, Level] = {}
        unknown = False
        for partition in opened:
            stage = partition.stage
            if (levels_of_sources := stage.heard) is not None:
                heard.append(levels_of_sources)
            if partition.hosted.alignment is not self:
                continue
            ours.append(partition.source)
            if partition.tp in consumer.owned:
                level = levels[partition.tp] = Level(stage.watermark or 0, partition.lag > 0)
                unknown |= partition.waiting is not None and not level.watermark
        others = other_watermarks(ours, heard)
        paused = set(levels) if unknown else ahead(levels, others, self._max_ahead)
        if paused:
            consumer.pause_partitions(paused)  # again: a rebalance resumes all
        if resumed := (self.paused & levels.keys()) - paused:
            consumer.resume_partitions(resumed)
        self.paused = paused


def other_watermarks(ours: Collection[str], heard: Collection[Mapping[str, int]]) -> list[int]:
    """Return the watermarks of sources that other processes read, as the shards here know them.

    Examples
    --------
    >>> other_watermarks(["a"], [{"a": 1, "b": 7, "c": 3}, {"a": 2, "b": 8}])
    [8]
    """
    newest: dict[str, int] = {}
    held: Counter[str] = Counter()
    for levels in heard:
        for source, watermark in levels.items():
            held[source] += 1
            newest[source] = max(newest.get(source, 0), watermark)
    # idle at one shard means idle: its block may not have reached every shard yet
    return [at for source, at in newest.items() if source not in ours and held[source] == len(heard)]


def ahead(levels: Mapping[K, Level], others: Iterable[int], max_ahead: int) -> set[K]:
    """Return the partitions that have to wait for the slowest, here or in ``others``.

    Examples
    --------
    >>> ahead({"a": Level(1000, True), "b": Level(1700, True), "c": Level(100, False)}, [], 600)
    {'b'}
    >>> ahead({"a": Level(1000, True)}, [300], 600)
    {'a'}
    """
    slow = [level.watermark for level in levels.values() if level.behind and level.watermark]
    slow += others
    if not slow:
        return set()
    bound = min(slow) + max_ahead
    return {key for key, level in levels.items() if level.watermark > bound}
