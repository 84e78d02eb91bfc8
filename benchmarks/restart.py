"""How long a shard of a hundred thousand series takes to restart from Kafka: seconds, and MB of a checkpoint.

A shard of ``growth.py`` lives through its hours and leaves a checkpoint, which goes into the checkpoints
topic of a broker on this machine. Then a process that is started anew takes it over, as a worker of
``uneri kafka`` does, restores the judge and judges the next step.

    python benchmarks/restart.py                          # 100 k
    python benchmarks/restart.py 10000 --folder /tmp/ten  # leave the checkpoint there, or use it again
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))

from kafka.admin import NewTopic

from benchmarks.growth import SHARD, judge_next, rss
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.machine import HEAP
from tests.kafka import topic as topics
from tests.kafka.broker import Broker

ROOT: Final = Path(__file__).parent.parent
TOPIC: Final = "checkpoints"
TURNS: Final = 3
AT_ONCE: Final = 64_000_000  # bytes of a first checkpoint: a transaction ends after twenty seconds


async def leave(checkpoint: Checkpoint, broker: str) -> None:
    """Write a checkpoint as a worker does that has had it for long: a few parts at a time."""
    checkpoints = KafkaCheckpoints(FencedStore(TOPIC, 1, {"bootstrap_servers": broker}))
    await checkpoints.load(SHARD)
    parts: dict[str, bytes] = {}
    fresh = 0
    for name, body in checkpoint.parts.items():
        parts[name] = body
        fresh += len(body)
        if fresh >= AT_ONCE or len(parts) == len(checkpoint.parts):
            await checkpoints.save(SHARD, Checkpoint(checkpoint.offsets, dict(parts)))
            fresh = 0
    await checkpoints.close()


async def restart(broker: str, folder: Path) -> dict[str, float]:
    """Take the shard over and judge the next step."""
    began, spent = time.perf_counter(), time.process_time()
    checkpoints = KafkaCheckpoints(FencedStore(TOPIC, 1, {"bootstrap_servers": broker}))
    checkpoint = await checkpoints.load(SHARD)
    if checkpoint is None:
        raise RuntimeError("the broker has no checkpoint")
    loaded = time.perf_counter()
    size = sum(map(len, checkpoint.parts.values())) / 1e6
    restored, judged = judge_next(checkpoint, folder)
    HEAP.give_back(forced=True)
    await checkpoints.close()
    return {
        "mb": size,
        "load": loaded - began,
        "restore": restored - loaded,
        "first": judged - restored,
        "cpu": time.process_time() - spent,
        "rss": rss(),
        "peak": rss("VmHWM"),
    }


def _python(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
    ).stdout


def measure(series: int, folder: Path) -> list[dict[str, float]]:
    """Restart some times."""
    if not (folder / "state.db").exists():
        _python("benchmarks/growth.py", str(series), "--part", "live", "--folder", str(folder))
    with SqliteStore(folder / "state.db") as store:
        checkpoint = store.load(SHARD)
    if checkpoint is None:
        raise RuntimeError(f"{folder} has no checkpoint")
    with Broker(heap="1g") as broker:
        topics.create(broker.address, NewTopic(TOPIC, 1, 1, topic_configs={"cleanup.policy": "compact"}))
        asyncio.run(leave(checkpoint, broker.address))
        del checkpoint
        found = []
        for _ in range(TURNS):
            began = time.perf_counter()
            of = json.loads(
                _python(__file__, str(series), "--folder", str(folder), "--broker", broker.address)
            )
            found.append(of | {"whole": time.perf_counter() - began})
        return found


def main() -> int:
    """Print a line for each restart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("series", nargs="?", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--broker")
    given = parser.parse_args()
    if given.broker:
        print(json.dumps(asyncio.run(restart(given.broker, given.folder))))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for row in measure(given.series, folder):
            print(
                f"{given.series:,} series, {row['mb']:,.0f} MB: load {row['load']:.1f} s, restore "
                f"{row['restore']:.1f} s, first step {row['first']:.1f} s, process {row['whole']:.1f} s "
                f"({row['cpu']:.1f} s of CPU); RSS {row['rss']:,.0f} MiB, at most {row['peak']:,.0f}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
