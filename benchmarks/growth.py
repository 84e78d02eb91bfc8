"""Costs of a shard with 1, 10 and 100 thousand series that have lived through all their weeks.

Each size runs in processes of its own. A backend of cells (one service, four routes with a function each,
two tables, two clients that call them; 336 series) is made as large as the size asks for. A day of values
of every series is drawn and taken as each day of the weeks before, so that histories, habits and growth are
as full as those of a shard of that age. Then seven hours and a half are fed block by block, an hour is
timed, and a snapshot is taken, stored, and restored by a process that is started anew. Times are seconds of
a core, but for the restart, which is by the clock on the wall.

    python benchmarks/growth.py                  # 1 k, 10 k, 100 k
    python benchmarks/growth.py 1000 10000 --profile
"""

import argparse
import cProfile
import ctypes
import io
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from detectors.model.array_types import Bools, Float32s, Floats

sys.path.insert(0, str(Path(__file__).parent.parent))

from config.settings import Settings
from detectors.judge.judge import Judge
from detectors.model.measures import COLUMN, SUMMED, Measure, Series
from detectors.model.scope import Scope
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.decode.cells import PER_ID
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.paths import Call
from streams.engine.decode.paths import Path as Way
from streams.engine.detect.detect import Detect
from streams.engine.detect.gather import JudgedStep
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block, encode_block
from streams.engine.rollup.rollup import Rollup
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.machine import HEAP

SIZES: Final = (1_000, 10_000, 100_000)
SOURCE: Final = "requests/0"
ROUTES, TABLES, CLIENTS = 4, 2, 2
PER_CELL: Final = 336  # series
STEP, DAY, BUCKETS = 60, 86400, 6
START: Final = 1_700_006_400  # a midnight
WARM_STEPS: Final = 7 * 60 + 30  # longer than any window of minutes
TIMED_STEPS: Final = 60
EVENTS: Final = 100_000  # for the rollup's part
RATE: Final = 3000.0  # requests a second of the whole backend, whatever its size
SCOUTED: Final = 40  # steps that the days before are drawn from
FAILING: Final = 0.15  # part of the paths that fail now and then
SHARD: Final = "detect/0"

clock: Final = time.process_time  # seconds of a core: what else the machine does is not counted


def rss(field: str = "VmRSS") -> float:
    """Return MiB of this process; VmHWM is the most it ever was."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Backend:
    """Names and rates of so many cells.

    Parameters
    ----------
    cells
        How many.
    hot
        Part of all requests that one path gets.
    """

    def __init__(self, cells: int, hot: float = 0.0) -> None:
        rng = np.random.default_rng(7)
        self.paths = [
            Way("aws", "123456789012", "eu-west-1", f"service-{cell:04}", f"GET /r{route}/{cell:04}",
                f"function-{cell:04}-{route}", ("ios", "android")[client], "3.2.1", "")
            for cell in range(cells) for route in range(ROUTES) for client in range(CLIENTS)
        ]  # fmt: skip
        per = ROUTES * CLIENTS
        self.calls = [
            Call(path, f"table-{path // per:04}-{table}")
            for path in range(len(self.paths))
            for table in range(TABLES)
        ]
        # requests a minute of a path: a few busy ones, many quiet ones
        rate = rng.lognormal(0.0, 1.2, len(self.paths))
        if hot:
            rate[0] = rate[1:].sum() * hot / (1 - hot)
        self.rate = rate * RATE * 60 / rate.sum()
        self.fails = np.where(rng.random(len(self.paths)) < FAILING, 0.01, 0.0)

    def day(self, at: int) -> float:
        """Return the effect of the time of day on all."""
        return 1.0 + 0.5 * float(np.sin(2 * np.pi * at / DAY))

    def block(self, at: int, sequence: int, rng: np.random.Generator) -> tuple[Block, int]:
        """Return the counts of a bucket, and how many requests these are."""
        requests = rng.poisson(self.rate * self.day(at) / BUCKETS).astype(float)
        some = np.flatnonzero(requests)
        row_of = np.full(len(self.paths), -1)
        row_of[some] = np.arange(len(some))
        called = np.flatnonzero(np.repeat(requests, TABLES) > 0)
        calls = [Call(int(row_of[self.calls[n].path]), self.calls[n].table) for n in called.tolist()]
        sums = np.zeros((len(some) + len(calls), len(SUMMED)))
        count, times = requests[some], np.repeat(requests, TABLES)[called]
        sums[: len(some), COLUMN[Measure.REQUESTS]] = count
        sums[: len(some), COLUMN[Measure.ERRORS_BACKEND]] = rng.binomial(count.astype(int), self.fails[some])
        sums[: len(some), COLUMN[Measure.BUSY]] = (
            np.rint(count * 0.05 * 1024 * rng.gamma(20, 1 / 20, len(some))) / 1024
        )
        into = sums[len(some) :]
        into[:, COLUMN[Measure.REQUESTS]] = into[:, COLUMN[Measure.READS]] = times
        into[:, COLUMN[Measure.RCU]] = times * 0.5
        rows = np.repeat(np.arange(len(sums)), 2)
        bins = np.sort(rng.integers(300, 340, (len(sums), 2)), axis=1)
        bins[:, 1] += 1
        parts = np.column_stack((np.ceil(sums[:, 0] / 2), np.floor(sums[:, 0] / 2)))
        cells, counts = rows * PER_ID + bins.ravel(), parts.ravel()
        keep = counts > 0
        block = Block(
            SOURCE, 0, 1, sequence, at, 10, at + 10, int(count.sum()),
            paths=[self.paths[n] for n in some.tolist()], calls=calls, sums=sums,
            cells=cells[keep], counts=counts[keep],
        )  # fmt: skip
        return block, int(count.sum())

    def everything(self, at: int) -> Block:
        """Return a block in which every name comes once, and every call costs something."""
        sums = np.zeros((len(self.paths) + len(self.calls), len(SUMMED)))
        sums[:, COLUMN[Measure.REQUESTS]] = 1.0
        sums[len(self.paths) :, COLUMN[Measure.RCU]] = 0.5
        return Block(
            SOURCE, 0, 1, 0, at, 10, at + 10, len(self.paths), paths=self.paths, calls=self.calls, sums=sums
        )

    def records(self, count: int, at: float, rng: np.random.Generator) -> list[bytes]:
        """Return events as they come from Kafka, one second for each as many as there are in it."""
        seconds = self.rate.sum() / 60
        which = rng.choice(len(self.paths), count, p=self.rate / self.rate.sum())
        which[: len(self.paths)] = np.arange(len(self.paths))  # every name comes
        lines = []
        for number, path in enumerate(which.tolist()):
            way, per = self.paths[path], ROUTES * CLIENTS
            cell = path // per
            lines.append(
                b'{"ts":%.3f,"id":"%016x","cloud":"aws","account":"%b","region":"eu-west-1","service":"%b",'
                b'"route":"%b","function":"%b","client":{"name":"%b","version":"3.2.1"},"status":200,'
                b'"ms":{"total":41.2,"function":33.0},"tables":[{"name":"table-%04d-0","op":"GetItem","ms":4.0,'
                b'"rcu":0.5},{"name":"table-%04d-1","op":"GetItem","ms":4.0,"rcu":0.5}]}'
                % (
                    at + number / seconds,
                    round(at) * 1000 + number,
                    *[
                        name.encode()
                        for name in (way.account, way.service, way.route, way.function, way.client)
                    ],
                    cell,
                    cell,
                )
            )
        return lines


def forget_peak() -> None:
    """Give back what making the past up took, and let VmHWM begin anew."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def scout(backend: Backend) -> tuple[Floats, Floats]:
    """Return the values of judged series and edges in some steps of noon, (steps, n) each."""
    seen, of_edges = [], []
    detect: Any = Detect(0, [SOURCE], Settings())
    judge, append = detect._judge.judge, detect._edges.append

    def watch(start: int, values: Floats, completeness: float = 1.0) -> Any:
        seen.append(values.copy())
        return judge(start, values, completeness)

    def listen(start: int, values: Floats, spoilt: Bools) -> None:
        of_edges.append(values.copy())
        append(start, values, spoilt)

    detect._judge.judge, detect._edges.append = watch, listen
    detect.feed([backend.everything(START)])
    rng = np.random.default_rng(1)
    for number in range(1, SCOUTED * BUCKETS + 1):
        detect.feed([backend.block(START + 10 * number, number, rng)[0]])
    width, edges = len(seen[-1]), len(of_edges[-1])
    return (
        np.array([row for row in seen if len(row) == width][2:]),
        np.array([row for row in of_edges if len(row) == edges][2:]),
    )


def drawn(seen: Floats, steps: int, rng: np.random.Generator) -> Float32s:
    """Return (steps, n) values such as were seen: counts with their noise and the shape of a day."""
    shape = 1.0 + 0.5 * np.sin(2 * np.pi * np.arange(steps) / steps)[:, None]
    found = np.empty((steps, seen.shape[1]), np.float32)
    for first in range(0, seen.shape[1], 4096):
        some = seen[:, first : first + 4096]
        known = np.nan_to_num(some)
        counts = (known == np.floor(known)).all(axis=0)
        picked = np.take_along_axis(some, rng.integers(0, len(some), (steps, some.shape[1])), axis=0)
        poisson = rng.poisson(known.mean(axis=0) * shape)
        found[:, first : first + 4096] = np.where(counts & ~np.isnan(some).all(axis=0), poisson, picked)
    return found


def age(judge: Judge, seen: Floats, weeks: int) -> None:
    """Give the series of a judge the weeks before ``START``."""
    rng = np.random.default_rng(2)
    inside: Any = judge
    day = drawn(seen, DAY // STEP, rng)
    nothing = np.zeros(day.shape, bool)
    for ago in range(7 * weeks + 1, 0, -1):
        inside._values.extend((START - ago * DAY) // STEP, np.roll(day, 7 * ago, axis=0), nothing)
    levels = np.nanmean(np.where(np.isnan(day), 0.0, day), axis=0)
    watch, memory = inside._growth, inside._memory
    watch.levels[:] = levels * rng.gamma(400, 1 / 400, watch.levels.shape)
    watch.peaks[:] = levels * 1.5
    watch._day, watch._hour = START // DAY - 1, START // 3600 - 1
    memory.first[:] = (START - 7 * weeks * DAY) // STEP
    if hasattr(memory, "habits"):
        memory.habits.unfold()
    active = levels > 0
    for name in ("above", "below", "rose", "fell"):
        array = getattr(memory.arrays(), name)
        for index in np.ndindex(array.shape[:-1]):
            array[index][active] = rng.exponential(0.3, int(active.sum()))
        if name in ("below", "fell"):
            array *= -1


def aged(backend: Backend, settings: Settings, *, records: bool = False) -> Detect:
    """Return a shard that has lived through its weeks, at ``START``, and may record its steps from there."""
    weeks = settings.judge.weeks
    seen, of_edges = scout(backend)
    detect = Detect(0, [SOURCE], settings, records=records)
    begin = START - (7 * weeks + 1) * DAY
    detect.feed([backend.everything(begin - STEP), Block(SOURCE, 0, 1, 1, begin, 10, begin)])
    inside: Any = detect
    inside._measuring.steps._closed = START
    age(inside._judge, seen, weeks)
    per = inside._edges._per_cell
    day = drawn(of_edges * per, DAY // STEP // per, np.random.default_rng(3))
    for ago in range(7 * weeks + 1, 0, -1):
        first = (START - ago * DAY) // (STEP * per)
        inside._edges._cells.extend(first, np.roll(day, ago, axis=0), np.zeros(day.shape, bool))
    inside._edges._at = START // STEP - 1
    inside._measuring._pulse = float(backend.rate.sum())
    return detect


def live(series: int, folder: Path, hot: float, *, profile: bool) -> dict[str, float]:
    """Let a shard live for hours, and measure the last of them and a checkpoint."""
    backend = Backend(max(1, round(series / PER_CELL)), hot)
    detect = aged(backend, Settings())
    traffic = Traffic(backend)
    for step in range(WARM_STEPS):
        HEAP.give_back(forced=True)  # as a daemon does once a minute, with a checkpoint
        detect.feed([decode_block(body) for body in traffic.step()])
        if step == WARM_STEPS // 2:
            forget_peak()
    profiler = cProfile.Profile(clock) if profile else None
    found = timed(detect, traffic, profiler)
    if profiler:
        write_profile(profiler, folder / "profile")
    inside: Any = detect
    found |= {"series": detect.series, "judged": len(inside._judge.series), "rss": rss()}
    found |= checkpoints(detect, traffic, folder)
    return found | {"peak": rss("VmHWM")}


class Traffic:
    """The blocks of a backend, encoded, from ``START`` on."""

    def __init__(self, backend: Backend) -> None:
        self.events = 0
        self._backend = backend
        self._rng = np.random.default_rng(4)
        self._sequence = 2

    def step(self, buckets: int = BUCKETS) -> list[bytes]:
        """Return those of the next step, or of so many buckets."""
        made = []
        for _ in range(buckets):
            at = START + (self._sequence - 2) * 10
            block, count = self._backend.block(at, self._sequence, self._rng)
            made.append(encode_block(block))
            self.events += count
            self._sequence += 1
        return made


def timed(detect: Detect, traffic: Traffic, profiler: cProfile.Profile | None) -> dict[str, float]:
    """Feed an hour."""
    each = []
    events, sent = traffic.events, 0
    for _ in range(TIMED_STEPS):
        bodies = traffic.step()
        sent += sum(map(len, bodies))
        if profiler:
            profiler.enable()
        began = clock()
        HEAP.give_back(forced=True)
        for body in bodies:
            detect.feed([decode_block(body)])
        each.append(clock() - began)
        if profiler:
            profiler.disable()
    return {
        "detect_us": sum(each) / (traffic.events - events) * 1e6,
        "step_s": sum(each) / TIMED_STEPS,
        "slowest_s": max(each),
        "blocks_mb": sent / TIMED_STEPS / 1e6,
    }


def write_profile(profiler: cProfile.Profile, into: Path) -> None:
    """Write the functions that take most."""
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(16)
    into.write_text(text.getvalue(), encoding="utf-8")


def checkpoints(detect: Detect, traffic: Traffic, folder: Path) -> dict[str, float]:
    """Write checkpoints into SQLite: the first, one after a step, one in between; leave a step's blocks."""
    found: dict[str, float] = {}
    store = SqliteStore(folder / "state.db")
    before: dict[str, bytes] = {}
    for name in ("first", "again", "same"):
        began = clock()
        parts = detect.snapshot()
        found[f"snapshot_{name}_s"] = clock() - began
        store.save(SHARD, Checkpoint({SOURCE: 0}, parts))
        found[f"checkpoint_{name}_s"] = clock() - began
        found["snapshot_mb"] = sum(map(len, parts.values())) / 1e6
        found[f"changed_{name}_mb"] = sum(len(b) for n, b in parts.items() if before.get(n) != b) / 1e6
        before = parts
        if name == "first":
            forget_peak()  # nobody else writes all of a state at once: it grew with its checkpoints
            for body in traffic.step():
                detect.feed([decode_block(body)])
    store.close()
    rest = traffic.step(BUCKETS + 1)
    (folder / "blocks").write_bytes(b"".join(len(body).to_bytes(4, "big") + body for body in rest))
    return found


def judge_next(checkpoint: Checkpoint | None, folder: Path) -> tuple[float, float]:
    """Restore a checkpoint and judge the next step; return when each was done, by the clock on the wall."""
    detect = Detect(0, [SOURCE], Settings())
    detect.restore(checkpoint.parts if checkpoint else {})
    restored = time.perf_counter()
    body, judged = (folder / "blocks").read_bytes(), list[JudgedStep]()
    while body and not judged:
        size = int.from_bytes(body[:4], "big")
        judged += detect.feed([decode_block(body[4 : 4 + size])])
        body = body[4 + size :]
    if not judged:
        raise RuntimeError("nothing was judged")
    return restored, time.perf_counter()


def restart(folder: Path, *, profile: bool) -> dict[str, float]:
    """Restore what ``live`` left, and judge the next step."""
    began = time.perf_counter()
    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    store = SqliteStore(folder / "state.db")
    checkpoint = store.load(SHARD)
    loaded = time.perf_counter()
    restored, judged = judge_next(checkpoint, folder)
    if profile:
        profiler.disable()
        write_profile(profiler, folder / "profile-restart")
    return {
        "load_s": loaded - began,
        "restore_s": restored - loaded,
        "first_s": judged - restored,
        "restart_rss": rss(),
    }


def roll_up(series: int, hot: float) -> dict[str, float]:
    """Measure decode and rollup, from bytes to the bytes of blocks."""
    backend = Backend(max(1, round(series / PER_CELL)), hot)
    decoder = Decoder(Settings())
    rollup = Rollup(SOURCE, 1, Settings().time, decoder)
    rng = np.random.default_rng(5)
    best = float("inf")
    for turn in range(3):
        lines = backend.records(EVENTS, START + turn * EVENTS / RATE, rng)
        began = clock()
        for first in range(0, EVENTS, 5000):
            columns, _ = decoder.decode(lines[first : first + 5000])
            for block in rollup.feed(columns):
                encode_block(block)
        if turn:
            best = min(best, clock() - began)
    return {"rollup_us": best / EVENTS * 1e6}


def judge_alone(count: int) -> dict[str, float]:
    """Measure a judge of nothing but judged series, a third of them busy, and checkpoints of it."""
    rng = np.random.default_rng(6)
    scopes = [Scope("function", "aws", "1", "eu", f"f{n}") for n in range(count // 3 + 1)]
    kinds = (Measure.REQUESTS, Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL)
    rows = [Series(scope, measure) for scope in scopes for measure in kinds][:count]
    rate = np.where([row.measure is Measure.REQUESTS for row in rows], rng.lognormal(1.5, 1.2, count), 0.0)
    judge = Judge(Settings().judge, STEP)
    judge.add(rows)
    age(judge, rng.poisson(rate, (SCOUTED, count)).astype(float), Settings().judge.weeks)
    spent = 0.0
    for step in range(WARM_STEPS + TIMED_STEPS):
        values = rng.poisson(rate).astype(float)
        began = clock()
        HEAP.give_back(forced=True)  # as a daemon does once a minute, with a checkpoint
        judge.judge(START + step * STEP, values)
        if step == WARM_STEPS // 2:
            forget_peak()
        if step >= WARM_STEPS:
            spent += clock() - began
    found = {"series": count, "step_s": spent / TIMED_STEPS, "rss": rss(), "peak": rss("VmHWM")}
    before: dict[str, bytes] = {}
    for name in ("first", "again"):
        began = clock()
        parts = judge.snapshot()
        found[f"snapshot_{name}_s"] = clock() - began
        found["snapshot_mb"] = sum(map(len, parts.values())) / 1e6
        found[f"changed_{name}_mb"] = sum(len(b) for n, b in parts.items() if before.get(n) is not b) / 1e6
        before = parts
        if name == "first":
            judge.judge(START + (WARM_STEPS + TIMED_STEPS) * STEP, rng.poisson(rate).astype(float))
    return found | judge_again(before, rows, rng.poisson(rate).astype(float))


def judge_again(parts: dict[str, bytes], rows: list[Series], values: Floats) -> dict[str, float]:
    """Restore a judge of nothing but judged series, and judge the next step."""
    judge = Judge(Settings().judge, STEP)
    began = clock()
    judge.add(rows)
    judge.restore(parts)
    restored = clock()
    judge.judge(START + (WARM_STEPS + TIMED_STEPS + 1) * STEP, values)
    return {"restore_s": restored - began, "first_s": clock() - restored}


def _run(*arguments: str) -> dict[str, float]:
    """Run a part in a process of its own; return what it found and how long all of it took."""
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, __file__, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        # as an installation has them: modules that were compiled before
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found | {"process_s": time.perf_counter() - began}


def measure(series: int, hot: float, *, profile: bool) -> dict[str, float]:
    """Measure one size."""
    with tempfile.TemporaryDirectory() as folder:
        common = [str(series), "--hot", str(hot), "--folder", folder, *(["--profile"] if profile else [])]
        found = _run("--part", "live", *common)
        found |= _run("--part", "rollup", *common)
        plain = common[:-1] if profile else common
        _run("--part", "restart", *plain)  # the first start on a machine compiles
        again = _run("--part", "restart", *plain)
        again |= {"restart_s": again.pop("process_s")}
        if profile:
            _run("--part", "restart", *common)
            for name in ("profile", "profile-restart"):
                print(f"\n{name} at {series:,} series\n{(Path(folder) / name).read_text(encoding='utf-8')}")
        return found | again


COLUMNS: Final = (
    ("series", "series", ",.0f"), ("judged", "of them judged", ",.0f"),
    ("rollup_us", "decode and rollup, µs an event", ".2f"), ("detect_us", "detect, µs an event", ".2f"),
    ("step_s", "detect, s a minute of event time", ".3f"), ("slowest_s", "its slowest minute, s", ".3f"),
    ("blocks_mb", "blocks of a minute, MB", ",.2f"),
    ("rss", "RSS, MiB", ",.0f"), ("peak", "peak of a step and its checkpoint, MiB", ",.0f"),
    ("snapshot_mb", "state, MB", ",.1f"), ("changed_again_mb", "changed in a minute, MB", ",.1f"),
    ("snapshot_first_s", "first snapshot, s", ".3f"), ("snapshot_again_s", "snapshot after a step, s", ".3f"),
    ("snapshot_same_s", "snapshot between steps, s", ".3f"),
    ("checkpoint_again_s", "checkpoint to SQLite, s", ".3f"),
    ("load_s", "restart: load, s", ".2f"), ("restore_s", "restart: restore, s", ".2f"),
    ("first_s", "restart: first step, s", ".2f"), ("restart_s", "restart, whole process, s", ".2f"),
)  # fmt: skip


def main() -> int:
    """Measure all sizes and print a table, or one part of one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--part", choices=("live", "rollup", "restart", "judge"))
    parser.add_argument("--hot", type=float, default=0.0)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    if given.part:
        found = {
            "live": lambda: live(given.sizes[0], given.folder, given.hot, profile=given.profile),
            "rollup": lambda: roll_up(given.sizes[0], given.hot),
            "restart": lambda: restart(given.folder, profile=given.profile),
            "judge": lambda: judge_alone(given.sizes[0]),
        }[given.part]()
        print(json.dumps({name: float(value) for name, value in found.items()}))
        return 0
    sizes = given.sizes or list(SIZES)
    table = {f"{size:,}": measure(size, 0.0, profile=given.profile and size == sizes[-1]) for size in sizes}
    middle = sizes[len(sizes) // 2]
    table[f"{middle:,}, one path half of all"] = measure(middle, 0.5, profile=False)
    print("| | " + " | ".join(table) + " |\n|" + " --- |" * (len(table) + 1))
    for name, title, form in COLUMNS:
        print(f"| {title} | " + " | ".join(format(found[name], form) for found in table.values()) + " |")
    alone = _run("--part", "judge", str(sizes[-1]))
    print(
        f"\njudge alone, {sizes[-1]:,} judged series: {alone['step_s']:.3f} s a step, {alone['rss']:,.0f} MiB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
