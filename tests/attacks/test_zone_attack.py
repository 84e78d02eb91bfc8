"""Clocks of the configured zone change while a daemon runs: what happens daily at a local time is usual."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.alerting.slack_standin import SlackStandin
from tests.attacks.attacked import Attacked
from tests.attacks.host_clock import HostClock
from tests.attacks.learnt import HOUR, pages_of

DAYS = 8  # that are known: a week, and a day
STEP = 24  # seconds that pass at once
BEGIN, END = -1200, 8400  # of what the daemon lives through, from the change on
CHANGES = [
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
]


def happened(begin: int, end: int, zone: ZoneInfo) -> list[bytes]:
    """Return the requests of a service that is always called, and of one from 3 to 5 by the local clock."""
    found = list[dict[str, object]]()
    for at in range(begin, end, 4):
        nightly = 3 <= datetime.fromtimestamp(at, zone).hour < 5
        for service in ["nightly", "nightly", "steady"] if nightly else ["steady"] * (at % 20 == 0):
            found.append(
                {"ts": at, "id": f"{service}-{at}-{len(found) % 2}", "service": service, "status": 200}
            )
    return [json.dumps(record).encode() for record in found]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_what_happens_daily_at_a_local_time_is_usual_when_clocks_change(
    slack: SlackStandin, tmp_path: Path, name: str, change: str
) -> None:
    zone, at = ZoneInfo(name), int(datetime.fromisoformat(change).replace(tzinfo=UTC).timestamp())
    attacked = Attacked(
        tmp_path,
        None,
        slack,
        judge={"young": 2 * HOUR},
        calendar={"timezone": name},
        digest={"timezone": name, "at": "02:10"},
    )
    past = tmp_path / "past.ndjson"
    past.write_bytes(b"\n".join(happened(at + BEGIN - DAYS * 24 * HOUR, at + BEGIN, zone)))
    assert attacked.uneri("backfill", past).returncode == 0
    attacked.clock = clock = HostClock(tmp_path / "clock", at + BEGIN - time.time())
    with attacked as daemon:
        sent = 0
        for begin in range(at + BEGIN, at + END, STEP):
            lines = happened(begin, begin + STEP, zone)
            sent += len(lines)
            clock.set(begin + STEP - time.time())
            assert not lines or daemon.ask("/events", b"\n".join(lines)).status == 202
            time.sleep(0.1)
        daemon.wait_for_judgement(at + END - 300)
        assert not pages_of(slack), pages_of(slack)
        assert daemon.status()["not_judged"].startswith("0%")
        assert daemon.status()["lag"] == 0
