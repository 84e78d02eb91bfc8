"""Costs of twenty heavy queries at once for the judge: the time of its steps beside them, and without.

A shard of ``benchmarks/growth.py`` with all its weeks behind it judges one step after the other, which a
daemon does once a minute. Blocks of steps during which twenty clients of the read API wait for answers lie
between blocks without, and blocks beside a process that does nothing but compute: what else the machine does
weighs on all of them alike. The history is made as for ``benchmarks/history_cost.py``: five weeks of minutes
and thirteen months of ten minutes. Each client asks the heaviest queries that are answered, again and again.
Steps are timed by the clock on the wall, and of the thread that judges.

    python -m benchmarks.query_cost          # 1,000 series of scopes, and three times as many of edges
    python -m benchmarks.query_cost 25000    # judges as many; the history is that of 1,000
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.growth import rss
from benchmarks.history_cost import DAY, MONDAY, TENS_WEEKS, Shard, cost, fill
from streams.record.query.query_bounds import QueryError
from streams.record.query.query_service import PATIENCE, QueryService
from streams.record.query.query_times import QueryTimes

CLIENTS: Final = 20
HISTORY: Final = 1_000
BLOCKS: Final = 12
BLOCK: Final = {1_000: 60}  # steps; else ten
END: Final = MONDAY + TENS_WEEKS * 7 * DAY

QUERIES: Final = {
    "tables, five weeks, an hour": (
        'sum by (name) (uneri_observed{kind="table",source_kind=""})',
        QueryTimes.over((END - 35 * DAY) * 1000, END * 1000, 3_600_000),
    ),
    "tables, thirteen months, a day": (
        'sum(uneri_observed{kind="table",measure="wcu",source_kind=""})',
        QueryTimes.over((END - 399 * DAY) * 1000, END * 1000, 86_400_000),
    ),
    "callers of all tables, a day": (
        'topk(5, sum by (source_name) (uneri_observed{kind="table",measure="wcu",source_kind="function"}))',
        QueryTimes.over((END - DAY) * 1000, END * 1000, 60_000),
    ),
    "all scopes, four hours": (
        'uneri_observed{source_kind=""}',
        QueryTimes.over((END - 14_400) * 1000, END * 1000, 60_000),
    ),
    "over what was expected, a day": (
        "uneri_observed > uneri_upper",
        QueryTimes.over((END - DAY) * 1000, END * 1000, 300_000),
    ),
    "all there is, one time": (
        "count by (kind, measure) (uneri_observed)",
        QueryTimes((END - 600) * 1000),
    ),
}


class Clients:
    """Twenty clients in an event loop of their own, as that of a daemon is beside its judge."""

    def __init__(self, place: Path) -> None:
        self._desk = QueryService(str(place), list, lambda: 60, patience=PATIENCE._replace(seconds=600))
        self._asking = threading.Event()
        self._loop = asyncio.new_event_loop()
        self.answered = Counter[str]()
        self.refused = Counter[str]()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._tasks = [
            asyncio.run_coroutine_threadsafe(self._ask(number), self._loop) for number in range(CLIENTS)
        ]

    async def _ask(self, number: int) -> None:
        turn = number
        while True:
            if not self._asking.is_set():
                await asyncio.sleep(0.01)
                continue
            name, (query, times) = list(QUERIES.items())[turn % len(QUERIES)]
            turn += 1
            try:
                await self._answer(query, times)
                self.answered[name] += 1
            except QueryError as error:
                self.refused[f"{name}: {error}"] += 1

    async def _answer(self, query: str, times: QueryTimes) -> bytes:
        if times.points == 1:
            return await self._desk.instant(query, times)
        return await self._desk.over(query, times)

    def timed(self) -> dict[str, tuple[float, int]]:
        """Return of each query the milliseconds of its answer, alone, and its bytes."""
        found = {}
        for name, (query, times) in QUERIES.items():
            each, size = [], 0
            for _ in range(5):
                began = time.perf_counter()
                size = len(asyncio.run_coroutine_threadsafe(self._answer(query, times), self._loop).result())
                each.append(time.perf_counter() - began)
            found[name] = statistics.median(each) * 1000, size
        return found

    def ask(self, *, on: bool) -> None:
        """Have all of them ask, or none begin anew; wait until that is so."""
        if on:
            self._asking.set()
        else:
            self._asking.clear()
            time.sleep(2)  # what is being answered


def steps(shard: Shard, count: int) -> list[tuple[float, float]]:
    """Judge steps; return what each took on the wall and of its thread, milliseconds."""
    found = []
    for _ in range(count):
        blocks = shard.blocks()
        began, spent = time.perf_counter(), time.thread_time()
        shard.detect.feed(blocks)
        found.append(((time.perf_counter() - began) * 1000, (time.thread_time() - spent) * 1000))
    shard.detect.take_records()
    return found


@contextmanager
def computing() -> Iterator[None]:
    """Have another process compute."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("series", nargs="?", type=int, default=HISTORY)
    series = parser.parse_args().series
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "history"
        cost(HISTORY, place, profile=False)
        filled = fill(place)
        shard = Shard(series)
        shard.steps(60, records=True)
        clients = Clients(place)
        alone, before = clients.timed(), rss()
        blocks: dict[str, list[tuple[float, float]]] = defaultdict(list)
        count = BLOCK.get(series, 10)
        for _ in range(BLOCKS):
            blocks["alone"] += steps(shard, count)
            clients.ask(on=True)
            blocks[f"beside {CLIENTS} queries"] += steps(shard, count)
            clients.ask(on=False)
            with computing():
                blocks["beside a process that computes"] += steps(shard, count)
        print(
            f"series judged       {shard.scopes:,} of scopes, {shard.detect.series - shard.scopes:,} of edges"
        )
        print(f"series of history   {filled['series']:,}")
        print("| a step | median on the wall | p95 | mean | of the thread |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for name, runs in blocks.items():
            wall, own = sorted(wall_ms for wall_ms, _ in runs), [own_ms for _, own_ms in runs]
            p95, middle = wall[int(0.95 * (len(wall) - 1))], statistics.median(wall)
            figures = middle, p95, statistics.fmean(wall), statistics.median(own)
            print(f"| {name} | {' | '.join(f'{figure:.2f} ms' for figure in figures)} |")
        print(f"answered            {sum(clients.answered.values()):,}, refused {dict(clients.refused)}")
        print(f"memory              {before:,.0f} MiB before the twenty, {rss('VmHWM'):,.0f} MiB at its most")
        print("| alone | ms | kB |\n| --- | ---: | ---: |")
        for name, (milliseconds, size) in alone.items():
            print(f"| {name} | {milliseconds:,.0f} | {size / 1000:,.0f} |")


if __name__ == "__main__":
    main()
