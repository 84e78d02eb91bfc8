"""OpenTelemetry spans per second and core, the whole path: from a topic of messages to blocks in Kafka.

    python -m benchmarks.span_path [--spans N] [--rounds N] [--page FILE]

Each message has 256 spans, of which 64 are requests and the others their table calls. One process of the role
rollup reads them as the daemon does: poll, protobuf to records, decode, join, all scopes and edges, closed
buckets to Kafka, checkpoints, commits. The clock starts when a first part of every partition has been read.
Every closed bucket is compared with the requests that were sent. One run more says who owns the CPU time.

Exit code 0: all was exact; 1: it was not; 2: there is no broker.
"""

import argparse
import shutil
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.contest_table import owners, placed
from benchmarks.formats import SPANS
from benchmarks.meter import PARTITIONS
from benchmarks.program import SCRATCH, FailedError, Program
from benchmarks.roster import check_closed
from benchmarks.span_topic import SpanTopic
from tests.kafka.broker import Broker, BrokerUnavailableError

LEAST: Final = 16_000_000
ROUNDS: Final = 3
WARM: Final = 100  # messages of each partition: 200,000 spans of all
MARK: Final = "spans"


def run(broker: str, topic: SpanTopic, *words: str) -> dict[str, Any]:
    """Run once, and check its result."""
    module = [sys.executable, "-m", "benchmarks.contestants.uneri_spans"]
    result = Program([*module, broker, "spans", str(topic.messages), str(WARM), *words], kept=False).run()
    result["verdict"] = check_closed(result, topic.answer)
    result["rate"] = result["records"] * SPANS / (result["user"] + result["system"])
    print(
        f"{result['rate'] / 1e3:,.1f} k spans/s/core, exact: {result['verdict']}", file=sys.stderr, flush=True
    )
    return result


def table(found: list[dict[str, Any]], profile: dict[str, Any], topic: SpanTopic) -> str:
    """Return the measurements, for the page."""
    middle = {name: median(run[name] for run in found) for name in ("rate", "user", "system", "wall")}
    worst = next((run["verdict"] for run in found if not run["verdict"].exact), found[0]["verdict"])
    written = min(run["checkpoints"] for run in found) // PARTITIONS
    head = (
        f"{found[0]['records'] * SPANS:,} spans of {topic.size:.0f} bytes, {SPANS} a message, {PARTITIONS} "
        f"partitions: **{middle['rate'] / 1e3:,.0f} k spans/s/core**, {middle['user']:.1f} s user, "
        f"{middle['system']:.1f} s system, {middle['wall']:.1f} s wall; {written} checkpoints of each "
        f"partition; exact: {worst}; median of {len(found)} rounds."
    )
    share = profile["system"] / (profile["user"] + profile["system"])
    return f"{head}\n\n{owners(profile['owners'], profile['absent'], profile['rate'], share, 'a span')}"


def main() -> int:
    parser = argparse.ArgumentParser(description="spans from messages in Kafka to blocks in Kafka")
    parser.add_argument("--spans", type=int, default=LEAST)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--page", type=Path, help="a page between whose marks the table is written")
    given = parser.parse_args()
    if given.page:  # that it has no place for the table is known now, not in minutes
        placed(given.page.read_text(encoding="utf-8"), MARK, "")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    try:
        with Broker(heap="1g", options=()) as broker:
            topic = SpanTopic(given.spans)
            topic.write(broker.address, "spans")
            found = [run(broker.address, topic) for _ in range(given.rounds)]
            profile = run(broker.address, topic, "profile")
    except (BrokerUnavailableError, FailedError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    said = table(found, profile, topic)
    print(said)
    if given.page:
        given.page.write_text(placed(given.page.read_text(encoding="utf-8"), MARK, said), encoding="utf-8")
    return int(not all(measured["verdict"].exact for measured in [*found, profile]))


if __name__ == "__main__":
    sys.exit(main())
