"""How long from the first bad request to the page in Slack, by the wall clock.

    python -m benchmarks.page_delay [--each N] [--rate X] [--every SECONDS] [--page FILE] [--smoke]

A real broker, the real daemon with all its roles, and a server on this machine that speaks Slack's methods.
Hours of quiet traffic are there when the daemon starts; from then on every request is written as it happens.
Then one service after the other gets into trouble, at any second of the minute, and stays in it. The delay
runs from the moment at which the trouble begins to that at which Slack has accepted the page. A judge usually
reports nothing in its first week: here it does after a day, since how long it waits is not how long it takes.
A smoke run has one trouble, and steps of ten seconds.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.harness.bench_broker import bench_broker
from benchmarks.harness.report import arguments, markdown, parsed, report
from tests.alerting.slack_standin import SlackStandin, in_a_thread
from tests.kafka import topic as topics
from tests.main_job.job import Program, wait_until
from tests.main_job.live_requests import LiveRequests

PARTITIONS: Final = 2


class Trouble(NamedTuple):
    """Trouble of a service."""

    name: str
    rate: float = 1.0  # times as many requests
    times: float = 1.0  # times as slow
    failing: float = 0.0  # share of requests


TROUBLES: Final = (
    Trouble("ten times the writes of a table", rate=10.0),
    Trouble("half of the requests fail", failing=0.5),
    Trouble("five times as slow", times=5.0),
    Trouble("no requests any more", rate=0.0),
    Trouble("twice the requests", rate=2.0),
)
QUIET: Final = Trouble("quiet")


class Course(NamedTuple):
    """How a run goes, in seconds."""

    troubles: Sequence[Trouble]
    past: int  # of history
    young: int  # that a judge learns before it reports
    level: float  # that a daemon which has caught up is behind, at most
    warm: float  # of quiet live traffic
    latest: float  # after the last trouble
    time: dict[str, Any]  # settings


LONG: Final = Course(TROUBLES, 26 * 3600, 86400, 120.0, 120.0, 420.0, {})
SMOKE: Final = Course(TROUBLES[:1], 2 * 3600, 3600, 30.0, 0.0, 60.0, {"step": 10, "lateness": 2})


def request(number: int, at: float, trouble: Trouble, draw: np.random.Generator) -> bytes:
    """Return one request of a service: its account, route, function and table are its own."""
    code = float(draw.lognormal(3.4, 0.25)) * trouble.times
    return msgspec.json.encode(
        {
            "ts": at,
            "cloud": "aws",
            "account": f"{100_000_000_000 + number}",
            "region": "eu-west-1",
            "service": f"service-{number:02}",
            "route": f"POST /things-{number:02}",
            "function": f"function-{number:02}",
            "status": 500 if draw.random() < trouble.failing else 200,
            "ms": {"total": code + 12.0, "function": code + 8.0, "code": code},
            "tables": [{"name": f"table-{number:02}", "op": "PutItem", "ms": 6.0, "wcu": 2.0}],
        }
    )


def history(
    services: int, rate: float, end: float, past: int, draw: np.random.Generator
) -> list[list[bytes]]:
    """Return the requests before ``end``, by partition and in order of time."""
    count = draw.poisson(services * rate * past)
    at, of = np.sort(draw.uniform(end - past, end, count)), draw.integers(0, services, count)
    parts: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for ts, number in zip(at.tolist(), of.tolist(), strict=True):
        parts[number % PARTITIONS].append(request(number, ts, QUIET, draw))
    return parts


def delay_of(number: int, begin: float, slack: SlackStandin) -> float:
    """Return the seconds until the first page about a service, NaN without one."""
    names = [f"{kind}-{number:02}" for kind in ("service", "function", "table", "things")]
    return next(
        (
            parent.at - begin
            for parent in slack.parents
            if parent.at >= begin and any(name in parent.text for name in names)
        ),
        float("nan"),
    )


def measured(given: argparse.Namespace, course: Course, folder: Path) -> list[tuple[Trouble, float]]:
    """Run it all; return each trouble with its delay in seconds."""
    draw, waits = np.random.default_rng(1), np.random.default_rng(2)  # another thread draws requests
    troubles = [trouble for trouble in course.troubles for _ in range(given.each)]
    order = waits.permutation(len(troubles)).tolist()
    with bench_broker() as broker, in_a_thread(SlackStandin(now=time.time)) as slack:
        program = Program(
            folder, slack, broker.address, partitions=PARTITIONS, judge={"young": course.young}, limits={},
            time=course.time,
        )  # fmt: skip
        begin = time.time()
        past = history(len(troubles), given.rate, begin, course.past, draw)
        topics.fill(broker.address, program.requests, past)
        at_present = [QUIET] * len(troubles)
        live = LiveRequests(
            broker.address,
            program.requests,
            begin,
            lambda: [given.rate * trouble.rate for trouble in at_present],
            lambda number, at: request(number, at, at_present[number], draw),
            PARTITIONS,
        )
        with live, program.running():
            wait_until(lambda: time.time() - program.judged_until() < course.level, "catching up")
            time.sleep(course.warm)
            began = {}
            for number in order:
                time.sleep(given.every * waits.uniform(0.5, 1.5))
                at_present[number] = troubles[number]
                began[number] = time.time()
            while time.time() < max(began.values()) + course.latest and not all(
                delay_of(number, at, slack) > 0 for number, at in began.items()
            ):
                time.sleep(0.3)
        return [(troubles[number], delay_of(number, at, slack)) for number, at in began.items()]


def table(found: Sequence[tuple[Trouble, float]]) -> str:
    """Return a row for each trouble, and one for all that are strong."""
    rows = []
    groups = [(trouble.name, (trouble,)) for trouble in TROUBLES]
    for name, troubles in (*groups, ("all but the last", TROUBLES[:-1])):
        delays = [delay for of, delay in found if of in troubles]
        known = [delay for delay in delays if delay > 0]
        if delays:
            p50, p95 = np.percentile(known or [np.nan], (50, 95))
            rows.append((name, f"{len(known)} of {len(delays)}", f"{p50:.0f}", f"{p95:.0f}"))
    return markdown(("trouble", "paged", "p50", "p95"), rows)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--each", type=int, default=0, help="services of each trouble")
    parser.add_argument("--rate", type=float, default=0.5, help="requests a second and service")
    parser.add_argument("--every", type=float, default=0.0, help="seconds between two troubles")
    given = parsed(parser, "delay")
    course = SMOKE if given.smoke else LONG
    given.each, given.every = (
        given.each or (1 if given.smoke else 4),
        given.every or (1 if given.smoke else 12),
    )
    with tempfile.TemporaryDirectory() as folder:
        found = measured(given, course, Path(folder))
    report({"delay": table(found)}, given.page)
    return int(not all(delay > 0 for trouble, delay in found if trouble is not TROUBLES[-1]))


if __name__ == "__main__":
    sys.exit(main())
