"""A host's clock that is wrong, and that is set while a daemon runs; its senders' clocks are right."""

import contextlib
import http.client
import json
import time
from pathlib import Path

import pytest

from tests.alerting.slack_standin import SlackStandin
from tests.attacks.attacked import Attacked, HonestSender, repeated
from tests.attacks.host_clock import HostClock
from tests.attacks.learnt import HOUR, learn, pages_of


def test_a_host_ten_minutes_behind_loses_nothing_and_says_so(broker: str | None, tmp_path: Path) -> None:
    clock = HostClock(tmp_path / "clock", ahead=-600)
    with Attacked(tmp_path, broker, clock=clock) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait(lambda: daemon.metric("uneri_clock_behind"), "doubt of this host's clock")
            ready = daemon.get("/readyz")
            assert ready.status == 503
            assert b"set it (chronyc tracking, timedatectl)" in ready.body
            assert not honest.accepted
            clock.set(0)
            daemon.wait(lambda: daemon.get("/readyz").status == 200, "readiness with the right clock")
            time.sleep(120)  # a minute is full
        honest.is_counted()
        assert len(daemon.lines("the clock of this host is behind those of most senders")) == 1
        assert len(daemon.lines("agrees with those of its senders again")) == 1


@pytest.mark.parametrize("steps", [(HOUR, 0), (-HOUR, 0)], ids=["forward and back", "back and forward"])
def test_a_clock_that_steps_by_an_hour_pages_nobody_and_costs_nobody_a_record(
    slack: SlackStandin, tmp_path: Path, steps: tuple[int, ...]
) -> None:
    clock = HostClock(tmp_path / "clock")
    attacked = Attacked(tmp_path, None, slack, clock=clock, judge={"young": 2 * HOUR})
    honest, other = HonestSender(attacked, rate=2), HonestSender(attacked, "other", rate=2)
    learn(attacked, honest, other)
    with attacked as daemon:
        with honest, other:
            time.sleep(15)
            for ahead in steps:
                clock.set(ahead)
                time.sleep(50)
            honest.fills_a_minute()
        honest.is_counted()
        other.is_counted()
        assert not pages_of(slack)
        assert daemon.get("/readyz").status == 200


def test_one_host_with_many_addresses_does_not_say_whose_clock_is_wrong(
    broker: str | None, tmp_path: Path
) -> None:
    """A daemon that has just begun knows none of its senders yet."""

    def claim(number: int) -> None:
        source = (f"127.0.1.{1 + number % 6}", 0)
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, 30, source)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/events", b'{"ts":%d,"service":"evil"}' % (time.time() + 400))
            connection.getresponse()

    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait(lambda: honest.accepted, "post")
            honest.refused.clear()  # with Kafka, those of before its answer
            with repeated(claim, 0.5):
                honest.fills_a_minute()
        honest.is_counted()
        assert not honest.refused
        assert daemon.get("/readyz").status == 200


STAMPS = [
    "0", "-1", "-0.0", "1", "946684799", "2147483648", "4294967296", "4102444800", "253402300799", "1e18",
    "1e308", "-1e308", "1e400", "NaN", "-Infinity", "true", "null", "[]", "{}", '""', '"now"',
    '"1970-01-01T00:00:00Z"', '"2106-02-07T06:28:16Z"', '"9999-12-31T23:59:59Z"', '"2016-12-31T23:59:60Z"',
    '"0000-01-01T00:00:00Z"', '"2026-02-30T00:00:00Z"', '"2026-01-01T24:00:00Z"',
    '"2026-01-01T00:00:00+99:00"', "1" + "0" * 400,
]  # fmt: skip


def test_no_odd_stamp_moves_time_or_costs_another_sender_a_record(broker: str | None, tmp_path: Path) -> None:
    with Attacked(tmp_path, broker) as daemon:
        mixed_sender = HonestSender(daemon, "mixed")
        with HonestSender(daemon) as honest:
            for _ in range(10):
                for stamp in STAMPS:
                    answer = daemon.ask("/events", b'{"ts":%s,"service":"odd"}' % stamp.encode())
                    assert answer.status in {400, 503}, (stamp, answer)
                    if answer.status == 503:
                        assert "clock of this sender is ahead" in json.loads(answer.body)["error"]
                mixed = [b'{"ts":%s,"service":"odd"}' % stamp.encode() for stamp in STAMPS]
                good = json.dumps(mixed_sender.request(time.time())).encode()
                daemon.ask("/events", b"\n".join([*mixed, *[good] * 40]))
                time.sleep(6)
            honest.fills_a_minute()
        honest.is_counted()
        assert not honest.refused
        assert int(daemon.status()["watermark"]) <= time.time()
        assert len(daemon.lines()) < 40
