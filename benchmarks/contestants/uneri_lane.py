"""What this project's lane costs alone: records arrive in a stage, and nobody looks at them.

python -m benchmarks.contestants.uneri_lane BROKER TOPIC EVENTS
"""

import asyncio
import sys

from benchmarks.contestants.stage_run import Counting, StageRun
from streams.chunk import Chunk
from streams.stage import Emission


async def main(broker: str, topic: str, expected: int) -> None:
    run = StageRun(broker, topic, expected)

    class Measured(Counting):
        def feed(self, chunk: Chunk) -> list[Emission]:
            run.meter.start()
            super().feed(chunk)
            run.took(len(chunk))
            return []

    await run.run(lambda _: Measured())
    run.meter.tell(run.taken)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
