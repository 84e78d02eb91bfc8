"""How fast a daemon catches up with thin history in Kafka: all roles in one process, by the wall clock.

    python -m benchmarks.catch_up [--days N] [--partitions N] [--shards N] [--hold SECONDS] [--page FILE]

The thin weeks of ``benchmarks.replay`` are on a topic when the daemon starts, spread over its partitions as a
producer without keys spreads them. The clock runs from the first judged step to the last but a few, so what
a start costs is shown apart. Figures are records a second by the clock, and the CPU of the daemon per minute
of event time; the broker uses the other core.
"""

import sys
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import Final

from benchmarks.harness.bench_broker import bench_broker
from benchmarks.harness.report import arguments, named, parsed, report
from benchmarks.harness.usage import processor_time_of
from benchmarks.inputs.traffic import DAY, START, Backend
from benchmarks.replay import CELLS, WEEKS
from tests.alerting.slack_standin import SlackStandin, in_a_thread
from tests.kafka import topic as topics
from tests.main_job.job import Program, wait_until

LEFT: Final = 900  # seconds of event time at the end that only a wait by the clock closes


def measured(days: float, partitions: int, shards: int, hold: float) -> str:
    """Run the daemon; return the table."""
    lines = list(chain.from_iterable(Backend(CELLS).days(days, WEEKS["thin"].per_second)))
    end = START + days * DAY - LEFT
    with (
        bench_broker() as broker,
        tempfile.TemporaryDirectory() as folder,
        in_a_thread(SlackStandin(now=time.time)) as slack,
    ):
        program = Program(
            Path(folder), slack, broker.address, partitions=partitions, limits={}, kafka={"shards": shards}
        )
        topics.fill(
            broker.address, program.requests, [lines[number::partitions] for number in range(partitions)]
        )
        began = time.perf_counter()
        with program.running() as process:
            wait_until(lambda: program.judged_until() > START, "the first step")
            started, cpu, first = time.perf_counter(), processor_time_of(process.pid), program.judged_until()
            if hold:
                print(f"pid {process.pid}", file=sys.stderr, flush=True)
            wait_until(lambda: program.judged_until() >= end, "catching up")
            wall, cpu, last = (
                time.perf_counter() - started,
                processor_time_of(process.pid) - cpu,
                program.judged_until(),
            )
            time.sleep(hold)
    minutes, thousands = (last - first) / 60, len(lines) * (last - first) / (days * DAY) / 1000
    row = {
        "records": f"{len(lines):,}",
        "partitions": partitions,
        "shards": shards,
        "s to the first step": f"{started - began:.1f}",
        "k/s by the clock": f"{thousands / wall:.1f}",
        "k/s/core": f"{thousands / cpu:.1f}",
        "µs of a minute, by the clock": f"{wall / minutes * 1e6:,.0f}",
        "of CPU": f"{cpu / minutes * 1e6:,.0f}",
    }
    return named([row])


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--days", type=float)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--hold", type=float, default=0.0, help="seconds to go on afterwards; prints the pid")
    given = parsed(parser, "catch-up")
    days = given.days or (1.0 if given.smoke else WEEKS["thin"].days)
    report({"catch-up": measured(days, given.partitions, given.shards, given.hold)}, given.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
