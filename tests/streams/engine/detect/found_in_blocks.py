"""What a shard finds in the blocks of one source."""

from collections.abc import Iterable, Iterator
from typing import Final

from config.settings import Settings
from detectors.model.finding import Finding
from streams.engine.detect.detect import Detect
from streams.engine.rollup.blocks.block import Block

AT_ONCE: Final = 20
"""Blocks of a feed: a shard that follows its topic is fed some at once, and judges them so in a fraction of
the time that it takes for one after the other."""


def fed_in_runs(detect: Detect, blocks: list[Block]) -> Iterator[Finding]:
    for first in range(0, len(blocks), AT_ONCE):
        for judged in detect.feed(blocks[first : first + AT_ONCE]):
            yield from judged.findings


def findings_of(blocks: Iterable[Block], settings: Settings, restart: int | None = None) -> list[Finding]:
    """Return the findings in their order, of a shard that starts again after ``restart`` blocks."""
    given, detect = list(blocks), Detect(0, ["one/0"], settings)
    if restart is None:
        return list(fed_in_runs(detect, given))
    found = list(fed_in_runs(detect, given[:restart]))
    again = Detect(0, ["one/0"], settings)
    again.restore(detect.snapshot())
    return found + list(fed_in_runs(again, given[restart:]))
