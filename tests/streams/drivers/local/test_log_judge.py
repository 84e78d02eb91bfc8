"""The judge of the local log: bad records, and when early findings are durable."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from alerting.incidents.notice import Notice
from alerting.messages.examples import SPIKE, incident, notice
from config.settings import Settings, TimeSettings
from streams.drivers.checkpointing import RunOptions
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.log_judge import CODE_POLL, CODE_SECONDS, SOURCE, LogJudge
from streams.drivers.local.sqlite_store import LogRun, SqliteStore
from streams.engine.stages.detection_engine import Emitted
from streams.process.compilation import BackgroundCompile
from streams.process.metrics import Metrics

BAD = [b"no event", b"[]"]
NOW = 1_760_000_000.0
EVENT = json.dumps({"ts": NOW, "service": "shop"}).encode()


class Code(BackgroundCompile):
    """Machine code that is made, or is not yet."""

    def __init__(self, *, made: bool) -> None:
        super().__init__()
        self.made = made

    def ready(self) -> bool:
        return self.made


async def nowhere(_: Sequence[Notice], __: int | None) -> None:
    """Deliver nothing."""


async def test_a_flood_of_bad_records_is_said_at_once_and_then_once_a_minute(tmp_path: Path) -> None:
    settings, now = Settings(), 1000.0
    with SqliteStore(tmp_path / "db") as store:
        intake = LogIntake(store, settings)
        options = RunOptions(every=float("inf"), clock=lambda: now)
        judge = LogJudge(settings, store, intake, Metrics(), options)

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


def judge_of(store: SqliteStore, settings: Settings) -> LogJudge:
    return LogJudge(settings, store, LogIntake(store, settings), Metrics())


async def delivered_after_a_crash(
    path: Path, settings: Settings, records: Sequence[bytes], *, of: str, decided: Emitted
) -> list[tuple[list[str], int | None]]:
    """Return the deliveries after a death while ``decided``, the output of ``of``, is delivered."""

    async def dies(notices: Sequence[Notice], watermark: int | None) -> None:
        if notices:
            raise ConnectionError(f"{len(notices)} {watermark}")

    with SqliteStore(path) as store:
        if records:
            store.append(records, arrived=NOW)
        first = judge_of(store, settings)
        setattr(first.engine, of, lambda *_: decided)
        with pytest.raises(ConnectionError, match=f"1 {decided.watermark}"):
            await first.run(dies)
    delivered: list[tuple[list[str], int | None]] = []
    with SqliteStore(path) as store:
        again = judge_of(store, settings)
        again.restore()
        assert again.offset == len(records)

        async def keeps(notices: Sequence[Notice], watermark: int | None) -> None:
            delivered.append(([notice.id for notice in notices], watermark))

        running = asyncio.create_task(again.run(keeps))
        async with asyncio.timeout(20):
            while not delivered:
                await asyncio.sleep(0.01)
        await again.finish(running)
    with SqliteStore(path) as store:
        third = judge_of(store, settings)
        third.restore()
        assert third._pending is None
    return delivered


async def test_what_the_clock_decided_is_delivered_once_more_after_a_crash_and_not_decided_anew(
    tmp_path: Path,
) -> None:
    decided = Emitted(notices=[notice(incident(SPIKE))], watermark=7)
    settings = Settings(time=TimeSettings(idle=1))
    delivered = await delivered_after_a_crash(tmp_path / "db", settings, [], of="idle", decided=decided)
    assert delivered[0] == ([decided.notices[0].id], 7)


async def test_an_early_finding_is_delivered_once_more_after_a_crash_and_not_found_anew(
    tmp_path: Path,
) -> None:
    found = Emitted(findings=[SPIKE], notices=[notice(incident(SPIKE))])
    delivered = await delivered_after_a_crash(
        tmp_path / "db", Settings(), [EVENT], of="evaluate_early", decided=found
    )
    assert delivered == [([found.notices[0].id], None)]


async def test_nothing_is_evaluated_early_while_the_state_is_copied_or_where_that_is_off(
    tmp_path: Path,
) -> None:
    for settings, copied in ((Settings(), True), (Settings(time=TimeSettings(early=False)), False)):
        with SqliteStore(tmp_path / f"db{copied}") as store:
            store.append([EVENT], arrived=NOW)
            judge = judge_of(store, settings)
            judge.engine.evaluate_early = lambda *_: pytest.fail("evaluated")  # type: ignore[method-assign]
            if copied:
                await judge.by_clock.acquire()
            await judge._judge_run(nowhere)
            await judge._evaluate_early(nowhere)


async def test_a_log_that_is_judged_to_its_end_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteStore(tmp_path / "db") as store:
        judge, read, starts = judge_of(store, Settings()), store.read, list[int]()

        def noting(start: int, at_most: int) -> LogRun:
            starts.append(start)
            return read(start, at_most)

        monkeypatch.setattr(store, "read", noting)
        store.append([EVENT], arrived=NOW)
        assert [await judge._judge_run(nowhere) for _ in range(3)] == [True, False, False]
        store.append([EVENT], arrived=NOW)
        assert await judge._judge_run(nowhere)
        assert starts == [0, 1]


async def test_records_wait_in_the_log_until_the_machine_code_for_them_is_made(tmp_path: Path) -> None:
    code = Code(made=False)
    with SqliteStore(tmp_path / "db") as store:
        intake = LogIntake(store, Settings())
        options = RunOptions(stuck=0.0, code=code, every=0.0)
        judge = LogJudge(Settings(), store, intake, Metrics(), options)
        running = asyncio.create_task(judge.run(nowhere))
        store.append([EVENT], arrived=NOW)
        intake.arrived.set()
        await asyncio.sleep(2 * CODE_POLL)
        assert (judge.lag, judge.stuck()) == (1, None), "it waits for what is being made"
        code.made = True
        async with asyncio.timeout(20):
            while judge.lag:
                await asyncio.sleep(0.01)
        await judge.finish(running)


def test_it_is_not_ready_while_machine_code_takes_long_and_says_why(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        options = RunOptions(code=Code(made=False))
        judge = LogJudge(Settings(), store, LogIntake(store, Settings()), Metrics(), options)
        assert judge.not_ready() is None, "a first start makes it in less than a minute"
        judge._fed -= CODE_SECONDS
        assert (judge.not_ready() or "").startswith("machine code has been made for 120 s: records")
        assert judge.stuck() is None, "a restart would not help"
        judge._waits = False
        assert judge.not_ready() is None


async def test_a_stop_does_not_wait_for_machine_code_and_leaves_the_records_to_the_next_start(
    tmp_path: Path,
) -> None:
    with SqliteStore(tmp_path / "db") as store:
        options = RunOptions(code=Code(made=False))
        judge = LogJudge(Settings(), store, LogIntake(store, Settings()), Metrics(), options)
        running = asyncio.create_task(judge.run(nowhere))
        store.append([EVENT], arrived=NOW)
        async with asyncio.timeout(5):
            await judge.finish(running)
        again = judge_of(store, Settings())
        again.restore()
        assert again.lag == 1


def stuck_judge(store: SqliteStore, fed: list[int]) -> LogJudge:
    """A judge whose engine takes records without a thought, and is stuck whenever it stands still."""
    options = RunOptions(run_records=8000, stuck=0.0, every=float("inf"), code=Code(made=True))
    judge = LogJudge(Settings(), store, LogIntake(store, Settings()), Metrics(), options)

    def feed(_: str, records: Sequence[bytes], __: object) -> Emitted:
        fed.append(len(records))
        return Emitted()

    judge.engine.feed = feed  # type: ignore[assignment, method-assign]
    judge.restore()
    return judge


async def test_what_the_engine_was_stuck_in_is_fed_in_smaller_runs_by_the_next_process(
    tmp_path: Path,
) -> None:
    fed = list[int]()
    with SqliteStore(tmp_path / "db") as store:
        for _ in range(200):
            store.append([EVENT] * 100, arrived=NOW)
        for runs in ([8000], [2000, 2000]):
            judge = stuck_judge(store, fed)
            for _ in runs:
                await judge._judge_run(nowhere)
            assert fed == runs
            fed.clear()
            judge.position = 0  # it was in the middle of the first run
            assert judge.stuck() is None
            assert judge.stuck() is not None
        judge = stuck_judge(store, fed)
        while judge.lag:
            await judge._judge_run(nowhere)
    assert fed == [500] * 16 + [8000, 4000], "what follows comes in whole runs again"


@pytest.mark.parametrize(("stopped", "unknown"), [(30, []), (3600, [NOW + 3600])])
async def test_what_came_while_it_was_stopped_for_long_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: int, unknown: list[float]
) -> None:
    passed_over: list[float] = []
    for now in (NOW, NOW + stopped):
        with SqliteStore(tmp_path / "db") as store:
            settings, made = Settings(), RunOptions(code=Code(made=True))
            intake = LogIntake(store, settings)
            judge = LogJudge(settings, store, intake, Metrics(), made, now=itertools.repeat(now).__next__)
            judge.restore()
            monkeypatch.setattr(judge.engine, "pass_over", passed_over.append)
            store.append([EVENT], arrived=now)
            await judge.finish(asyncio.create_task(judge.run(nowhere)))
    assert passed_over == unknown


async def test_what_is_long_over_is_rolled_up_by_the_step_and_what_is_new_by_the_bucket(
    tmp_path: Path,
) -> None:
    settings, now = Settings(), NOW + 86_400
    with SqliteStore(tmp_path / "db") as store:
        options = RunOptions(every=float("inf"))
        judge = LogJudge(settings, store, LogIntake(store, settings), Metrics(), options, now=lambda: now)

        async def widths(first: int, last: int) -> set[int]:
            records = [{"ts": NOW + 5 * at, "service": "shop"} for at in range(first, last)]
            store.append([json.dumps(record).encode() for record in records], arrived=now)
            before = len(judge._blocks)
            assert await judge._judge_run(nowhere)
            return {block.width for block in judge._blocks[before:] if block.records}

        assert await widths(0, 400) == {10}, "a learnt history ends where the first of them began"
        assert await widths(400, 800) == {10, 60}, "what was begun as buckets ends as buckets"
        now = NOW + 5 * 1600
        assert await widths(800, 1600) == {60}
        now = judge.engine.watermark(SOURCE) + 145
        live = []
        for first in range(1600, 1780, 18):
            live.append(await widths(first, first + 18))
            now += 90
        assert {60} in live, "what was begun as a step ends as one"
        assert live[-1] == {10}


async def test_who_sends_what_is_long_over_does_not_stop_time(tmp_path: Path) -> None:
    """What falls silent beside it would never be missed."""
    now = NOW
    settings = Settings(time=TimeSettings(idle=1))
    with SqliteStore(tmp_path / "db") as store:
        judge = LogJudge(settings, store, LogIntake(store, settings), Metrics(), now=lambda: now)
        passed = list[float]()

        def idle(_: str, seconds: float = 0.0) -> Emitted:
            passed.append(seconds)
            return Emitted()

        setattr(judge.engine, "idle", idle)  # noqa: B010 - a method
        running = asyncio.create_task(judge.run(nowhere))
        store.append([EVENT] * 40, arrived=NOW)
        judge._intake.arrived.set()
        async with asyncio.timeout(20):
            while len(passed) < 2:
                now += 0.1
                old = json.dumps({"ts": NOW - 3600, "service": "shop"}).encode()
                store.append([old], arrived=now)
                judge._intake.arrived.set()
                await asyncio.sleep(0.05)
        await judge.finish(running)
    assert passed == sorted(passed)
