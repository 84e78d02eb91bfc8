"""Costs of this project's batch consumer alone: records arrive in a stage that does not read them.

python -m benchmarks.contestants.uneri_lane BROKER TOPIC EVENTS [WARM]
"""

import asyncio
import sys
from collections.abc import Mapping

from benchmarks.contestants.stage_run import StageRun
from streams.drivers.kafka.stage import Emission
from streams.ingest.batch_consumer.chunk import Chunk


class Counting:
    """Takes chunks and reads nothing: the batch consumer's own work."""

    def __init__(self) -> None:
        self.records = 0

    def feed(self, chunk: Chunk) -> list[Emission]:
        self.records += len(chunk)
        return []

    def idle(self, _: float, __: int) -> list[Emission]:
        return []

    def snapshot(self) -> dict[str, bytes]:
        return {"records": str(self.records).encode()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        self.records = int(parts["records"])


async def main(broker: str, topic: str, words: list[str]) -> None:
    run = StageRun(broker, topic, words)

    class Measured(Counting):
        def feed(self, chunk: Chunk) -> list[Emission]:
            super().feed(chunk)
            run.took(chunk.partition, len(chunk))
            return []

    await run.run(lambda _: Measured())
    run.report()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
