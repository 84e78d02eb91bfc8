"""One, two and four workers over the eight partitions of one topic: how the whole path scales by processes.

    python -m benchmarks.workers [--events N] [--page FILE] [--smoke]

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
from typing import Final

from benchmarks.contestants.stage_run import closed, counting, stage_host
from benchmarks.harness.bench_broker import bench_broker
from benchmarks.harness.meter import PARTITIONS
from benchmarks.harness.report import ROOT, arguments, named, parsed, report
from benchmarks.inputs.requests import RequestTopic, check_closed
from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.stages import RollupStage
from streams.drivers.kafka.topics import Topics, setup_topics
from tests.kafka.topic import committed, unique

EVENTS: Final = 10_000_000
SMOKE: Final = 320_000  # half a minute of event time, and more
PATIENCE: Final = 300.0  # seconds

Samples = list[tuple[float, int, float]]
"""Of a worker, whenever it took something in: wall clock, records until then, seconds of CPU."""


async def work(kafka: KafkaSettings) -> None:
    """Take in what comes until standard input ends; write the samples."""
    samples: Samples = []

    def took(_: int, records: int) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        before = samples[-1][1] if samples else 0
        samples.append((time.time(), before + records, usage.ru_utime + usage.ru_stime))

    def make(number: int) -> RollupStage:
        return counting(RollupStage(number, Settings(kafka=kafka), kafka.shards, Topics.of(kafka)), took)

    host = stage_host(kafka, make)
    await host.start()
    await asyncio.to_thread(sys.stdin.read)
    await host.stop()
    sys.stdout.write(json.dumps(samples) + "\n")


def run(kafka: KafkaSettings, count: int, expected: int) -> list[Samples]:
    """Let so many workers do it all; return the samples of each."""
    command = [sys.executable, "-m", "benchmarks.workers", "--work", kafka.model_dump_json()]
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        for _ in range(count)
    ]
    deadline = time.monotonic() + PATIENCE
    try:
        while sum(committed(kafka.brokers[0], kafka.app, kafka.requests, PARTITIONS)) < expected:
            if time.monotonic() > deadline or any(worker.poll() is not None for worker in workers):
                raise SystemExit(f"{count} workers: not all was committed")
            time.sleep(0.3)
        return [json.loads(worker.communicate("")[0]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()


def together(runs: list[Samples]) -> tuple[float, float, float]:
    """Return seconds, records and CPU of the time in which all workers were at work."""
    runs = [rows for rows in runs if rows]  # one that joined too late had nothing left to do
    begin, end = max(rows[0][0] for rows in runs), min(rows[-1][0] for rows in runs)
    records = cpu = 0.0
    for rows in runs:
        inside = [row for row in rows if begin <= row[0] <= end]
        if inside:
            records += inside[-1][1] - inside[0][1]
            cpu += inside[-1][2] - inside[0][2]
    return max(end - begin, 1e-9), records, max(cpu, 1e-9)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--events", type=int)
    parser.add_argument("--work", help="settings of Kafka: be a worker")
    given = parsed(parser, "workers")
    if given.work:
        asyncio.run(work(KafkaSettings.model_validate_json(given.work)))
        return 0
    made, name = RequestTopic(given.events or (SMOKE if given.smoke else EVENTS)), unique("workers")
    rows, exact = [], True
    with bench_broker() as broker:
        idle = broker.seconds()
        made.write(broker.address, name)
        stored = (broker.seconds() - idle) / made.records * 1e6
        for workers in (2,) if given.smoke else (1, 2, 4):
            kafka = KafkaSettings(
                brokers=[broker.address], app=unique(f"workers-{workers}"), requests=name, shards=2
            )
            setup_topics(Settings(kafka=kafka))
            before = broker.seconds()
            runs = run(kafka, workers, made.records)
            served = (broker.seconds() - before) / made.records * 1e6
            seconds, records, cpu = together(runs)
            shares = ", ".join(f"{samples[-1][1] / made.records if samples else 0:.0%}" for samples in runs)
            verdict = check_closed(closed(kafka), made.whole)
            exact &= verdict.exact
            rows.append(
                {
                    "workers": workers,
                    "k events/s wall": f"{records / seconds / 1e3:,.1f}",
                    "k events/s/core": f"{records / cpu / 1e3:,.1f}",
                    "broker, µs an event": f"{served:.2f}",
                    "records by worker": shares,
                    "exact": verdict,
                }
            )
    what = f"{made.records:,} events, {PARTITIONS} partitions; {os.cpu_count()} cores for workers and broker"
    last = f"The broker took {stored:.2f} µs to store an event."
    report({"workers": f"{what}.\n\n{named(rows, words=(4, 5))}\n\n{last}"}, given.page)
    return int(not exact)


if __name__ == "__main__":
    sys.exit(main())
