"""Writes the history, in the process that owns the one partition of the steps topic.

A stage holds each step until the hour that it belongs to is written.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Final

import structlog

from config.settings import HistorySettings
from detectors.state.declared import Owned, Stateful
from streams.drivers.kafka.checkpoints.fenced_store import FencedError
from streams.drivers.kafka.hosted_partition import Send
from streams.drivers.kafka.stage import Emission, Stage, StageRunner, UnfedError
from streams.drivers.kafka.stage_host import start_vital
from streams.ingest.batch_consumer.chunk import Chunk
from streams.process.metrics import Metrics
from streams.process.part import Part
from streams.record.history.history_keeper import HistoryBounds
from streams.record.history.segments import Segments

ROOM: Final = 64 * 1024 * 1024
"""Bytes of steps that are held while complete hours wait to be written: the topic keeps the next ones."""

POLL_SECONDS: Final = 0.1  # between two checks whether the state of the stage is restored

log = structlog.get_logger("uneri.history")


class StepsStage(Stateful, Stage):
    """The one partition of the steps topic: the records of all shards, until a writer takes them out."""

    STATE = (Owned("segments"),)

    def __init__(self, shards: int) -> None:
        self.segments = Segments(shards)
        self.full = False
        """Whether no step is accepted until a complete hour is written; any thread may read it."""

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        """Hold the steps of a chunk; those that came again are dropped.

        Raises
        ------
        UnfedError
            When complete hours are to be written first.
        """
        self.update_full()
        if self.full and len(chunk):
            raise UnfedError("room for steps", chunk.offsets[0], ())
        self.segments.feed(chunk.values)
        return ()

    def update_full(self) -> None:
        """Update whether there is room."""
        held = self.segments
        # an incomplete hour must be accepted whole, however large it is
        self.full = held.held_bytes >= ROOM and bool(held.complete())

    @property
    def watermark(self) -> int | None:
        """The event time up to which steps have come from every shard."""
        return self.segments.until or None


if TYPE_CHECKING:
    from streams.record.history.history_writer import HistoryWriter


class HistoryKeeping(Part):
    """The writer of the history beside the stage whose steps it writes.

    Every written hour leaves the checkpoint at once. A process that another one has replaced learns it there
    and writes no more; the other writes the same files.
    """

    def __init__(
        self,
        settings: HistorySettings,
        shards: int,
        metrics: Metrics,
        runner: Callable[[], StageRunner | None],
    ) -> None:
        self._settings = settings
        self._shards = shards
        self._metrics = metrics
        self._runner = runner  # returns None while the stage is not open
        self._stage: StepsStage | None = None
        self._writer: HistoryWriter | None = None
        self._writing: asyncio.Task[None] | None = None

    def new_stage(self) -> StepsStage:
        """Return the stage of the partition that is being opened."""
        self._stage = StepsStage(self._shards)
        return self._stage

    def has_room(self) -> bool:
        """Return whether the stage accepts steps; any thread may ask."""
        return self._stage is None or not self._stage.full

    def not_ready(self) -> str | None:
        """Return why steps wait in the topic, None if they do not or are about to be fed."""
        trouble = self._writer and self._writer.trouble
        return None if self.has_room() or not trouble else f"the history cannot be written: {trouble}"

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``; nothing while another process writes."""
        return {} if self._writer is None else self._writer.status()

    @contextlib.asynccontextmanager
    async def run(self, send: Send) -> AsyncIterator[Send]:
        """Write while the block runs."""
        writing = self._writing = start_vital(self._write())
        try:
            yield send
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            if self._writing is writing:  # and the partition has not come back already
                self._stage = self._writer = self._writing = None
                self._metrics.history_bytes.set(0)

    async def _write(self) -> None:
        from streams.record.history.history_writer import HistoryWriter

        while True:
            runner, stage = self._runner(), self._stage
            if runner is not None and stage is not None:
                break
            await asyncio.sleep(POLL_SECONDS)

        async def forgotten() -> None:
            await runner.change_stage(stage.update_full)

        place, bounds = str(self._settings.place), HistoryBounds.of(self._settings)
        self._writer = HistoryWriter(stage.segments, place, bounds, self._metrics, forgotten, patient=True)
        try:
            await self._writer.run()
        except FencedError as error:
            log.warning(str(error), key=runner.key)
