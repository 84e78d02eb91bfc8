"""CPU of an event by HTTP in the embedded daemon: received, checked, stored, read, rolled up and judged.

    python -m benchmarks.http_path [--page FILE] [--smoke]

The real daemon; bodies of native records, each sent as soon as the one before is durable. The clock starts
when a tenth has been judged, and stops when all is. The CPU is that of the daemon alone.
"""

import http.client
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.harness.report import arguments, named, parsed, report
from benchmarks.harness.usage import processor_time_of
from benchmarks.inputs.requests import RequestTopic
from tests.alerting.slack_standin import SlackStandin, in_a_thread
from tests.main_job.job import Program, wait_until

SIZES: Final = {1000: 1_000_000, 100: 200_000, 10: 50_000, 1: 10_000}  # events of a request, and in all
SMOKE: Final = {1000: 10_000, 1: 100}


def measured(each: int, count: int) -> dict[str, str]:
    """Return a row of the table."""
    lines = list(RequestTopic(count).lines())
    bodies = [b"\n".join(lines[at : at + each]) for at in range(0, count, each)]
    with tempfile.TemporaryDirectory() as folder, in_a_thread(SlackStandin()) as slack:
        program = Program(Path(folder), slack, limits={})
        with program.running() as process:
            connection = http.client.HTTPConnection("127.0.0.1", program.port)
            cpu = wall = 0.0
            for part in (bodies[: len(bodies) // 10], bodies[len(bodies) // 10 :]):
                cpu, wall = processor_time_of(process.pid), time.perf_counter()
                for body in part:
                    connection.request("POST", "/events", body)
                    answer = connection.getresponse()
                    if (said := answer.read()) and answer.status != http.HTTPStatus.ACCEPTED:
                        raise SystemExit(f"{answer.status}: {said.decode()}")
                wait_until(lambda: program.status().get("lag") == 0, "judging")
            cpu, wall = processor_time_of(process.pid) - cpu, time.perf_counter() - wall
    timed = count * 9 / 10
    return {
        "events a request": f"{each:,}",
        "µs of CPU an event": f"{cpu / timed * 1e6:,.1f}",
        "events/s/core": f"{timed / max(cpu, 1e-9):,.0f}",
        "events/s by the clock, one sender": f"{timed / wall:,.0f}",
    }


def main() -> int:
    given = parsed(arguments(__doc__), "http")
    rows = [measured(each, count) for each, count in (SMOKE if given.smoke else SIZES).items()]
    report({"http": named(rows)}, given.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
