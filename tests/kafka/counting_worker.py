"""One worker process: counts the records and sums the values of each partition, in checkpointed state.

python counting_worker.py BROKER APP TOPIC SECONDS_BETWEEN_CHECKPOINTS SECONDS_A_CHUNK
"""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from config.settings import KafkaSettings
from detectors.state.state import pack, unpack
from streams.drivers.checkpointing import RunOptions
from streams.drivers.kafka.app import aiokafka_options, chunk_app
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.hosted_partition import Hosted
from streams.drivers.kafka.stage import Emission, Stage
from streams.drivers.kafka.stage_host import StageHost
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics
from streams.ingest.batch_consumer.chunk import Chunk


class Counting(Stage):
    """Count and sum of the records, which are decimal numbers."""

    def __init__(self, pause: float) -> None:
        self.state = {"records": 0, "sum": 0}
        self._pause = pause

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        self.state["records"] += len(chunk)
        self.state["sum"] += sum(map(int, chunk.values))
        time.sleep(self._pause)  # work that takes a while, so that a kill finds some undone
        return ()

    def idle(self, _: float, __: int) -> Iterable[Emission]:
        return ()

    def snapshot(self) -> dict[str, bytes]:
        return {"counts": pack("counts", 1, self.state, {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        self.state, _ = unpack(parts["counts"], "counts", 1, dict[str, int])


async def main(broker: str, name: str, topic: str, every: float, pause: float) -> None:
    kafka = KafkaSettings(brokers=[broker], app=name, requests=topic)
    options: dict[str, Any] = aiokafka_options(kafka)
    checkpoints = KafkaCheckpoints(FencedStore(Topics.of(kafka).checkpoints, CHECKPOINTS_PARTITIONS, options))
    hosted = Hosted(topic, "count", lambda _: Counting(pause))
    host = StageHost(chunk_app(kafka), [hosted], checkpoints, options, RunOptions(every=every))
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await host.start()
    await stopping.wait()
    await host.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main(*sys.argv[1:4], *map(float, sys.argv[4:6])))  # type: ignore[arg-type]  # by position
