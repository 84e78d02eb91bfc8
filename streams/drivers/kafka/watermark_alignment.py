"""Watermark alignment: pauses partitions whose event time runs too far ahead of the slowest.

A step stays open until every source has passed it, so partitions that run ahead fill the memory downstream.
Faust does not read partitions in turn: while it catches up, one may be at its end before another has begun.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from faust.types import TP

from streams.drivers.kafka.stage import StageRunner
from streams.ingest.batch_consumer.batch_consumer import ChunkConsumer

K = TypeVar("K")


class Level(NamedTuple):
    """How far one partition is."""

    watermark: int  # epoch seconds; 0 before its first record
    behind: bool  # it has unread records; a partition at its end delays no other


class WatermarkAlignment:
    """Keeps the partitions of one topic within a distance of each other in event time.

    Parameters
    ----------
    others
        Returns the watermarks of sources that other processes read; its argument names those read here.
    max_ahead
        Seconds of event time that a partition may be ahead of the slowest.
    """

    def __init__(
        self,
        watermark: Callable[[Any], int],
        others: Callable[[Collection[str]], Iterable[int]],
        max_ahead: int,
    ) -> None:
        self.paused: set[TP] = set()
        self._watermark = watermark
        self._others = others
        self._max_ahead = max_ahead

    def align(
        self,
        consumer: ChunkConsumer,
        runners: Mapping[TP, StageRunner],
        lag: Callable[[TP, StageRunner], int],
        waiting: Collection[TP] = (),
    ) -> None:
        """Pause and resume partitions of the consumer.

        While one of those that wait has not been read at all, the bound for the others is unknown.
        """
        levels = {
            tp: Level(self._watermark(runner.stage), lag(tp, runner) > 0)
            for tp, runner in runners.items()
            if tp in consumer.owned
        }
        others = self._others({runner.source for runner in runners.values()})
        unknown = any(tp in waiting and not level.watermark for tp, level in levels.items())
        paused = set(levels) if unknown else ahead(levels, others, self._max_ahead)
        if paused:
            consumer.pause_partitions(paused)  # again: a rebalance resumes all
        if resumed := (self.paused & levels.keys()) - paused:
            consumer.resume_partitions(resumed)
        self.paused = paused


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
