"""A plain Faust agent: JSON, one event at a time, counted by service and function.

python -m benchmarks.contestants.faust_agent BROKER TOPIC EVENTS [WARM [SECONDS]]
"""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from typing import Any

import faust

from benchmarks.harness.meter import Meter


async def main(broker: str, topic: str, words: list[str]) -> None:
    meter, done = Meter.of(words), asyncio.Event()
    counts: Counter[tuple[str, str]] = Counter()
    app = faust.App(
        f"bench-{os.getpid()}",
        broker=f"kafka://{broker}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        datadir=tempfile.mkdtemp(prefix="uneri-faust-"),
    )

    @app.agent(app.topic(topic, value_serializer="json"))
    async def count(stream: Any) -> None:
        async for happened in stream.events():
            value = happened.value
            counts[value["service"], value["function"]] += 1
            if meter.took(happened.message.partition):
                done.set()
                return

    await app.start()
    await done.wait()
    meter.report(counts=[[*name, number] for name, number in counts.items()])
    os._exit(0)  # a stock agent may wait minutes for what it has not acknowledged


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
