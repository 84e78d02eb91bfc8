"""A stage that waits for another one is not stuck; one that nothing comes for reads again, then is."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from structlog.testing import capture_logs

from streams.drivers.checkpointing import RunOptions
from streams.drivers.kafka import stage_host
from streams.drivers.kafka.hosted_partition import HostedPartition
from streams.drivers.kafka.stage import Bounds, LostRecordsError
from streams.drivers.kafka.stage_host import StageHost
from streams.drivers.kafka.stall_watch import StallWatch
from streams.process.logs import Recurring
from streams.process.processor_clock import ProcessorClock
from streams.process.watchdog import StallDetector
from tests.hand_clock import HandClock
from tests.streams.drivers.kafka.hosting import DETECT, ROLLUP, add_partition, hosting

FIRST, SECOND = TP("requests", 0), TP("requests", 1)
SHARD = TP("rollups", 0)
STUCK = 0.03
OPTIONS = RunOptions(stuck=STUCK)


class Ends:
    """There is more to read everywhere."""

    async def query(self, places: list[TP]) -> dict[TP, Bounds]:
        return dict.fromkeys(places, Bounds(0, 100))


def opened(host: StageHost, tp: TP, runner: Any) -> HostedPartition:
    """Add a partition whose stage is watched."""
    partition = add_partition(host, tp, runner)
    partition.stall = StallDetector(partition.key, host.stalls.clock())
    return partition


async def looked(host: StageHost) -> list[str | None]:
    said = []
    for _ in range(10):
        said.append(await host.stuck())
        await asyncio.sleep(STUCK / 3)
    return said


async def test_a_stage_waits_for_another_that_is_opened_and_is_stuck_when_it_still_stands_after() -> None:
    host = hosting(options=OPTIONS)
    host.stalls._ends = Ends()  # type: ignore[assignment]
    opened(host, FIRST, SimpleNamespace(position=50, saved=50))
    opening: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    add_partition(host, SECOND, opening)
    assert await looked(host) == [None] * 10
    opening.cancel()
    said = [text for text in await looked(host) if text]
    assert said
    assert said[0].startswith("rollup/0 has read nothing for")


async def test_a_stage_that_gets_nothing_while_the_fetcher_waits_for_another_is_not_stuck() -> None:
    host = hosting(ROLLUP, DETECT, options=OPTIONS)
    consumer = SimpleNamespace(owned=set(), flow_active=True, offered=SHARD)
    host.clients.app = SimpleNamespace(chunk_consumer=consumer)  # type: ignore[assignment]
    host.stalls._ends = Ends()  # type: ignore[assignment]
    opened(host, FIRST, SimpleNamespace(position=50, saved=50))
    assert await looked(host) == [None] * 10
    opened(host, SHARD, SimpleNamespace(position=50, saved=50))
    said = [text for text in await looked(host) if text]
    assert said
    assert said[0].startswith("detect/0 has read nothing for"), "whose queue is full"


async def test_time_in_which_the_process_waits_for_a_processor_does_not_count() -> None:
    now, waited = HandClock(100), {"engine": 0}
    ends: Any = Ends()
    host = hosting()
    host.stalls = stalls = StallWatch(ends, 45, ProcessorClock(now, waited.copy))
    first = opened(host, FIRST, SimpleNamespace(position=50, saved=50))

    async def pass_time(seconds: int, waits: float) -> list[str | None]:
        said = []
        for _ in range(0, seconds, 2):
            now.now += 2
            waited["engine"] += int(2e9 * waits)
            said.append(await stalls.check([first], None))
        return said

    assert not any(await pass_time(200, 0.8))
    said = await pass_time(10, 0)
    assert (
        said[-1] == "rollup/0 has read nothing for 50 s although records are waiting, and the broker answers"
    )
    assert first.stall is not None
    assert stalls.clock() - first.stall.moved_at == pytest.approx(49.6)


async def test_what_was_fetched_and_dropped_is_read_again_though_nothing_shows_the_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage_host, "DROPPED_SECONDS", 600)
    sought: list[tuple[TP, int]] = []

    async def seek(tp: TP, offset: int) -> None:
        sought.append((tp, offset))

    async def bounds(_: TP) -> Bounds:
        return Bounds(20, 100)

    consumer = SimpleNamespace(
        owned={FIRST}, flow_active=True, seek=seek, offered=None, next_offset=lambda _: 100
    )
    waiting: asyncio.Queue[int] = asyncio.Queue()
    host = hosting()
    host.clients.app = SimpleNamespace(chunk_consumer=consumer)  # type: ignore[assignment]
    host.clients.bounds = bounds  # type: ignore[method-assign, assignment]
    host._streams["requests"] = SimpleNamespace(channel=SimpleNamespace(queue=waiting))
    runner: Any = SimpleNamespace(position=None, busy=False, key="rollup/0")
    partition = opened(host, FIRST, runner)
    await host._go_back(partition)
    assert not sought, "a chunk may be on its way"
    monkeypatch.setattr(stage_host, "DROPPED_SECONDS", 0)
    await waiting.put(1)
    await host._go_back(partition)
    assert not sought, "one waits in the queue"
    waiting.get_nowait()
    for runner.position in (None, None, 80, 80, 100):
        await host._go_back(partition)
    assert sought == [(FIRST, 20), (FIRST, 80)], "once a position, from where the partition begins"


async def test_what_a_rebalance_skipped_is_one_line_a_minute_and_no_warning() -> None:
    async def seek(_: TP, __: int) -> None:
        pass

    host = hosting()
    host.clients.app = SimpleNamespace(chunk_consumer=SimpleNamespace(seek=seek))  # type: ignore[assignment]
    clock = HandClock(0.0)
    host._skipped = Recurring(clock)
    runner: Any = SimpleNamespace(position=80, busy=False, key="rollup/0")
    partition = opened(host, FIRST, runner)
    with capture_logs() as logs:
        for clock.now in (0.0, 1.0, 2.0, 61.0):
            await host._read_again(partition, runner, LostRecordsError("requests/0: 20 records are gone"))
    said = [(line["log_level"], line["event"], line["more"]) for line in logs]
    assert said == [("info", "records were skipped; reading them again", more) for more in (0, 2)]
