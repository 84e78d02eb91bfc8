"""How long from the first bad request to the page in Slack, by the wall clock.

    python -m benchmarks.page_delay [--each N] [--rate X] [--every SECONDS] [--seed N]

A real broker, the real daemon with all its roles, and a server on this machine that speaks Slack's methods.
Twenty-six hours of quiet traffic are there when the daemon starts; from then on every request is written as
it happens. Then one service after the other gets into trouble, at any second of the minute, and stays in it.
The delay runs from the moment at which the trouble begins to that at which Slack has accepted the page. A
judge usually reports nothing in its first week: here it does after a day, since how long it waits is not how
long it takes.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
from kafka.admin import NewTopic

from tests.alerting.slack_standin import SlackStandin, in_a_thread
from tests.free_port import free_port
from tests.kafka import topic as topics
from tests.kafka.broker import Broker, BrokerUnavailableError
from tests.main_job.job import daemon, judged_until, uneri, wait_until, write_config
from tests.main_job.live_requests import LiveRequests

DAY: Final = 86400
PAST: Final = 26 * 3600  # seconds of history
LEVEL: Final = 120.0  # seconds that a daemon which has caught up is behind, at most
WARM: Final = 120.0  # seconds of quiet live traffic
LATEST: Final = 420.0  # seconds after the last trouble
PARTITIONS: Final = 2


class Trouble(NamedTuple):
    """Trouble of a service."""

    name: str
    strong: bool
    rate: float = 1.0  # times as many requests
    times: float = 1.0  # times as slow
    failing: float = 0.0  # share of requests


TROUBLES: Final = (
    Trouble("no requests any more", strong=True, rate=0.0),
    Trouble("ten times the writes", strong=True, rate=10.0),
    Trouble("half of the requests fail", strong=True, failing=0.5),
    Trouble("five times as slow", strong=True, times=5.0),
    Trouble("twice the requests", strong=False, rate=2.0),
)
QUIET: Final = Trouble("quiet", strong=False)


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


def history(services: int, rate: float, end: float, seed: int) -> list[list[bytes]]:
    """Return the requests before ``end``, by partition and in order of time."""
    draw = np.random.default_rng(seed)
    count = draw.poisson(services * rate * PAST)
    at, of = np.sort(draw.uniform(end - PAST, end, count)), draw.integers(0, services, count)
    parts: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for ts, number in zip(at.tolist(), of.tolist(), strict=True):
        parts[number % PARTITIONS].append(request(number, ts, QUIET, draw))
    return parts


def delay_of(number: int, begin: float, standin: SlackStandin) -> float:
    """Return the seconds until the first page about a service, NaN without one."""
    names = [f"{kind}-{number:02}" for kind in ("service", "function", "table", "things")]
    return next(
        (
            parent.at - begin
            for parent in standin.parents
            if parent.at >= begin and any(name in parent.text for name in names)
        ),
        float("nan"),
    )


def measured(asked: argparse.Namespace, broker: str, folder: Path) -> list[tuple[Trouble, float]]:
    """Run it all; return each trouble with its delay in seconds."""
    draw = np.random.default_rng(asked.seed)
    troubles = [trouble for trouble in TROUBLES for _ in range(asked.each)]
    order = draw.permutation(len(troubles)).tolist()
    requests, port = topics.unique("requests"), free_port()
    topics.create(broker, NewTopic(requests, PARTITIONS, 1, topic_configs={"retention.ms": "-1"}))
    begin = time.time()
    topics.fill(broker, requests, history(len(troubles), asked.rate, begin, asked.seed))
    with in_a_thread(SlackStandin(now=time.time)) as standin:
        config = write_config(
            folder / "uneri.yaml",
            standin,
            kafka={"brokers": [broker], "app": topics.unique("delay"), "requests": requests, "shards": 1},
            web={"listen": f"127.0.0.1:{port}"},
            judge={"young": DAY},
            limits={},
        )
        if (made := uneri("setup", "--config", config)).returncode:
            raise SystemExit(made.stderr)
        at_present = [QUIET] * len(troubles)
        of_live = np.random.default_rng(int(begin))
        live = LiveRequests(
            broker,
            requests,
            begin,
            lambda: [asked.rate * trouble.rate for trouble in at_present],
            lambda number, at: request(number, at, at_present[number], of_live),
            PARTITIONS,
        )
        with live, daemon(config):
            wait_until(lambda: time.time() - judged_until(port) < LEVEL, "catching up")
            time.sleep(WARM)
            began = {}
            for number in order:
                time.sleep(asked.every * draw.uniform(0.5, 1.5))
                at_present[number] = troubles[number]
                began[number] = time.time()
            while time.time() < max(began.values()) + LATEST and not all(
                delay_of(number, at, standin) > 0 for number, at in began.items()
            ):
                time.sleep(1)
        return [(troubles[number], delay_of(number, at, standin)) for number, at in began.items()]


def table(found: Sequence[tuple[Trouble, float]]) -> str:
    """Return the table."""
    groups = [
        *((trouble.name, [seconds for of, seconds in found if of is trouble]) for trouble in TROUBLES),
        *(
            (f"all that is {name}", [seconds for of, seconds in found if of.strong is strong])
            for name, strong in (("strong", True), ("ordinary", False))
        ),
    ]
    lines = [f"{'trouble':28}{'paged':>9}{'p50':>8}{'p95':>8}{'longest':>9}   seconds"]
    for name, delays in groups:
        known = [delay for delay in delays if delay > 0]
        middle, late = np.percentile(known, (50, 95)) if known else (np.nan, np.nan)
        longest = max(known, default=np.nan)
        lines.append(f"{name:28}{f'{len(known)} of {len(delays)}':>9}{middle:8.0f}{late:8.0f}{longest:9.0f}")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--each", type=int, default=4, help="services of each trouble")
    parser.add_argument("--rate", type=float, default=1.0, help="requests a second and service")
    parser.add_argument("--every", type=float, default=15.0, help="seconds between two troubles")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    try:
        with Broker() as broker, tempfile.TemporaryDirectory() as folder:
            found = measured(asked, broker.address, Path(folder))
    except BrokerUnavailableError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(found))
    return 0 if all(delay > 0 for _, delay in found) else 1


if __name__ == "__main__":
    sys.exit(main())
