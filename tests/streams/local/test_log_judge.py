"""The judge of the local log: what it says of bad records."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from structlog.testing import capture_logs

from alerting.incidents.notice import Notice
from config.settings import Settings
from streams.local.log_intake import LogIntake
from streams.local.log_judge import LogJudge
from streams.local.sqlite_store import SqliteStore
from streams.process.metrics import Metrics
from streams.process.recurring import Recurring

BAD = [b"no event", b"[]"]


async def nowhere(_: Sequence[Notice], __: int | None) -> None:
    """Deliver nothing."""


async def test_a_flood_of_bad_records_is_said_at_once_and_then_once_a_minute(tmp_path: Path) -> None:
    settings, arrived, now = Settings(), asyncio.Event(), 1000.0
    with SqliteStore(tmp_path / "db") as store:
        intake = LogIntake(store, settings, arrived.set)
        judge = LogJudge(
            settings, store, intake, arrived, Metrics(), every=float("inf"), bad=Recurring(lambda: now)
        )

        async def counts(runs: int) -> list[int]:
            """Judge runs of bad records; return what was logged of them."""
            with capture_logs() as logs:
                for _ in range(runs):
                    store.append(BAD)
                    assert await judge._judge_run(nowhere)
            return [line["count"] for line in logs if line["event"] == "bad records were dead-lettered"]

        assert await counts(20) == [2]
        now += 60
        assert await counts(20) == [40]
        assert [len(judge._dead), judge.offset] == [80, 80], "each of them is a dead letter"
