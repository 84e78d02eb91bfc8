"""The steps of a checkpoint. The drivers differ in where emissions and state go, and in nothing else."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from streams.engine.stages.checkpoint import Checkpoint
from streams.process.compilation import JUDGEMENT, BackgroundCompile
from streams.process.crash_points import CrashHook, no_crash
from streams.process.machine import HEAP
from streams.process.watchdog import STUCK_SECONDS

CHECKPOINT_SECONDS: Final = 5.0
PENDING: Final = "pending"  # the part with what the clock decided, and what is emitted after the checkpoint
NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})
RUN_RECORDS: Final = 50_000


class RunOptions(NamedTuple):
    """How a daemon runs, beside its configuration."""

    every: float = CHECKPOINT_SECONDS  # between checkpoints
    stuck: float = STUCK_SECONDS  # that a reader may stand still although there is more to read
    run_records: int = RUN_RECORDS  # of the log, about so many of which the engine receives at a time
    code: BackgroundCompile = JUDGEMENT  # without which no record can be judged
    at: CrashHook = no_crash
    clock: Callable[[], float] = time.monotonic  # seconds


USUAL: Final = RunOptions()


class Checkpointed:
    """State that is fed the records of one source, such as ``requests/3``, and its checkpoints.

    ``key`` names its checkpoints: ``rollup/3``.
    """

    def __init__(self, key: str, source: str, options: RunOptions) -> None:
        self.key = key
        self.source = source
        self.position: int | None = None  # next offset to feed; None before the first record ever
        self.changed = False  # since the newest checkpoint
        self._every, self._at, self._clock = options.every, options.at, options.clock
        self._saved_at = self._clock()

    @property
    def checkpoint_age(self) -> float:
        """Seconds for which there has been state that no checkpoint includes; 0 if there is none."""
        return self._clock() - self._saved_at if self.changed else 0.0

    def is_due(self) -> bool:
        """Return whether the newest checkpoint is old enough for another one."""
        return self._clock() - self._saved_at >= self._every

    async def checkpoint(self, pending: Mapping[str, bytes] = NOTHING) -> None:
        """Make durable what was processed up to ``position``.

        ``pending`` is the part with what the clock decided, and would decide otherwise after a crash: it is
        emitted when this returns, or by the next process that restores the checkpoint.
        """
        # 1. All that was emitted is durable: these records are never fed again, so it is never repeated.
        await self.acknowledged()
        # 2. The state is taken.
        parts = {**self.parts(), **pending}
        offsets = {} if self.position is None else {self.source: self.position}
        # 3. State, offset and what must be emitted exactly once become durable together, or not at all.
        await self.save(Checkpoint(offsets, parts))
        self.changed, self._saved_at = False, self._clock()
        # 4. The source is released: a restart goes on from this offset.
        self.release()
        HEAP.give_back()

    async def acknowledged(self) -> None:
        """Wait until all that was emitted is durable; by default, it is."""

    def parts(self) -> dict[str, bytes]:
        """Return the state in parts."""
        raise NotImplementedError

    async def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and what was held back for it, all or nothing; durable on return."""
        raise NotImplementedError

    def release(self) -> None:
        """Release the source up to ``position``; by default, ``save`` does."""
