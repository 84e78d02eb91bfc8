"""Limits read from AWS, from the command that writes them to what two Kafka workers report.

AWS is moto's server on this machine.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.capacity import ReadLimits, load_read_limits
from detectors.model.finding import Finding, Verdict
from detectors.model.scope import TABLE, Scope
from streams.engine.decode.touched import shard_of
from streams.ingest.limits.reading import save_limits
from tests.alerting.slack_standin import SlackStandin
from tests.kafka.topic import fill
from tests.main_job.job import Program, findings_in, wait_until
from tests.streams.ingest.limits.aws_standin import OWN, REGION, AwsStandin, make_table, no_other_aws

pytestmark = pytest.mark.release

SHARDS = 2
EVERY = 10  # seconds between two requests
USED = 9.0  # wcu per second of every table
HIGH, LOW = 1000, 10  # wcu: far above what is used, and near it
BY_HAND = 500.0
DAY = 86_400


def tables() -> Iterator[tuple[str, str]]:
    """Yield, for each shard, a table whose limit is read and one whose limit is written by hand, too."""
    names = [f"table-{number}" for number in range(32)]
    for shard in range(SHARDS):
        ours = [name for name in names if shard_of(Scope(TABLE, "aws", OWN, REGION, name), SHARDS) == shard]
        yield ours[0], ours[1]


READ, HAND = zip(*tables(), strict=True)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsStandin]:
    no_other_aws(monkeypatch)
    server = AwsStandin()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    yield server
    server.close()


def requests(begin: int, end: int) -> list[bytes]:
    """Return the requests of a time: each table has a function that writes to it."""
    return [
        json.dumps(
            {
                "ts": at,
                "cloud": "aws",
                "account": OWN,
                "region": REGION,
                "function": f"put-into-{name}",
                "status": 200,
                "tables": [{"name": name, "op": "PutItem", "wcu": USED * EVERY, "ms": 5}],
            }
        ).encode()
        for at in range(begin, end, EVERY)
        for name in (*READ, *HAND)
    ]


def earlier(limits: ReadLimits, seconds: int) -> ReadLimits:
    """Return limits as if they had been read so many seconds earlier."""
    return msgspec.structs.replace(
        limits,
        parts=tuple(
            msgspec.structs.replace(part, read=(part.read or 0) - seconds, tried=part.tried - seconds)
            for part in limits.parts
        ),
        limits=tuple(
            msgspec.structs.replace(limit, values=tuple((at - seconds, value) for at, value in limit.values))
            for limit in limits.limits
        ),
    )


class Workers:
    """Two processes of ``uneri run`` that share an application, and a file of limits that they keep."""

    def __init__(self, folder: Path, broker: str, slack: SlackStandin) -> None:
        self.file, self._broker = folder / "limits.json", broker
        limits = {
            "file": str(self.file),
            "aws": {"daily": True},
            "tables": {name: {"wcu": BY_HAND} for name in HAND},
        }
        # its topic is stamped by its producer: what is read now is in force in ten minutes of event time
        first = Program(folder, slack, broker, kafka={"shards": SHARDS}, limits=limits)
        self.workers = [first, first.beside("worker-1")]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run both, once each has a shard."""
        with ExitStack() as daemons:
            for worker in self.workers:
                daemons.enter_context(worker.running())
            wait_until(
                lambda: all(text.count("detect/") == 1 for text in self.statuses("partitions")), "two shards"
            )
            yield

    def statuses(self, what: str) -> list[str]:
        """Return a field of the status of each worker, once both answer."""
        answers: list[dict[str, Any]] = []

        def both() -> bool:
            answers[:] = [worker.status() for worker in self.workers]
            return all(answers)

        wait_until(both, "an answer of both")
        return [str(answer.get(what, "")) for answer in answers]

    def judge(self, begin: int, end: int) -> None:
        """Send the requests of a time, and wait until they are judged, except for the last ten minutes."""
        fill(self._broker, self.workers[0].requests, [requests(begin, end)])
        wait_until(
            lambda: all(worker.judged_until() >= end - 600 for worker in self.workers), "all that was sent"
        )

    def near(self) -> list[Finding]:
        """Return the findings of limits that are near, by the name of the table."""
        found = findings_in(self._broker, f"{self.workers[0].app}-findings").values()
        return sorted((finding for finding in found if finding.verdict is Verdict.LIMIT), key=name_of)


def name_of(finding: Finding) -> str:
    assert finding.scope is not None
    return finding.scope.name


def test_a_limit_that_falls_while_two_workers_run_is_near_in_both_unless_one_by_hand_wins(
    kafka: str, aws: AwsStandin, slack: SlackStandin, tmp_path: Path
) -> None:
    capacity, workers = aws.client("dynamodb"), Workers(tmp_path, kafka, slack)
    read_anew = "limits", "--aws", "--write", workers.file
    for name in (*READ, *HAND):
        make_table(capacity, name, rcu=HIGH, wcu=HIGH)
    workers.workers[0].command(*read_anew)
    save_limits(workers.file, earlier(load_read_limits(workers.file), DAY + 3600))
    now = int(time.time()) // 60 * 60
    with workers.running():
        wait_until(
            lambda: any("25 h ago" not in text for text in workers.statuses("limits")), "the daily reading"
        )
        workers.judge(now - 3600, now)
        assert not workers.near()
        for name in (*READ, *HAND):
            throughput = {"ReadCapacityUnits": HIGH, "WriteCapacityUnits": LOW}
            capacity.update_table(TableName=name, ProvisionedThroughput=throughput)
        workers.workers[0].command(*read_anew)
        for worker in workers.workers:
            assert "limits were read again" in worker.command("reload")
        ages = workers.statuses("limits")
        known = load_read_limits(workers.file)
        in_force = next(
            limit.values[-1][0] for limit in known.limits if limit.name == READ[0] and limit.value == LOW
        )
        workers.judge(now, in_force + 1200)
        wait_until(
            lambda: all(name in str(workers.statuses("open_incidents")) for name in READ), "both incidents"
        )
    assert all(f"{len(HAND)} by hand" in age and "25 h ago" not in age for age in ages)
    assert [(name_of(finding), finding.limit) for finding in workers.near()] == [
        (name, LOW) for name in sorted(READ)
    ]
    assert all(in_force <= finding.start <= in_force + 300 for finding in workers.near())
    # by the first command, by one worker for both, and by the second command
    assert aws.asked.count("dynamodb:ListTables") == 3
