"""How fast history is replayed: from a topic, a month from files, and thin weeks, which are backfilled, too.

    python -m benchmarks.replay [--only topic|month|thin …] [--events N] [--rounds N] [--days N] [--page FILE]

``topic`` is replayed in turns with a process that reads the same topic and does nothing, and with the live
path (role rollup: closed buckets in Kafka, checkpoints, commits). Figures are events a second of CPU of the
whole client process; ratios are taken within a round.

``month`` and ``thin`` are drawn into files, a file a day, and read by what `uneri replay` and `uneri
backfill` run, each in a process of its own: the same backend with three requests a second, and with fifty a
minute, where a minute costs more than its requests. A backfill goes into a new embedded state, with the
history for the board.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from benchmarks.harness.bench_broker import bench_broker
from benchmarks.harness.contestant_run import ours, run
from benchmarks.harness.meter import PARTITIONS
from benchmarks.harness.report import ROOT, arguments, markdown, named, parsed, report
from benchmarks.harness.usage import processor_time, rss
from benchmarks.inputs.requests import RequestTopic
from benchmarks.inputs.traffic import DAY, Backend
from config.settings import Settings
from detectors.state import zstd
from streams.drivers.compile_ahead import prepare_process
from streams.offline.backfill.lesson import Lesson, Watch
from streams.offline.backfill.local_backfill import into_local
from streams.offline.replay.replay_pass import ReplayPass
from streams.offline.sources.files import FileSource
from streams.process.files.state_folder import history_place
from streams.record.history.history_filling import HistoryFilling
from streams.record.history.history_keeper import HistoryBounds
from tests.kafka.topic import unique

CELLS: Final = 3  # 1,200 series
KINDS: Final = {
    "replay": "replay, including judging",
    "read": "reading only",
    "path": "live path, role rollup",
}


class Weeks(NamedTuple):
    """History in files."""

    days: float
    per_second: float
    readers: tuple[str, ...]


WEEKS: Final = {"month": Weeks(30, 3.0, ("replay",)), "thin": Weeks(21, 50 / 60, ("replay", "backfill"))}


def of_topic(least: int, rounds: int) -> str:
    """Return the table of the topic."""
    made, name = RequestTopic(least), unique("replay")
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with bench_broker() as broker:
        made.write(broker.address, name)
        warm = made.records * 2 // 5 // PARTITIONS  # names are known by then
        for _ in range(rounds):
            for kind, measured in rates.items():
                found = run([*ours(kind), broker.address, name, str(made.records), str(warm)])
                if kind != "path" and found["records"] != made.records:
                    raise SystemExit(f"{kind}: {found['records']:,} of {made.records:,} events")
                measured.append(found["records"] / (found["user"] + found["system"]))
    rows = [
        (KINDS[kind], f"{median(measured) / 1e3:,.0f}",
         f"{median(ours / other for ours, other in zip(rates['replay'], measured, strict=True)):.2f}x")
        for kind, measured in rates.items()
    ]  # fmt: skip
    shown = markdown(("contestant", "k events/s/core", "replay is"), rows)
    return f"{made.records:,} events, {PARTITIONS} partitions; median of rounds: {rounds}.\n\n{shown}"


def read(reader: str, folder: Path) -> dict[str, float]:
    """Read a folder in this process."""
    prepare_process()
    memory: list[float] = []
    source, wall, cpu = FileSource([folder]), time.perf_counter(), processor_time()
    with tempfile.TemporaryDirectory() as state:
        if reader == "replay":
            replay = ReplayPass(source, [Settings()])

            def progress(done: float, _: int, __: int) -> None:
                if not memory and done > 0.2:  # noqa: PLR2004 - all weeks look alike from there
                    memory.append(rss())

            records, series = replay.run(progress)[0].records, replay.series
        else:
            settings = Settings.model_validate({"local": {"state": state}})
            place, bounds = history_place(settings), HistoryBounds.of(settings.history)
            lesson = Lesson(settings, source, 0, filling=HistoryFilling(place, bounds, learnt="thin"))
            learnt = into_local(Path(state), lesson, Watch())
            records, series = learnt.records if learnt else 0, 0
    return {
        "records": records,
        "series": series,
        "wall": time.perf_counter() - wall,
        "cpu": processor_time() - cpu,
        "fifth": memory[0] if memory else 0,
        "end": rss(),
    }


def of_files(names: list[str], days: float | None, rounds: int) -> str:
    """Return the table of what is read from files."""
    rows = []
    for name in names:
        weeks = WEEKS[name]._replace(days=days or WEEKS[name].days)
        with tempfile.TemporaryDirectory() as folder:
            count = 0
            for day, lines in enumerate(Backend(CELLS).days(weeks.days, weeks.per_second)):
                (Path(folder) / f"{day:03}.ndjson.zst").write_bytes(zstd.compress(b"\n".join(lines), 3))
                count += len(lines)
            for reader in weeks.readers:
                command = [sys.executable, "-m", "benchmarks.replay", "--read", reader, folder]
                found = []
                for _ in range(rounds):
                    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
                    found.append(json.loads(done.stdout.splitlines()[-1]))
                least = min(found, key=lambda one: float(one["wall"]))
                if least["records"] != count:
                    raise SystemExit(f"{name}, {reader}: {least['records']:,} of {count:,} records")
                memory = (least["fifth"], least["end"]) if least["fifth"] else (least["end"],)
                rows.append(
                    {
                        "history": f"{name}, {reader}: {weeks.days:g} days",
                        "records": f"{count:,}",
                        "s by the clock": f"{least['wall']:,.1f}",
                        "of real time": f"{weeks.days * DAY / least['wall']:,.0f}x",
                        "k/s by the clock": f"{count / least['wall'] / 1e3:,.1f}",
                        "k/s/core": f"{count / least['cpu'] / 1e3:,.1f}",
                        "µs of a core a minute": f"{least['cpu'] / weeks.days / 1440 * 1e6:,.0f}",
                        "MiB after a fifth, at the end": ", ".join(f"{mib:.0f}" for mib in memory),
                    }
                )
    return f"{named(rows, words=(0,))}\n\nLeast of rounds: {rounds}."


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--only", nargs="+", choices=("topic", *WEEKS), default=["topic", *WEEKS])
    parser.add_argument("--events", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--days", type=float)
    parser.add_argument("--read", nargs=2, metavar=("READER", "FOLDER"))
    given = parsed(parser, "replay", "weeks")
    if given.read:
        print(json.dumps(read(given.read[0], Path(given.read[1]))))
        return 0
    rounds = given.rounds or (1 if given.smoke else 3)
    tables = {}
    if "topic" in given.only:
        tables["replay"] = of_topic(given.events or (100_000 if given.smoke else 1_000_000), rounds)
    if names := [name for name in WEEKS if name in given.only]:
        tables["weeks"] = of_files(names, given.days or (0.25 if given.smoke else None), rounds)
    report(tables, given.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
