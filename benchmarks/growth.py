"""Costs of a shard with 1, 10 and 100 thousand series that have lived through all their weeks.

    python -m benchmarks.growth [SERIES …] [--page FILE] [--smoke]

A backend of ``inputs/traffic.py`` is made as large as a size asks for, with 1,000 requests a second whatever
its size. A day of values of every series is drawn and taken as each day of the weeks before, so that
histories, habits and growth are as full as those of a shard of that age. Then eight hours are rolled up and
judged, an hour is timed and recorded for the history, and a checkpoint goes to the topic of a broker, from
where a process that is started anew takes the shard over. Each size runs in processes of its own. Times are
seconds of a core, but for the restart, which is by the clock on the wall.
"""

import asyncio
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from kafka.admin import NewTopic

from benchmarks.harness.bench_broker import bench_broker
from benchmarks.harness.report import ROOT, arguments, markdown, parsed, report
from benchmarks.harness.usage import forget_peak, rss
from benchmarks.inputs.traffic import DAY, SERIES, START, Backend, day_shape
from config.settings import Settings
from detectors.judge.judge import Judge
from detectors.model.array_types import Bools, Float32s, Floats
from detectors.model.measures import COLUMN, SUMMED, Measure
from streams.drivers.compile_ahead import prepare_process
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.engine.decode.decoder import Decoder
from streams.engine.detect.detect import Detect
from streams.engine.detect.gather import JudgedStep
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block, encode_block
from streams.engine.rollup.rollup import Rollup
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.machine import HEAP
from streams.record.history.history_files import MINUTES, HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.segments import Segments
from tests.kafka.topic import create, unique

SOURCE: Final = "requests/0"
SHARD: Final = "detect/0"
STEP: Final = 60
RUN: Final = 10_000  # records decoded at once
SCOUTED: Final = 40  # steps that the days before are drawn from
SETTINGS: Final = Settings.model_validate({"rollup": {"max_series": 1_000_000}})
AT_ONCE: Final = 64_000_000  # bytes of a first checkpoint: a transaction ends after twenty seconds
PLENTY: Final = HistoryBounds(10_000, 10_000, 1 << 50)

clock: Final = time.process_time  # seconds of a core: what else the machine does is not counted


class Length(NamedTuple):
    """What is done at each size."""

    sizes: tuple[int, ...]
    rate: float  # requests a second of the whole backend, whatever its size
    warm: int  # steps until full hours are over, and any window; a step closes with the next one
    timed: int


LONG: Final = Length((1_000, 10_000, 100_000), 1000.0, 8 * 60 + 1, 60)
SMOKE: Final = Length((SERIES,), 50.0, 60 + 1, 5)


class Traffic:
    """What a backend sends from ``START`` on, as blocks with numbers from ``first`` on."""

    def __init__(self, backend: Backend, rate: float, first: int) -> None:
        self._backend, self._rate = backend, rate
        self._rng = np.random.default_rng(first)
        self._decoder = Decoder(SETTINGS)
        self._rollup = Rollup(SOURCE, 1, SETTINGS.time, self._decoder)
        self._next, self._step = first, 0
        self.events, self.spent = 0, 0.0  # seconds of a core for decoding and rolling up

    def step(self) -> list[bytes]:
        """Return the blocks that a minute of requests closes, encoded."""
        at = START + self._step * STEP
        count = int(self._rng.poisson(self._rate * STEP * day_shape(at)))
        lines = self._backend.lines(at, STEP, count, self._rng, self.events)
        began, made = clock(), list[bytes]()
        for first in range(0, count, RUN):
            for block in self._rollup.feed(self._decoder.decode(lines[first : first + RUN])[0]):
                made.append(encode_block(dataclasses.replace(block, sequence=self._next)))
                self._next += 1
        self.spent += clock() - began
        self.events += count
        self._step += 1
        return made


def everything(backend: Backend, at: int) -> Block:
    """Return a block in which every name comes once, and every call costs something."""
    sums = np.zeros((len(backend.paths) + len(backend.calls), len(SUMMED)))
    sums[:, COLUMN[Measure.REQUESTS]] = 1.0
    sums[len(backend.paths) :, COLUMN[Measure.RCU]] = 0.5
    many = len(backend.paths)
    return Block(SOURCE, 0, 1, 0, at, 10, at + 10, many, paths=backend.paths, calls=backend.calls, sums=sums)


def scout(backend: Backend, rate: float) -> tuple[Floats, Floats]:
    """Return the values of judged series and edges in some steps, (steps, n) each."""
    seen, of_edges = list[Floats](), list[Floats]()
    detect: Any = Detect(0, [SOURCE], SETTINGS)
    judge, append = detect._judge.judge, detect._edges.append

    def watch(start: int, values: Floats, *more: Any, **named: Any) -> Any:
        seen.append(values.copy())
        return judge(start, values, *more, **named)

    def listen(start: int, values: Floats, spoilt: Bools) -> None:
        of_edges.append(values.copy())
        append(start, values, spoilt)

    detect._judge.judge, detect._edges.append = watch, listen
    detect.feed([everything(backend, START - 10)])
    traffic = Traffic(backend, rate, 1)
    for _ in range(SCOUTED):  # many at once would be judged at once
        detect.feed(map(decode_block, traffic.step()))
    full = [np.array([row for row in rows if len(row) == len(rows[-1])][2:]) for rows in (seen, of_edges)]
    return full[0], full[1]


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
    memory.habits.unfold()
    active = levels > 0
    for name, sign in (("above", 1), ("below", -1), ("rose", 1), ("fell", -1)):
        array = getattr(memory.arrays(), name)
        for index in np.ndindex(array.shape[:-1]):
            array[index][active] = sign * rng.exponential(0.3, int(active.sum()))


def aged(backend: Backend, rate: float) -> Detect:
    """Return a shard that has lived through its weeks, at ``START``, and records its steps."""
    weeks = SETTINGS.judge.weeks
    seen, of_edges = scout(backend, rate)
    detect = Detect(0, [SOURCE], SETTINGS, records=True)
    begin = START - (7 * weeks + 1) * DAY
    detect.feed([everything(backend, begin - STEP), Block(SOURCE, 0, 1, 1, begin, 10, begin)])
    inside: Any = detect
    inside._measuring.steps._closed = START
    age(inside._judge, seen, weeks)
    per = inside._edges._per_cell
    day = drawn(of_edges * per, DAY // STEP // per, np.random.default_rng(3))
    for ago in range(7 * weeks + 1, 0, -1):
        first = (START - ago * DAY) // (STEP * per)
        inside._edges._cells.extend(first, np.roll(day, ago, axis=0), np.zeros(day.shape, bool))
    inside._edges._at = START // STEP - 1
    inside._measuring._pulse = rate * 60
    return detect


def live(backend: Backend, length: Length, folder: Path, broker: str, topic: str) -> dict[str, float]:
    """Let a shard live for hours; measure the last, its history, and a checkpoint, which it leaves."""
    detect, traffic = aged(backend, length.rate), Traffic(backend, length.rate, 2)
    inside: Any = detect
    each, records, sent = list[float](), list[bytes](), 0
    for step in range(length.warm + length.timed):
        bodies = traffic.step()
        began = clock()
        HEAP.give_back(forced=True)  # as a daemon does once a minute, with a checkpoint
        detect.feed(map(decode_block, bodies))
        taken, spent = detect.take_records(), clock() - began
        if step == length.warm // 2:
            forget_peak()
        if step >= length.warm:
            each.append(spent)
            records += taken
            sent += sum(map(len, bodies))
    found = {
        "series": detect.series,
        "judged": len(inside._judge.series),
        "rollup_us": traffic.spent / traffic.events * 1e6,
        "step_s": sum(each) / length.timed,
        "blocks_mb": sent / length.timed / 1e6,
        "rss": rss(),
    }
    before, bodies = detect.snapshot(), traffic.step()
    forget_peak()  # nobody else writes all of a state at once: it grew with its checkpoints
    detect.feed(map(decode_block, bodies))
    parts = detect.snapshot()
    found |= {
        "peak": rss("VmHWM"), "state_mb": sum(map(len, parts.values())) / 1e6,
        "changed_mb": sum(len(body) for name, body in parts.items() if before.get(name) != body) / 1e6,
    }  # fmt: skip
    (folder / "blocks").write_text(json.dumps([body.hex() for body in [*traffic.step(), *traffic.step()]]))
    found |= history(records, folder, detect.series)
    asyncio.run(leave(parts, broker, topic))
    return found


def history(records: list[bytes], folder: Path, series: int) -> dict[str, float]:
    """Write and merge the records of steps; return seconds a step, and kB a series of five weeks."""
    place = HistoryFolder(str(folder / "history"))
    keeper, segments = HistoryKeeper(place, PLENTY), Segments(1)
    began = clock()
    segments.feed(records)
    for segment in segments.rest():
        keeper.write(segment)
    keeper.tidy(START + 8 * DAY)
    steps = len(records)
    size = sum(file.size for file in place.files() if file.resolution == MINUTES)
    return {"history_s": (clock() - began) / steps, "minutes_kb": size / steps * 35 * 1440 / series / 1e3}


async def leave(all_parts: dict[str, bytes], broker: str, topic: str) -> None:
    """Write a checkpoint as a worker does that has had it for long: a few parts at a time."""
    checkpoints = KafkaCheckpoints(FencedStore(topic, 1, {"bootstrap_servers": broker}))
    await checkpoints.load(SHARD)
    parts: dict[str, bytes] = {}
    fresh = 0
    for name, body in all_parts.items():
        parts[name] = body
        fresh += len(body)
        if fresh >= AT_ONCE or len(parts) == len(all_parts):
            await checkpoints.save(SHARD, Checkpoint({SOURCE: 0}, dict(parts)))
            fresh = 0
    await checkpoints.close()


async def restart(folder: Path, broker: str, topic: str) -> dict[str, float]:
    """Take the shard over and judge the next step, by the clock on the wall."""
    began = time.perf_counter()
    checkpoints = KafkaCheckpoints(FencedStore(topic, 1, {"bootstrap_servers": broker}))
    checkpoint = await checkpoints.load(SHARD)
    loaded = time.perf_counter()
    detect, judged = Detect(0, [SOURCE], SETTINGS, records=True), list[JudgedStep]()
    detect.restore(checkpoint.parts if checkpoint else {})
    restored = time.perf_counter()
    for body in json.loads((folder / "blocks").read_text()):
        judged += detect.feed([decode_block(bytes.fromhex(body))])
    if not judged:
        raise SystemExit("nothing was judged after the restart")
    done = time.perf_counter()
    await checkpoints.close()
    return {
        "load_s": loaded - began, "restore_s": restored - loaded, "first_s": done - restored,
        "restart_cpu": clock(),
    }  # fmt: skip


ROWS: Final = (
    ("series", "series", ",.0f"), ("judged", "of them judged", ",.0f"),
    ("rollup_us", "decode and rollup, µs an event", ".2f"),
    ("step_s", "detect, s a step of a minute", ".3f"),
    ("blocks_mb", "blocks of a minute, MB", ",.2f"),
    ("rss", "RSS, MiB", ",.0f"), ("peak", "peak of a step and its snapshot, MiB", ",.0f"),
    ("state_mb", "checkpoint, MB", ",.1f"), ("changed_mb", "changed in a minute, MB", ",.1f"),
    ("history_s", "history: written and merged, s a step", ".4f"),
    ("minutes_kb", "five weeks of minutes, kB a series", ",.0f"),
    ("load_s", "restart from Kafka: load, s", ".2f"), ("restore_s", "restore, s", ".2f"),
    ("first_s", "first step, s", ".2f"), ("whole_s", "whole process, s", ".1f"),
    ("restart_cpu", "its CPU, s", ".1f"),
)  # fmt: skip


def _run(part: str, *words: object, smoke: bool) -> dict[str, float]:
    """Run a part in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.growth",
        *["--smoke"] * smoke,
        "--part",
        part,
        *map(str, words),
    ]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(series: int, hot: float, broker: str, *, smoke: bool) -> dict[str, float]:
    """Measure one size."""
    topic = unique("checkpoints")
    create(broker, NewTopic(topic, 1, 1, topic_configs={"cleanup.policy": "compact"}))
    with tempfile.TemporaryDirectory() as folder:
        found = _run("live", folder, broker, topic, series, hot, smoke=smoke)
        began = time.perf_counter()
        found |= _run("restart", folder, broker, topic, smoke=smoke)
        return found | {"whole_s": time.perf_counter() - began}


def of_part(length: Length, part: str, place: str, *words: str) -> dict[str, float]:
    """Do a part in this process; a shard has so many series, and one path so much of all requests."""
    prepare_process()
    broker, topic, *more = words
    if part == "restart":
        return asyncio.run(restart(Path(place), broker, topic))
    backend, hot = Backend(max(1, round(int(more[0]) / SERIES))), float(more[1])
    backend.share *= 1 - hot
    backend.share[0] += hot
    return live(backend, length, Path(place), broker, topic)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--part", nargs="+")
    given = parsed(parser, "growth")
    length = SMOKE if given.smoke else LONG
    if given.part:
        print(json.dumps(of_part(length, *given.part)))
        return 0
    sizes = given.sizes or list(length.sizes)
    with bench_broker() as broker:
        measured = {f"{size:,}": measure(size, 0.0, broker.address, smoke=given.smoke) for size in sizes}
        if not given.smoke:
            middle = sizes[len(sizes) // 2]
            measured[f"{middle:,}, one path half of all"] = measure(middle, 0.5, broker.address, smoke=False)
    rows = [
        (title, *(format(found[name], form) for found in measured.values())) for name, title, form in ROWS
    ]
    report({"growth": markdown(("", *measured), rows)}, given.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
