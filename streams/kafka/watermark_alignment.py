"""Keeps partitions level: who runs ahead of the slowest in event time waits for it.

A step stays open until every source has passed it, so what runs ahead piles up in memory downstream. Faust
does not take chunks in turn: in a drain one partition may be at its end before another has begun.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

K = TypeVar("K")


class Level(NamedTuple):
    """How far one partition is."""

    watermark: int  # epoch seconds; 0 before its first record
    behind: bool  # it has records that were not taken in: what is at its end holds nobody up


def ahead(levels: Mapping[K, Level], elsewhere: Iterable[int], most: int) -> set[K]:
    """Return which partitions have to wait.

    Parameters
    ----------
    levels
        The partitions of this process.
    elsewhere
        Watermarks of those that other processes read and that hold time back.
    most
        Seconds of event time that one may be ahead of the slowest.

    Examples
    --------
    >>> ahead({"a": Level(1000, True), "b": Level(1700, True), "c": Level(100, False)}, [], 600)
    {'b'}
    >>> ahead({"a": Level(1000, True)}, [300], 600)
    {'a'}
    """
    slow = [level.watermark for level in levels.values() if level.behind and level.watermark]
    slow += elsewhere
    if not slow:
        return set()
    bound = min(slow) + most
    return {key for key, level in levels.items() if level.watermark > bound}
