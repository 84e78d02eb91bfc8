"""How fast history is replayed: against reading its topic with nothing done, the live path, and a month.

    python -m benchmarks.replay [--events N] [--rounds N] [--days N] [--only topic|month]

The first part replays a topic of a real broker, in turns with a process that reads the same topic and does
nothing, and with the live path (role rollup of the daemon: closed buckets in Kafka, checkpoints, commits).
Figures are events a second of CPU of the whole client process; ratios are taken within a round.

The second writes a month of events of a service with a thousand series to files, replays them, and prints how
long that takes, how many times faster than the time it is of, and how much memory it holds along the way.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.contest import filled
from benchmarks.growth import PER_CELL, Backend, rss
from benchmarks.processor_time import processor_time
from benchmarks.request_events import PARTITIONS, events
from config.settings import Settings
from detectors.state import zstd
from streams.drivers.compile_ahead import prepare_process
from streams.offline.replay.replay_pass import ReplayPass
from streams.offline.sources.files import FileSource
from tests.kafka.broker import Broker

ROOT: Final = Path(__file__).parent.parent
CONTESTANTS: Final = {
    "reading alone": "topic_read",
    "replay": "topic_replay",
    "live path": "uneri_path",
}
SERIES: Final = 1_000
DAY: Final = 86400
START: Final = 1_756_684_800
PER_SECOND: Final = 3.0  # requests of the whole backend: every series has something each minute or two


def topic(count: int, rounds: int) -> int:
    """Measure the first part; 1 when a record was missed."""
    took: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    missed = 0
    with Broker(options=()) as broker:
        name, _ = filled(broker, "requests", events(count))
        for _ in range(rounds):
            for title, module in CONTESTANTS.items():
                command = [
                    sys.executable,
                    "-m",
                    f"benchmarks.contestants.{module}",
                    broker.address,
                    name,
                    str(count),
                    str(count * 2 // 5 // PARTITIONS),  # names are known by then
                ]
                done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own
                result = json.loads(done.stdout)
                took[title].append(result["records"] / (result["user"] + result["system"]))
                missed += title != "live path" and result["records"] != count
    replayed = took["replay"]
    print(f"{count:,} events of 8 partitions, {rounds} rounds; thousand events a second and core:")
    for title, rates in took.items():
        ratio = statistics.median(
            replay_rate / other for replay_rate, other in zip(replayed, rates, strict=True)
        )
        print(f"  {title:<14} {statistics.median(rates) / 1000:8.0f}   replay is {ratio:.2f} times that")
    return int(missed > 0)


def written(folder: Path, days: int) -> int:
    """Write the events of so many days, a file a day; return how many there are."""
    backend = Backend(round(SERIES / PER_CELL))
    rng = np.random.default_rng(5)
    weight = backend.rate / backend.rate.sum()
    pieces = []
    for number, path in enumerate(backend.paths):
        tables = ",".join(
            f'{{"name":"{call.table}","op":"GetItem","rcu":0.5}}'
            for call in backend.calls
            if call.path == number
        )
        pieces.append(
            f'"cloud":"aws","account":"{path.account}","region":"{path.region}","service":"{path.service}",'
            f'"route":"{path.route}","function":"{path.function}","client":{{"name":"{path.client}",'
            f'"version":"{path.version}"}},"tables":[{tables}],'
        )
    count = 0
    for day in range(days):
        lines = []
        for hour in range(24):
            at = START + day * DAY + hour * 3600
            many = rng.poisson(PER_SECOND * 3600 * backend.day(at))
            stamps = np.sort(rng.random(many)) * 3600 + at
            which = rng.choice(len(pieces), many, p=weight)
            total = rng.lognormal(3, 0.4, many)
            failed = rng.random(many) < backend.fails[which]
            lines += [
                f'{{"ts":{ts:.3f},{pieces[kind]}"status":{500 if bad else 200},"ms":{{"total":{ms:.1f}}}}}'
                for ts, kind, ms, bad in zip(stamps, which, total, failed, strict=True)
            ]
        (folder / f"{day:03}.ndjson.zst").write_bytes(zstd.compress("\n".join(lines).encode(), 3))
        count += len(lines)
    return count


def month(days: int) -> int:
    """Measure the second part; 1 when not every record was replayed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = written(folder, days)
        prepare_process()
        memory: list[tuple[float, float]] = []

        def progress(done: float, _: int, __: int) -> None:
            if not memory or done >= memory[-1][0] + 0.1:
                memory.append((done, rss()))

        reading = ReplayPass(FileSource([folder]), [Settings()])
        wall, cpu = time.perf_counter(), processor_time()
        (found,) = reading.run(progress)
        wall, cpu = time.perf_counter() - wall, processor_time() - cpu
    span = found.last - found.first
    print(
        f"{days} days of {reading.series:,} series at {Settings().time.step} s, {count:,} events: "
        f"{wall:.0f} s by the clock, {cpu:.0f} s of a core: {span / wall:,.0f} times real time, "
        f"{count / cpu / 1000:,.0f} thousand events a second and core; {found.pages} pages"
    )
    print("  memory, MiB: " + ", ".join(f"{mib:.0f} at {done:.0%}" for done, mib in memory))
    return int(found.records != count)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--only", choices=("topic", "month"))
    asked = parser.parse_args()
    worst = 0
    if asked.only != "month":
        worst = topic(asked.events, asked.rounds)
    if asked.only != "topic":
        worst = max(worst, month(asked.days))
    return worst


if __name__ == "__main__":
    sys.exit(main())
