"""How fast thin history is read: three weeks of two services at less than a request a second.

    python -m benchmarks.thin [--days N] [--only replay|backfill] [--rounds N] [--folder F] [--profile]

Where a minute brings fifty requests, the minute costs more than they do. The weeks are drawn once into a
folder, a file a day, and read by what ``uneri replay`` and ``uneri backfill`` run, each in a process of its
own; the backfill goes into a new embedded state, with the history for the board. Figures are records a second
of CPU and by the clock, and CPU per minute of event time.
"""

import argparse
import cProfile
import json
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.processor_time import processor_time
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

DAYS: Final = 21
DAY: Final = 86400
START: Final = 1_767_571_200  # a Monday, 00:00 UTC
A_DAY: Final = 80_000.0  # requests of a weekday
OF_DAY: Final = (1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.6)  # weekends are quieter
SERVICES: Final = ("checkout", "catalog")
FUNCTIONS: Final = 6  # of a service, with a route each
TABLES: Final = 4  # of a service
CLIENTS: Final = (("ios", "3.4.0"), ("ios", "3.5.0"), ("android", "3.5.1"))
FAILING: Final = 0.01
PARTS: Final = ("replay", "backfill")


def heads() -> tuple[list[str], list[str], list[float]]:
    """Return the beginning, the end and the weight of each kind of request."""
    first, last, weight = [], [], []
    for service in SERVICES:
        for number in range(FUNCTIONS):
            for name, version in CLIENTS:
                first.append(
                    f'"cloud":"aws","account":"123456789012","region":"eu-west-1","service":"{service}",'
                    f'"route":"GET /{service}/{number}","function":"{service}-{number}",'
                    f'"client":{{"name":"{name}","version":"{version}"}},'
                )
                calls = ",".join(
                    f'{{"name":"{service}-{(number + call) % TABLES}","op":"GetItem","ms":4.2,"rcu":0.5}}'
                    for call in range(1 + number % 2)
                )
                last.append(f',"tables":[{calls}]}}')
                weight.append(1 / (1 + number))
    return first, last, weight


def written(folder: Path, days: int) -> int:
    """Write the records of so many days, a file a day; return how many there are."""
    rng = np.random.default_rng(5)
    first, last, weight = heads()
    shares = np.array(weight) / sum(weight)
    count = 0
    for day in range(days):
        hours = np.arange(24)
        load = (1 + 0.8 * np.sin((hours - 9) * np.pi / 12)) / 24 * A_DAY * OF_DAY[day % 7]
        lines = []
        for hour, mean in zip(hours.tolist(), load.tolist(), strict=True):
            many = rng.poisson(mean)
            stamps = START + day * DAY + hour * 3600 + np.sort(rng.random(many)) * 3600
            kinds = rng.choice(len(first), many, p=shares)
            total = rng.lognormal(3, 0.5, many)
            failed = rng.random(many) < FAILING
            lines += [
                f'{{"ts":{ts:.3f},"id":"{count + at:016x}",{first[kind]}"status":{500 if bad else 200},'
                f'"ms":{{"total":{ms + 5:.1f},"function":{ms:.1f},"code":{0.8 * ms:.1f}}}{last[kind]}\n'
                for at, (ts, kind, ms, bad) in enumerate(zip(stamps, kinds, total, failed, strict=True))
            ]
            count += many
        (folder / f"{day:03}.ndjson.zst").write_bytes(zstd.compress("".join(lines).encode(), 3))
    return count


def replayed(folder: Path, _: Path) -> int:
    """Replay, and return the number of records."""
    (found,) = ReplayPass(FileSource([folder]), [Settings()]).run()
    print(f"{found.last - found.first:,} s, {found.pages} pages", file=sys.stderr)
    return found.records


def learnt(folder: Path, state: Path) -> int:
    """Learn into a new state, and return the number of records."""
    settings = Settings.model_validate({"local": {"state": str(state)}})
    filling = HistoryFilling(history_place(settings), HistoryBounds.of(settings.history), learnt="thin")
    lesson = Lesson(settings, FileSource([folder]), 0, filling=filling)
    found = into_local(state, lesson, Watch())
    return 0 if found is None else found.records


READERS: Final = {"replay": replayed, "backfill": learnt}


def part(name: str, folder: Path, *, profile: bool) -> dict[str, float]:
    """Measure one part in this process."""
    prepare_process()
    profiler = cProfile.Profile() if profile else None
    with tempfile.TemporaryDirectory() as state:
        wall, cpu = time.perf_counter(), processor_time()
        if profiler:
            profiler.enable()
        records = READERS[name](folder, Path(state) / "state")
        if profiler:
            profiler.disable()
        wall, cpu = time.perf_counter() - wall, processor_time() - cpu
    if profiler:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(70)
    return {"records": records, "wall": wall, "cpu": cpu}


def main() -> int:
    """Measure and print a line for each round, or one part; 1 when a record was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--folder", type=Path, help="where the records are, or are written to")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(part(asked.part, asked.folder, profile=asked.profile)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        drawn = None if any(folder.iterdir()) else written(folder, asked.days)
        missed = False
        for name in (asked.only,) if asked.only else PARTS:
            for _ in range(asked.rounds):
                more = ["--profile"] if asked.profile else []
                command = [sys.executable, "-m", "benchmarks.thin", "--part", name, "--folder", str(folder)]
                done = subprocess.run([*command, *more], stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own
                result = json.loads(done.stdout.splitlines()[-1])
                missed |= drawn not in (None, result["records"])
                minutes = len(list(folder.iterdir())) * DAY / 60
                thousands = result["records"] / 1000
                print(
                    f"{name:<9} {result['records']:,} records: {thousands / result['cpu']:6.1f} k/s of CPU, "
                    f"{thousands / result['wall']:6.1f} k/s by the clock, "
                    f"{result['cpu'] / minutes * 1e6:5.0f} us of CPU a minute of event time",
                    flush=True,
                )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
