"""Costs of the history beside judging, the size of its files, and the time of its heaviest page.

A shard of ``benchmarks/growth.py`` (its weeks made up, its traffic judged for real) goes on for hours. Hours
that are recorded lie between halves that are not, so that what else the machine does weighs on both alike.
The recorded hours are then held, written and merged by the parts of the daemon that do so. Sizes are numbers
of series of scopes, and three times as many are of edges: about 100,000 in all for the larger size, which no
shard folds here (``rollup.max_series``). Times are seconds of a core, but for reading, which is by the clock
on the wall, too.

Five weeks of minutes and thirteen months of ten minutes are made of one judged day: every amount is drawn
anew for each day (counts with Poisson noise), and what was expected moves by some percent. The heaviest page
is the table with most rows: all its measures and those of every edge into it, for the whole time. ``page`` is
all that the board does for it, with the week before it, up to the JSON. DuckDB reads the same files; SQLite
holds these rows and those of nine times as many other series, which is in its favour, in a table that is
sorted by series and start.

    python -m benchmarks.history_cost                  # both sizes, then the files and the page
    python -m benchmarks.history_cost 1000 --profile   # one size, and where its time goes
    python -m benchmarks.history_cost --only page
"""

import argparse
import cProfile
import json
import math
import os
import pstats
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import numpy as np
import pyarrow.parquet as pq

from benchmarks.growth import START, Backend, Traffic, aged, forget_peak, rss
from config.settings import Settings
from streams.engine.detect.step_record import decode_step, encode_step
from streams.engine.detect.step_recorder import rounded
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.record.history.history_files import MINUTES, TENS, HistoryFile, HistoryFolder
from streams.record.history.history_keeper import DAY, WEEK, HistoryBounds, HistoryKeeper
from streams.record.history.history_reader import HistoryReader, HistoryView
from streams.record.history.history_rows import HistoryRows, merged
from streams.record.history.parquet_rows import write_rows
from streams.record.history.segments import HOUR, Segments
from streams.screens.board.scope_pages.scope_events import BoardPast
from streams.screens.board.scope_pages.scope_page_maker import ScopePageMaker
from streams.screens.board.scope_pages.scope_range import AskedRange, AskedScope

SIZES: Final = (1_000, 25_000)
SETTINGS: Final = Settings.model_validate({"rollup": {"max_series": 1_000_000}})
SCOPES_OF_CELL: Final = 71
"""Series of scopes in a cell of ``Backend``, without those of the account."""

CYCLES: Final = {1_000: 4}  # else one
DAY_HOURS: Final = {1_000: 24}  # that are merged; else 2
HALF: Final = 30  # steps
PLENTY: Final = HistoryBounds(10_000, 10_000, 1 << 50)
MONDAY: Final = START // WEEK * WEEK + 4 * DAY
MINUTES_DAYS: Final = 35
TENS_WEEKS: Final = 57
READS: Final = 30

clock: Final = time.process_time


class Shard:
    """A shard with all its weeks behind it, and its traffic."""

    def __init__(self, series: int) -> None:
        backend = Backend(max(1, round(series / SCOPES_OF_CELL)))
        self.detect = aged(backend, SETTINGS, records=True)
        self._traffic = Traffic(backend)
        self._inside: Any = self.detect
        self._recorder = self._inside._recorder
        self._windows = self._inside._measuring._latency
        self._quantiles = self._windows[0]._quantiles, self._windows[0]._p95, self._windows[0]._beside

    @property
    def scopes(self) -> int:
        """The number of series of scopes."""
        return len(self._inside._judge.series)

    def blocks(self) -> list[Block]:
        """Return the traffic of a step."""
        return [decode_block(body) for body in self._traffic.step()]

    def steps(self, count: int, *, records: bool, profiler: cProfile.Profile | None = None) -> list[float]:
        """Judge steps; return what each took."""
        quantiles, p95, beside = self._quantiles if records else (np.array([0.95]), 0, [])
        self._inside._recorder = self._recorder if records else None
        self._inside._measuring._quantiles = records
        for window in self._windows:
            window._quantiles, window._p95, window._beside = quantiles, p95, beside
        each = []
        for _ in range(count):
            blocks = self.blocks()
            if profiler:
                profiler.enable()
            began = clock()
            self.detect.feed(blocks)
            each.append(clock() - began)
            if profiler:
                profiler.disable()
        return each


def at_hour(bodies: Sequence[bytes], first: int) -> list[bytes]:
    """Return records with other times: the first one is of ``first``."""
    records = [decode_step(body) for body in bodies]
    ago = records[0].start - first
    return [encode_step(record._replace(start=record.start - ago)) for record in records]


def cost(series: int, folder: Path, *, profile: bool) -> dict[str, float]:
    """Measure judging, recording, holding, writing and merging; leave the files of a day."""
    shard = Shard(series)
    profiler = cProfile.Profile(clock) if profile else None
    shard.steps(60, records=False)  # as far as a quantile looks back
    shard.steps(HALF, records=True)  # what is recorded then are full hours, as a daemon's
    shard.detect.take_records()
    forget_peak()
    plain, recorded, bodies = list[float](), list[float](), list[bytes]()
    for _ in range(CYCLES.get(series, 1)):
        plain += shard.steps(HALF, records=False)
        recorded += shard.steps(60, records=True, profiler=profiler)
        bodies += shard.detect.take_records()
        plain += shard.steps(HALF, records=False)
    hours = DAY_HOURS.get(series, 2)
    shard.steps(HALF, records=True)
    shard.detect.take_records()
    while len(bodies) < 60 * hours:
        shard.steps(60, records=True)
        bodies += shard.detect.take_records()
    found = {
        "scopes": shard.scopes, "edges": shard.detect.series - shard.scopes,
        "plain": statistics.fmean(plain), "recorded": statistics.fmean(recorded),
        "record_bytes": len(bodies[1]), "judge_rss": rss(),
    }  # fmt: skip
    del shard
    hour = [
        at_hour(bodies[60 * number : 60 * number + 60], MONDAY + HOUR * number) for number in range(hours)
    ]
    del bodies
    forget_peak()
    found |= kept(hour, folder, profiler)
    found["write_peak"] = rss("VmHWM")
    if profiler:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(40)
    return found


def kept(
    hours: Sequence[Sequence[bytes]], place: Path, profiler: cProfile.Profile | None
) -> dict[str, float]:
    """Hold, write and merge; return seconds a step."""
    folder = HistoryFolder(str(place))
    keeper = HistoryKeeper(folder, PLENTY)
    holding, writing, size = list[float](), list[float](), 0
    for bodies in hours:
        segments = Segments(1)
        if profiler:
            profiler.enable()
        began = clock()
        for body in bodies:
            segments.feed([body])
        holding.append(clock() - began)
        [segment] = segments.rest()
        began = clock()
        size += keeper.write(segment).size
        writing.append(clock() - began)
        if profiler:
            profiler.disable()
    rows = sum(folder_rows(folder))
    if profiler:
        profiler.enable()
    began = clock()
    keeper.tidy(MONDAY + DAY)
    merging = clock() - began
    if profiler:
        profiler.disable()
    steps = 60 * len(hours)
    # the names of a history are written with its first hour alone
    later = statistics.fmean(writing[1:])
    return {
        "hold": sum(holding) / steps, "write": later / 60, "merge": merging / steps, "rows": rows / steps,
        "hour_bytes": size / rows, "row_bytes": folder.files()[0].size / rows,
    }  # fmt: skip


def folder_rows(folder: HistoryFolder) -> list[int]:
    """Return the numbers of rows of the files."""
    return [pq.ParquetFile(folder.open(file.path)).metadata.num_rows for file in folder.files()]


def anew(rows: HistoryRows, day: int, rng: np.random.Generator) -> HistoryRows:
    """Return the rows of another day: the same curves, with a noise of their own."""
    known = np.nan_to_num(rows.observed)
    counts = known == np.floor(known)
    drawn = np.where(
        counts, rng.poisson(np.where(counts, known, 0)), known * rng.choice((0.98, 1.0, 1.02), len(rows))
    )
    level = rng.uniform(0.95, 1.05)
    return HistoryRows(
        rows.series,
        rows.start + day * DAY,
        rows.seconds,
        np.where(np.isnan(rows.observed), np.nan, drawn).astype(np.float32),
        *(rounded(column.astype(float) * level) for column in (rows.expected, rows.lower, rows.upper)),
        rows.verdict,
    )  # fmt: skip


def fill(place: Path) -> dict[str, float]:
    """Make five weeks and thirteen months of the day that ``cost`` left."""
    folder = HistoryFolder(str(place))
    reader = HistoryReader(folder)
    rng = np.random.default_rng(11)
    of_day = {resolution: reader.rows(resolution, 0, 1 << 40) for resolution in (MINUTES, TENS)}
    first = TENS_WEEKS * 7 - MINUTES_DAYS  # the minutes end with the tens
    for day in range(first, TENS_WEEKS * 7):
        rows = anew(of_day[MINUTES], day, rng)
        file = HistoryFile(MINUTES, MONDAY + day * DAY, MONDAY + (day + 1) * DAY)
        folder.write(file.path, lambda into, rows=rows: write_rows(rows, into))  # type: ignore[misc]
    for week in range(TENS_WEEKS):
        rows = merged([anew(of_day[TENS], 7 * week + day, rng) for day in range(7)])
        file = HistoryFile(TENS, MONDAY + week * WEEK, MONDAY + (week + 1) * WEEK)
        folder.write(file.path, lambda into, rows=rows: write_rows(rows, into))  # type: ignore[misc]
    for segment in folder.superseded():
        folder.delete(segment.path)
    folder.delete(HistoryFile(MINUTES, MONDAY, MONDAY + DAY).path)
    files = folder.files()
    sizes = {
        kind: sum(segment.size for segment in files if segment.resolution == kind) for kind in (MINUTES, TENS)
    }
    return {
        "minutes_mb": sizes[MINUTES] / 1e6, "tens_mb": sizes[TENS] / 1e6,
        "series": len(reader.names), "day_rows": len(of_day[MINUTES]),
    }  # fmt: skip


def heaviest(place: Path) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return the series of the table with most rows: its measures, and those of the edges into it."""
    reader = HistoryReader(HistoryFolder(str(place)))
    rows = reader.rows(TENS, MONDAY, MONDAY + WEEK)
    counts: Counter[str] = Counter()
    for number, count in zip(
        *(column.tolist() for column in np.unique(rows.series, return_counts=True)), strict=True
    ):
        if (scope := reader.names[number].scope).kind == "table":
            counts[scope.name] += count
    [(table, _)] = counts.most_common(1)
    return reader.series(lambda key: (key.scope.kind, key.scope.name) == ("table", table))


def timed(read: Callable[[], int]) -> dict[str, float]:
    """Read again and again; return milliseconds, and the rows."""
    read()
    walls, cpus, rows = [], [], 0
    for _ in range(READS):
        began, spent = time.perf_counter(), clock()
        rows = read()
        walls.append((time.perf_counter() - began) * 1000)
        cpus.append((clock() - spent) * 1000)
    walls.sort()
    return {
        "p50": statistics.median(walls), "p95": walls[int(0.95 * (READS - 1))], "rows": rows,
        "cpu": statistics.median(cpus),
    }  # fmt: skip


COLUMNS_READ: Final = "series, start, seconds, observed, expected, lower, upper, verdict"


def by_uneri(place: Path, resolution: str) -> dict[str, float]:
    """Read the page as the board does."""
    reader = HistoryReader(HistoryFolder(str(place)))
    wanted = heaviest(place)
    return timed(lambda: len(reader.rows(resolution, 0, 1 << 40, wanted)))


def by_page(place: Path, resolution: str) -> dict[str, float]:
    """Make the whole page of this scope, with the week before, and encode it."""
    folder = HistoryFolder(str(place))
    view, pages = HistoryView(folder), ScopePageMaker(Settings)
    scope = view.names[int(heaviest(place)[0])].scope
    given = tuple((name, getattr(scope, name)) for name in ("cloud", "account", "region"))
    asked = AskedScope(
        f"{scope.kind}:{scope.name}", given, AskedRange("5w" if resolution == MINUTES else "13mo")
    )
    found = timed(lambda: len(msgspec.json.encode(pages.page(view, asked, BoardPast()))))
    return found | {"rows": 0, "kb": found["rows"] / 1000}


def by_duckdb(place: Path, resolution: str) -> dict[str, float]:
    """Read it with DuckDB, which knows the numbers of the series, too."""
    wanted = ",".join(map(str, heaviest(place).tolist()))
    connection = duckdb.connect()
    query = (
        f"SELECT {COLUMNS_READ} FROM '{place}/{resolution}/*.parquet' WHERE series IN ({wanted}) "  # noqa: S608 - our own
        "ORDER BY series, start"
    )
    return timed(lambda: len(connection.execute(query).fetchnumpy()["series"]))


def by_sqlite(place: Path, resolution: str) -> dict[str, float]:
    """Read it from a table that holds the same rows."""
    path = place.parent / f"{resolution}.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -200000;"
        "CREATE TABLE rows (series INTEGER, start INTEGER, seconds INTEGER, observed REAL, expected REAL, "
        "lower REAL, upper REAL, verdict TEXT, PRIMARY KEY (series, start)) WITHOUT ROWID;"
    )
    reader = HistoryReader(HistoryFolder(str(place)))
    page = heaviest(place)
    others = np.setdiff1d([number for number, _ in reader.names], page)
    held = np.sort(np.concatenate((page, others[: 9 * len(page)])))
    for some in np.array_split(held, 10):  # in order, so that the table is dense
        rows = reader.rows(resolution, 0, 1 << 40, some)
        columns = [getattr(rows, name).tolist() for name in ("series", "start", "seconds")]
        columns += [
            [None if math.isnan(value) else value for value in getattr(rows, name).tolist()]
            for name in ("observed", "expected", "lower", "upper")
        ]
        connection.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", zip(*columns, strict=True)
        )
    connection.commit()
    wanted = page.tolist()
    query = (
        f"SELECT {COLUMNS_READ} FROM rows WHERE series IN ({','.join('?' * len(wanted))}) "  # noqa: S608 - our own
        "ORDER BY series, start"
    )
    found = timed(lambda: len(connection.execute(query, wanted).fetchall()))
    return found | {"mb": path.stat().st_size / 1e6}


def run(*arguments: str) -> dict[str, float]:
    """Run a part in a process of its own."""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "benchmarks.history_cost", *arguments],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


READERS: Final = {"uneri": by_uneri, "page": by_page, "duckdb": by_duckdb, "sqlite": by_sqlite}
PARTS: Final = ("cost", "fill", *READERS)

COST: Final = (
    ("scopes", "series of scopes", 1, ",.0f"), ("edges", "series of edges", 1, ",.0f"),
    ("plain", "a step judged, ms", 1e3, ",.2f"), ("recorded", "a step judged and recorded, ms", 1e3, ",.2f"),
    ("hold", "holding its record, ms", 1e3, ",.3f"), ("write", "writing its rows, ms", 1e3, ",.2f"),
    ("merge", "merging them into a day and into ten minutes, ms", 1e3, ",.2f"),
    ("rows", "rows a step", 1, ",.0f"), ("record_bytes", "bytes of a record", 1, ",.0f"),
    ("hour_bytes", "bytes of a row, in an hour", 1, ".2f"),
    ("row_bytes", "bytes of a row, in a day", 1, ".2f"),
    ("judge_rss", "RSS of judging, MiB", 1, ",.0f"),
    ("write_peak", "peak of writing and merging, MiB", 1, ",.0f"),
)  # fmt: skip


def print_cost(table: dict[str, dict[str, float]]) -> None:
    """Print what was measured and the shares of the judging time."""
    print("| | " + " | ".join(table) + " |\n|" + " --- |" * (len(table) + 1))
    for name, title, scale, form in COST:
        print(
            f"| {title} | "
            + " | ".join(format(result[name] * scale, form) for result in table.values())
            + " |"
        )
    after = ("hold", "write", "merge")
    for title, names in (("recording and writing", after[:2]), ("… and merging", after)):
        shares = [
            (result["recorded"] - result["plain"] + sum(result[name] for name in names)) / result["plain"]
            for result in table.values()
        ]
        print(f"| {title}, share of judging | " + " | ".join(f"{share:.1%}" for share in shares) + " |")


def main() -> int:
    """Measure and print tables, or one part of one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--only", choices=("cost", "page"))
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--resolution", choices=(MINUTES, TENS), default=MINUTES)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    if given.part == "cost":
        print(json.dumps(cost(given.sizes[0], given.folder, profile=given.profile)))
        return 0
    if given.part == "fill":
        print(json.dumps(fill(given.folder)))
        return 0
    if given.part:
        print(json.dumps(READERS[given.part](given.folder, given.resolution)))
        return 0
    sizes = given.sizes or list(SIZES)
    with tempfile.TemporaryDirectory() as scratch:
        table = {}
        for size in [1_000] if given.only == "page" else sizes:
            extra = ["--profile"] if given.profile else []
            folder = f"{scratch}/{size}"
            table[f"{size:,}"] = run(str(size), "--part", "cost", "--folder", folder, *extra)
        print_cost(table)
        if given.only != "cost" and (place := Path(scratch) / "1000").exists():
            print_page(place)
    return 0


def print_page(place: Path) -> None:
    """Fill the weeks, and print their size and how long the heaviest page takes."""
    filled = run("--part", "fill", "--folder", str(place))
    print(
        f"\nfive weeks of minutes: {filled['minutes_mb']:,.0f} MB; thirteen months of ten minutes: ", end=""
    )
    print(
        f"{filled['tens_mb']:,.0f} MB; {filled['series']:,.0f} series, {filled['day_rows']:,.0f} rows a day\n"
    )
    print(
        "| the heaviest page | rows | median, ms | p95, ms | of a core, ms |\n| --- | --- | --- | --- | --- |"
    )
    for resolution, title in ((MINUTES, "five weeks of minutes"), (TENS, "thirteen months of ten minutes")):
        for name in READERS:
            one = run("--part", name, "--folder", str(place), "--resolution", resolution)
            size = "".join(f" ({one[unit]:,.0f} {unit.upper()})" for unit in ("kb", "mb") if unit in one)
            rows = f"{one['rows']:,.0f}" if one["rows"] else ""
            print(
                f"| {title}, {name}{size} | {rows} | {one['p50']:,.0f} | {one['p95']:,.0f} | "
                f"{one['cpu']:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
