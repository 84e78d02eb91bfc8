"""A stand-in for Kafka and the clock around one stage."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka.errors import KafkaConnectionError

from streams.drivers.checkpointing import CHECKPOINT_SECONDS, RunOptions
from streams.drivers.kafka.stage import Bounds, Emission, Stage, StageRunner
from streams.engine.stages.checkpoint import Checkpoint


class CrashError(Exception):
    """The process ends here."""


class World:
    """Kafka and the clock: they outlive a process."""

    key, source, topic_id = "sum/0", "t/0", ""

    def __init__(self) -> None:
        self.now = 0.0
        self.saved: Checkpoint | None = None
        self.saves = 0
        self.committed = 0
        self.deleted = 0
        self.emitted: list[bytes] = []
        self.with_checkpoints: list[bytes] = []
        self.first, self.end = 0, 1000
        self.answers = True
        self.crash_in = 10**9  # operations until the process ends

    def operation(self) -> None:
        self.crash_in -= 1
        if self.crash_in < 0:
            raise CrashError

    async def load(self, _: str) -> Checkpoint | None:
        return self.saved

    async def save(self, _: str, checkpoint: Checkpoint, once: Sequence[Emission] = ()) -> None:
        self.operation()
        self.saved = checkpoint
        self.saves += 1
        self.with_checkpoints += [emission.value for emission in once]

    async def send(self, emission: Emission) -> Any:
        self.operation()
        self.emitted.append(emission.value)
        acknowledged = asyncio.get_running_loop().create_future()
        acknowledged.set_result(None)
        return acknowledged

    def release(self, offset: int) -> None:
        self.operation()
        assert self.saved is not None
        assert offset <= self.saved.offsets["t/0"]
        self.committed = offset

    def count_deleted(self, records: int) -> None:
        self.deleted += records

    async def bounds(self) -> Bounds:
        if not self.answers:
            raise KafkaConnectionError("no broker")
        return Bounds(self.first, self.end)

    async def ends(self) -> dict[str, int]:
        return {self.source: self.end}

    def runner(
        self, stage: Stage, every: float = CHECKPOINT_SECONDS, *, idle_after: float | None = None
    ) -> StageRunner:
        options = RunOptions(every=every, clock=lambda: self.now)
        return StageRunner(self, stage, self, options, idle_after=idle_after)
