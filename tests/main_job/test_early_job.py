"""A strong deviation is in Slack before its minute is judged: a real broker, a real daemon, by the clock."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pytest

from tests.alerting.slack_standin import SlackStandin
from tests.kafka.topic import fill
from tests.main_job.job import Program, pages_of, wait_until
from tests.main_job.live_requests import LiveRequests

pytestmark = pytest.mark.release

HOUR: Final = 3600
LEARNT: Final = 4 * HOUR
RATE: Final = 1.0  # requests a second and service
TIMES: Final = 12  # as many, once it is hammered
LEVEL: Final = 110.0  # seconds that a daemon which has caught up is behind
COUNTED: Final = 75.0  # seconds after which all buckets of a minute were emitted
NAMES: Final = ("orders", "users", "carts")


def request(name: str, at: float) -> bytes:
    return msgspec.json.encode(
        {
            "ts": at,
            "cloud": "aws",
            "account": "123456789012",
            "region": "eu-west-1",
            "service": name,
            "function": f"{name}-put",
            "ms": {"total": 20.0},
            "tables": [{"name": name, "op": "PutItem", "ms": 4.0, "wcu": 1.0}],
        }
    )


def quiet(begin: float, end: float) -> list[bytes]:
    draw = np.random.default_rng(7)
    stamps = np.sort(draw.uniform(begin, end, int(RATE * len(NAMES) * (end - begin)))).tolist()
    return [request(NAMES[int(draw.integers(len(NAMES)))], at) for at in stamps]


def about(pages: Sequence[str], name: str) -> bool:
    return any(f"table {name}" in text for text in pages)


def test_a_table_that_is_hammered_is_in_slack_before_its_minute_is_judged(
    kafka: str, slack: SlackStandin, tmp_path: Path
) -> None:
    program = Program(tmp_path, slack, kafka, judge={"young": 2 * HOUR}, limits={})
    begin = time.time()
    fill(kafka, program.requests, [quiet(begin - LEARNT, begin)])
    rates = dict.fromkeys(NAMES, RATE)
    live = LiveRequests(
        kafka,
        program.requests,
        begin,
        lambda: list(rates.values()),
        lambda number, at: request(NAMES[number], at),
    )
    with live, program.running():
        wait_until(lambda: time.time() - program.judged_until() < LEVEL, "catching up")
        time.sleep(COUNTED)
        assert not pages_of(slack.messages)
        since = time.time()
        rates["orders"] = RATE * TIMES
        wait_until(lambda: about([page.text for page in pages_of(slack.messages)], "orders"), "the page")
        judged = program.judged_until()
    assert judged <= since, "its minute had been judged, and needed no early evaluation"
    assert len(pages_of(slack.messages)) == 1
