"""How fast a daemon catches up with thin history in Kafka: all roles in one process, by the wall clock.

    python -m benchmarks.catch_up [--days N] [--partitions N] [--shards N] [--folder F] [--hold SECONDS]

The weeks of ``benchmarks.thin`` are on a topic when the daemon starts, spread over its partitions as a
producer without keys spreads them. The clock runs from the first judged step to the last but a few, so what
a start costs is shown apart. Figures are records a second by the clock, and the CPU of the daemon per minute
of event time; the broker uses the other core.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from kafka.admin import NewTopic

from benchmarks.thin import DAYS, START, written
from detectors.state import zstd
from tests.alerting.slack_standin import SlackStandin, in_a_thread
from tests.free_port import free_port
from tests.kafka import topic as topics
from tests.kafka.broker import Broker, BrokerUnavailableError
from tests.main_job.job import daemon, judged_until, uneri, wait_until, write_config

LEFT: Final = 900  # seconds of event time at the end that only a wait by the clock closes
PARTITIONS: Final = 4
SHARDS: Final = 2


class _Stamp(msgspec.Struct):
    ts: float


def spread(folder: Path, partitions: int) -> list[list[bytes]]:
    """Return the records of a folder by partition, in turn."""
    parts: list[list[bytes]] = [[] for _ in range(partitions)]
    for path in sorted(folder.glob("*.ndjson.zst")):
        lines = zstd.decompress(path.read_bytes()).splitlines()
        for at, line in enumerate(lines):
            parts[at % partitions].append(line)
    return parts


def used(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    ticks = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(ticks[11]) + int(ticks[12])) / 100


def measured(asked: argparse.Namespace, broker: str, parts: Sequence[Sequence[bytes]], folder: Path) -> bool:
    """Run the daemon, and print what it took; return whether it judged to the end."""
    requests, port = topics.unique("requests"), free_port()
    topics.create(broker, NewTopic(requests, len(parts), 1, topic_configs={"retention.ms": "-1"}))
    topics.fill(broker, requests, parts)
    records = sum(map(len, parts))
    end = max(msgspec.json.decode(part[-1], type=_Stamp).ts for part in parts)
    with in_a_thread(SlackStandin(now=time.time)) as standin:
        config = write_config(
            folder / "uneri.yaml",
            standin,
            kafka={
                "brokers": [broker],
                "app": topics.unique("thin"),
                "requests": requests,
                "shards": asked.shards,
            },
            web={"listen": f"127.0.0.1:{port}"},
            limits={},
        )
        if (made := uneri("setup", "--config", config)).returncode:
            raise SystemExit(made.stderr)
        began = time.perf_counter()
        with daemon(config) as process:
            wait_until(lambda: judged_until(port) > START, "the first step")
            started, cpu, first = time.perf_counter(), used(process.pid), judged_until(port)
            if asked.hold:
                print(f"pid {process.pid}", file=sys.stderr, flush=True)
            wait_until(lambda: judged_until(port) >= end - LEFT, "catching up")
            wall, cpu, last = time.perf_counter() - started, used(process.pid) - cpu, judged_until(port)
            time.sleep(asked.hold)
    share = (last - first) / (end - START)
    minutes, thousands = (last - first) / 60, records * share / 1000
    print(
        f"{records:,} records, {len(parts)} partitions, {asked.shards} shards; "
        f"{started - began:.1f} s to the first step, then {thousands / wall:.1f} k/s by the clock, "
        f"{thousands / cpu:.1f} k/s of CPU; a minute of event time costs {wall / minutes * 1e6:.0f} us "
        f"by the clock, {cpu / minutes * 1e6:.0f} us of CPU",
        flush=True,
    )
    return last >= end - LEFT


def main() -> int:
    """Measure and print; 1 when the end was not reached, 2 without a broker."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--partitions", type=int, default=PARTITIONS)
    parser.add_argument("--shards", type=int, default=SHARDS)
    parser.add_argument("--folder", type=Path, help="where the records are, or are written to")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds to go on afterwards; prints the pid")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch) / "records"
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            written(folder, asked.days)
        parts = spread(folder, asked.partitions)
        try:
            with Broker(options=()) as broker:
                return int(not measured(asked, broker.address, parts, Path(scratch)))
        except BrokerUnavailableError as error:
            print(error, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
