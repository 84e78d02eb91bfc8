"""Events per second and core: the Kafka path to closed buckets, next to a plain Faust agent that only counts.

    python benchmarks/kafka_path.py [EVENTS]

Same broker (its own, real), same topic, same run. Uneri's path is what the daemon does in the role rollup:
poll, decode, all scopes and edges, closed buckets as blocks to Kafka, checkpoints, commits. The plain agent
decodes JSON and counts per (service, function). CPU is that of the client process from its first record to
its last, as the kernel accounts it. Every total is checked against the generator.
"""

import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import faust  # noqa: E402
import msgspec  # noqa: E402
from kafka import KafkaConsumer, TopicPartition  # noqa: E402

from config.settings import Kafka, Settings  # noqa: E402
from streams.block_codec import decode_block  # noqa: E402
from streams.chunk import Chunk  # noqa: E402
from streams.kafka_app import aiokafka_options, chunk_app  # noqa: E402
from streams.kafka_checkpoints import KafkaCheckpoints  # noqa: E402
from streams.kafka_stages import RollupStage  # noqa: E402
from streams.kafka_topics import CHECKPOINTS_PARTITIONS, Topics, setup_topics  # noqa: E402
from streams.owned_records import OwnedRecords  # noqa: E402
from streams.stage import Emission, Stage  # noqa: E402
from streams.stage_host import Hosted, StageHost  # noqa: E402
from tests.kafka import topic as topics  # noqa: E402
from tests.kafka.broker import Broker  # noqa: E402

PARTITIONS = 8
PLAIN = 120_000  # events that the plain agent gets to count: more would only take longer
START, RATE = 1_760_000_000, 5_000.0  # events per second of event time
HEALTHY = 0.98  # share of requests that succeed


def events(count: int) -> list[bytes]:
    """Events of 8 services with 25 functions each, which call one or two of 30 tables; 6 client versions."""
    rng = random.Random(7)  # noqa: S311 - repeatable, keeps no secret
    encode = msgspec.json.encode
    made = []
    for number in range(count):
        service, function = rng.randrange(8), rng.randrange(25)
        first = (service * 25 + function) % 30
        calls = [
            {
                "name": f"table-{(first + 7 * call) % 30}",
                "op": "GetItem",
                "ms": round(rng.expovariate(0.2), 2),
                "rcu": 1.5,
            }
            for call in range(1 + function % 2)
        ]
        made.append(
            encode(
                {
                    "ts": START + number / RATE,
                    "id": f"{rng.getrandbits(64):016x}",
                    "cloud": "aws",
                    "account": "123456789012",
                    "region": "eu-west-1",
                    "service": f"service-{service}",
                    "route": f"GET /{service}/{function}",
                    "function": f"function-{service}-{function}",
                    "client": {"name": "ios", "version": f"3.{rng.randrange(6)}.0"},
                    "status": 200 if rng.random() < HEALTHY else 500,
                    "ms": {"total": round(rng.lognormvariate(3, 0.6), 3)},
                    "tables": calls,
                }
            )
        )
    return made


class Meter:
    """CPU and wall time of this process since its first record."""

    def __init__(self) -> None:
        self._wall: float | None = None
        self._cpu = 0.0

    def start(self) -> None:
        if self._wall is None:
            self._wall, self._cpu = time.perf_counter(), self._spent()

    def report(self, records: int, **more: Any) -> None:
        if self._wall is None:
            raise SystemExit("no record came")
        told = {
            "records": records,
            "wall": time.perf_counter() - self._wall,
            "cpu": self._spent() - self._cpu,
        }
        sys.stdout.write(json.dumps(told | more) + "\n")
        sys.stdout.flush()

    @staticmethod
    def _spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime


class Counting:
    """Takes chunks and looks at nothing: what the lane alone costs."""

    def __init__(self) -> None:
        self.records = 0

    def feed(self, chunk: Chunk) -> list[Emission]:
        self.records += len(chunk)
        return []

    def idle(self) -> list[Emission]:
        return []

    def snapshot(self) -> dict[str, bytes]:
        return {"records": str(self.records).encode()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        self.records = int(parts["records"])


async def run_lane(kafka: Kafka, expected: int) -> None:
    meter, done = Meter(), asyncio.Event()
    stages: list[Counting] = []

    class Measured(Counting):
        def feed(self, chunk: Chunk) -> list[Emission]:
            meter.start()
            super().feed(chunk)
            if sum(stage.records for stage in stages) >= expected:
                done.set()
            return []

    def make(_: int) -> Counting:
        stages.append(Measured())
        return stages[-1]

    await run_stages(kafka, make, done, lambda: meter.report(sum(stage.records for stage in stages)))


async def run_uneri(kafka: Kafka, expected: int) -> None:
    meter, done = Meter(), asyncio.Event()
    stages: list[RollupStage] = []

    class Measured(RollupStage):
        def feed(self, chunk: Chunk) -> list[Emission]:
            meter.start()
            emissions = list(super().feed(chunk))
            if sum(stage.records for stage in stages) >= expected:
                done.set()
            return emissions

    def make(number: int) -> RollupStage:
        stages.append(Measured(number, Settings(kafka=kafka), kafka.shards, Topics.of(kafka)))
        return stages[-1]

    await run_stages(kafka, make, done, lambda: meter.report(sum(stage.records for stage in stages)))


async def run_stages(
    kafka: Kafka, make: Callable[[int], Stage], done: asyncio.Event, report: Callable[[], None]
) -> None:
    options = aiokafka_options(kafka)
    records = OwnedRecords(Topics.of(kafka).checkpoints, CHECKPOINTS_PARTITIONS, options)
    hosted = Hosted(kafka.requests, "rollup", make)
    host = StageHost(chunk_app(kafka), [hosted], KafkaCheckpoints(records), options)
    await host.start()
    await done.wait()
    report()
    await host.stop()


async def run_plain(kafka: Kafka, expected: int) -> None:
    meter, done = Meter(), asyncio.Event()
    counts: Counter[tuple[str, str]] = Counter()
    read: Counter[int] = Counter()
    app = faust.App(
        f"{kafka.app}-plain",
        broker=f"kafka://{kafka.brokers[0]}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        datadir=f"/tmp/{kafka.app}-plain",  # noqa: S108 - nothing is kept there
    )

    @app.agent(app.topic(kafka.requests, value_serializer="json"))
    async def count(stream: Any) -> None:
        async for happened in stream.events():
            meter.start()
            value = happened.value
            counts[value["service"], value["function"]] += 1
            read[happened.message.partition] += 1
            if sum(read.values()) == expected:
                done.set()
                await asyncio.sleep(3600)

    await app.start()
    await done.wait()
    told = [[*name, number] for name, number in counts.items()]
    meter.report(sum(read.values()), read=read, counts=told)
    os._exit(0)  # a stock agent may wait minutes for what it has not acknowledged


def contestant(which: str, kafka: Kafka, expected: int) -> dict[str, Any]:
    command = [sys.executable, __file__, which, kafka.model_dump_json(), str(expected)]
    ran = subprocess.run(  # noqa: S603 - this file
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    if ran.returncode or not ran.stdout.strip():
        raise SystemExit(f"{which} failed: {ran.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return told


def check_plain(told: dict[str, Any], partitions: list[list[bytes]]) -> bool:
    expected: Counter[tuple[str, str]] = Counter()
    for partition, number in told["read"].items():
        for line in partitions[int(partition)][:number]:
            event = msgspec.json.decode(line)
            expected[event["service"], event["function"]] += 1
    return {(service, function): number for service, function, number in told["counts"]} == dict(expected)


def check_uneri(kafka: Kafka, partitions: list[list[bytes]]) -> bool:
    """Every closed bucket of every source holds exactly the events of its ten seconds."""
    found: Counter[tuple[str, int]] = Counter()
    watermark: Counter[str] = Counter()
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.brokers, auto_offset_reset="earliest", enable_auto_commit=False
    )
    place = TopicPartition(Topics.of(kafka).rollups, 0)
    consumer.assign([place])
    end = consumer.end_offsets([place])[place]
    while consumer.position(place) < end:
        for record in consumer.poll(500).get(place, []):
            block = decode_block(record.value)
            found[block.source, block.bucket] += block.records
            watermark[block.source] = max(watermark[block.source], block.watermark)
    consumer.close()
    expected: Counter[tuple[str, int]] = Counter()
    for number, lines in enumerate(partitions):
        source = f"{kafka.requests}/{number}"
        for line in lines:
            bucket = int(msgspec.json.decode(line)["ts"] // 10 * 10)
            if bucket < watermark[source]:
                expected[source, bucket] += 1
    return bool(expected) and +found == expected


def main(count: int) -> None:
    made = events(count)
    partitions = [made[number::PARTITIONS] for number in range(PARTITIONS)]
    with Broker(heap="1g") as broker:
        kafka = Kafka(brokers=[broker.address], app="bench", requests="bench-requests", shards=2)
        setup_topics(Settings(kafka=kafka))
        topics.fill(broker.address, kafka.requests, partitions, START * 1000)
        plain = contestant("plain", kafka, min(count, PLAIN))
        uneri = contestant("uneri", kafka, count)
        bare = kafka.model_copy(update={"app": "bench-lane"})
        setup_topics(Settings(kafka=bare))
        lane = contestant("lane", bare, count)
        exact = {
            "plain": check_plain(plain, partitions),
            "uneri": check_uneri(kafka, partitions),
            "lane": lane["records"] == count,
        }
    print(
        f"{count} events of {sum(map(len, made)) // count} bytes, {PARTITIONS} partitions, Apache Kafka 4.3.1"
    )
    print(f"{'':34}{'k events/s/core':>16}{'k events/s wall':>17}{'ratio':>8}  exact")
    base = plain["records"] / plain["cpu"]
    for name, told, key in (
        ("plain Faust, count per function", plain, "plain"),
        ("uneri, to closed buckets", uneri, "uneri"),
        ("uneri's lane alone, no decoding", lane, "lane"),
    ):
        rate = told["records"] / told["cpu"]
        wall = told["records"] / told["wall"]
        right = "yes" if exact[key] else "NO"
        print(f"{name:34}{rate / 1e3:16.1f}{wall / 1e3:17.1f}{rate / base:7.1f}x  {right}")
    raise SystemExit(0 if all(exact.values()) else 1)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ("uneri", "lane", "plain"):
        run = {"uneri": run_uneri, "lane": run_lane, "plain": run_plain}[sys.argv[1]]
        asyncio.run(run(Kafka.model_validate_json(sys.argv[2]), int(sys.argv[3])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 600_000)
