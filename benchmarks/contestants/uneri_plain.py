"""This project's lane restricted to what all peers can do: count, sum and maximum by function and window.

python -m benchmarks.contestants.uneri_plain BROKER TOPIC EVENTS
"""

import asyncio
import sys
from collections.abc import Mapping

import msgspec

from benchmarks.contestants.stage_run import StageRun
from benchmarks.totals import Totals
from streams.chunk import Chunk
from streams.stage import Emission


class Ms(msgspec.Struct, gc=False):
    total: float


class Request(msgspec.Struct, gc=False):
    """The fields that the aggregation needs."""

    ts: float
    service: str
    function: str
    ms: Ms


class PlainStage:
    """The totals of one partition."""

    def __init__(self) -> None:
        self.totals = Totals()
        self._decode = msgspec.json.Decoder(Request).decode_lines

    def feed(self, chunk: Chunk) -> list[Emission]:
        add = self.totals.add
        for request in self._decode(b"\n".join(chunk.values)):
            add(request.service, request.function, request.ts, request.ms.total)
        return []

    def idle(self) -> list[Emission]:
        return []

    def snapshot(self) -> dict[str, bytes]:
        return {"rows": msgspec.json.encode(self.totals.rows())}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        self.totals = Totals.of(msgspec.json.decode(parts["rows"]))


async def main(broker: str, topic: str, expected: int) -> None:
    run = StageRun(broker, topic, expected)
    stages: list[PlainStage] = []

    class Measured(PlainStage):
        def feed(self, chunk: Chunk) -> list[Emission]:
            run.meter.start()
            emissions = super().feed(chunk)
            run.took(len(chunk))
            return emissions

    def make(_: int) -> PlainStage:
        stages.append(Measured())
        return stages[-1]

    await run.run(make)
    totals = Totals()
    for stage in stages:
        for service, function, start, *cell in stage.totals.rows():
            totals.add_cell((service, function, start), *cell)
    run.meter.tell(run.taken, totals=totals.rows())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
