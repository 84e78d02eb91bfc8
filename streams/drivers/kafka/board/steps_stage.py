"""The stage of the steps topic: holds each step until the hour that it belongs to is written."""

from collections.abc import Iterable, Mapping
from typing import Final

from streams.drivers.kafka.stage import Emission, UnfedError
from streams.ingest.batch_consumer.chunk import Chunk
from streams.record.history.segments import Segments

ROOM: Final = 64 * 1024 * 1024
"""Bytes of steps that are held while complete hours wait to be written: the topic keeps what comes after."""


class StepsStage:
    """The one partition of the steps topic: the records of all shards, until a writer takes them out.

    Parameters
    ----------
    shards
        Number of shards: an hour is complete when every one has passed it.
    """

    def __init__(self, shards: int) -> None:
        self.segments = Segments(shards)
        self.full = False
        """Whether nothing is taken in until a complete hour is written; another thread may look."""

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        """Hold the steps of a chunk; those that came again are dropped.

        Raises
        ------
        UnfedError
            When complete hours are to be written first.
        """
        self.look()
        if self.full and len(chunk):
            raise UnfedError("room for steps", chunk.offsets[0], ())
        self.segments.feed(chunk.values)
        return ()

    def look(self) -> None:
        """Notice whether there is room."""
        held = self.segments
        # an hour that is not complete must be taken in whole, however large it is
        self.full = held.held_bytes >= ROOM and bool(held.complete())

    def idle(self, _: float) -> Iterable[Emission]:
        """Do nothing: steps advance time."""
        return ()

    def snapshot(self) -> dict[str, bytes]:
        """Return the steps that are in no file yet."""
        return self.segments.snapshot()

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        self.segments.restore(parts)
