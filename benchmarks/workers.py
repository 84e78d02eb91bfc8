"""One, two and four workers over the eight partitions of one topic: how the whole path scales by processes.

    python benchmarks/workers.py [EVENTS]

Each is a process in the role rollup, as the daemon runs it: they share the consumer group, and each turns its
partitions into closed buckets. Measured is the time in which all of them are at work: from when the last one
took its first record in to when the first one ran out of them. Every closed bucket is compared with the
events that were generated. The time of the broker is that of its process, from when the workers start to when
all is committed; in the last line, while the topic is filled.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import structlog  # noqa: E402

from benchmarks.contest import filled  # noqa: E402
from benchmarks.contestants.uneri_path import closed  # noqa: E402
from benchmarks.request_events import PARTITIONS, Answer, events  # noqa: E402
from benchmarks.roster import check_closed  # noqa: E402
from config.settings import KafkaSettings, Settings  # noqa: E402
from streams.drivers.compile_ahead import prepare_process  # noqa: E402
from streams.drivers.kafka.app import aiokafka_options, chunk_app  # noqa: E402
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints  # noqa: E402
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore  # noqa: E402
from streams.drivers.kafka.hosted_partition import Hosted  # noqa: E402
from streams.drivers.kafka.stage import Emission  # noqa: E402
from streams.drivers.kafka.stage_host import StageHost  # noqa: E402
from streams.drivers.kafka.stages import RollupStage  # noqa: E402
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics, setup_topics  # noqa: E402
from streams.ingest.batch_consumer.chunk import Chunk  # noqa: E402
from tests.kafka.broker import Broker  # noqa: E402

EVENTS = 2_000_000
WORKERS = (1, 2, 4)
PATIENCE = 300.0  # seconds


class Samples:
    """The records and CPU of a worker, each time that it took something in."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, int, float]] = []  # wall clock, records, seconds of CPU

    def took(self, records: int) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        before = self.rows[-1][1] if self.rows else 0
        self.rows.append((time.time(), before + records, usage.ru_utime + usage.ru_stime))


async def work(kafka: KafkaSettings) -> None:
    """Take in what comes until standard input ends; write the samples."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for JSON
    prepare_process()
    samples = Samples()

    class Measured(RollupStage):
        def feed(self, chunk: Chunk) -> list[Emission]:
            emissions = list(super().feed(chunk))
            samples.took(len(chunk))
            return emissions

    topics = Topics.of(kafka)
    options = aiokafka_options(kafka)
    checkpoints = KafkaCheckpoints(FencedStore(topics.checkpoints, CHECKPOINTS_PARTITIONS, options))
    stage = Hosted(
        topics.requests,
        "rollup",
        lambda number: Measured(number, Settings(kafka=kafka), kafka.shards, topics),
    )
    host = StageHost(chunk_app(kafka), [stage], checkpoints, options)
    await host.start()
    await asyncio.to_thread(sys.stdin.read)
    await host.stop()
    sys.stdout.write(json.dumps(samples.rows) + "\n")


def together(runs: list[list[list[float]]]) -> tuple[float, float, float]:
    """Return seconds, records and CPU of the time in which all workers were at work."""
    runs = [rows for rows in runs if rows]  # one that joined too late had nothing left to do
    begin = max(rows[0][0] for rows in runs)
    end = min(rows[-1][0] for rows in runs)
    records = cpu = 0.0
    for rows in runs:
        inside = [row for row in rows if begin <= row[0] <= end]
        records += inside[-1][1] - inside[0][1]
        cpu += inside[-1][2] - inside[0][2]
    return end - begin, records, cpu


def run(kafka: KafkaSettings, count: int, expected: int) -> list[list[list[float]]]:
    """Let so many workers do it all; return the samples of each."""
    command = [sys.executable, __file__, "--work", kafka.model_dump_json()]
    workers = [
        subprocess.Popen(  # noqa: S603 - this file
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(count)
    ]
    deadline = time.monotonic() + PATIENCE
    while committed(kafka) < expected and time.monotonic() < deadline:
        time.sleep(0.3)
    runs = []
    for worker in workers:
        said, _ = worker.communicate("")
        runs.append(json.loads(said))
    return runs


def committed(kafka: KafkaSettings) -> int:
    """Return how many records the group has committed."""
    from kafka import KafkaConsumer, TopicPartition  # noqa: PLC0415 - of the parent alone

    from streams.drivers.kafka.connections.client import open_client  # noqa: PLC0415

    with open_client(
        KafkaConsumer, bootstrap_servers=kafka.brokers, group_id=kafka.app, enable_auto_commit=False
    ) as consumer:
        return sum(
            consumer.committed(TopicPartition(kafka.requests, number)) or 0 for number in range(PARTITIONS)
        )


def exact(kafka: KafkaSettings, answer: Answer) -> bool:
    """Compare the closed buckets of a group with the events."""
    buckets, watermarks = closed(kafka)
    reported = {"records": answer.records, "buckets": buckets, "watermarks": watermarks}
    return check_closed(reported, answer).exact


def main(count: int) -> int:
    right = True
    with Broker(heap="1g", options=()) as broker:
        idle = broker.seconds
        topic, answer = filled(broker, "workers", events(count))
        stored = broker.seconds - idle
        cores = os.cpu_count()
        print(f"{count:,} events, {PARTITIONS} partitions, {cores} cores for workers and broker\n")
        print("| workers | k/s wall | k/s/core | broker, µs an event | records by worker | exact |")
        print("|---:|---:|---:|---:|---|---|")
        for workers in WORKERS:
            kafka = KafkaSettings(
                brokers=[broker.address], app=f"workers-{workers}-{os.getpid()}", requests=topic, shards=2
            )
            setup_topics(Settings(kafka=kafka))
            before = broker.seconds
            runs = run(kafka, workers, count)
            served = broker.seconds - before
            seconds, records, cpu = together(runs)
            shares = " ".join(f"{rows[-1][1] / count if rows else 0:.0%}" for rows in runs)
            good = exact(kafka, answer)
            right &= good
            print(
                f"| {workers} | {records / seconds / 1e3:,.1f} | {records / cpu / 1e3:,.1f} | "
                f"{served / count * 1e6:.2f} | {shares} | {'yes' if good else 'NO'} |",
                flush=True,
            )
        print(f"\nthe broker took {stored / count * 1e6:.2f} µs to store an event")
    return 0 if right else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        asyncio.run(work(KafkaSettings.model_validate_json(sys.argv[2])))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS))
