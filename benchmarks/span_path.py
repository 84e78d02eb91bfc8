"""OpenTelemetry spans per second and core, the whole path: from a topic of messages to blocks in Kafka.

    python -m benchmarks.span_path [--spans N] [--rounds N] [--page FILE] [--smoke]

Each message has 256 spans, of which 64 are requests and the others their table calls. One process of the role
rollup reads them as the daemon does: poll, protobuf to records, decode, join, all scopes and edges, closed
buckets to Kafka, checkpoints, commits. The clock starts when a first part of every partition has been read.
Every closed bucket is compared with the requests that were sent. One run more says who owns the CPU time.
"""

import sys
from collections.abc import Sequence
from statistics import median
from typing import Final

from benchmarks.contest import Reported, check_path, owners, rate
from benchmarks.harness.bench_broker import bench_broker
from benchmarks.harness.contestant_run import ours, run
from benchmarks.harness.meter import PARTITIONS
from benchmarks.harness.report import arguments, parsed, report
from benchmarks.inputs.spans import SPANS, SpanTopic
from tests.kafka.topic import unique

LEAST: Final = 16_000_000
SMOKE: Final = 900_000  # half a minute of event time, and more
ROUNDS: Final = 3
WARM: Final = 100  # messages of each partition: 200,000 spans of all


def table(found: Sequence[Reported], profile: Reported, topic: SpanTopic) -> str:
    """Return the measurements, and the profile below them."""
    middle = {name: median(one[name] for one in found) for name in ("user", "system", "wall")}
    verdicts = [check_path(one, topic.answer) for one in (*found, profile)]
    written = min(one["checkpoints"] for one in found) // PARTITIONS
    return (
        f"{found[0]['records'] * SPANS:,} spans of {topic.size:.0f} bytes, {SPANS} a message, {PARTITIONS} "
        f"partitions: **{median(map(rate, found)) * SPANS / 1e3:,.0f} k spans/s/core**, "
        f"{middle['user']:.1f} s user, {middle['system']:.1f} s system, {middle['wall']:.1f} s wall; "
        f"{written} checkpoints of each partition; exact: {max(verdicts, key=sum)}; median of rounds: "
        f"{len(found)}.\n\n"
        f"{owners(profile, 'a span', SPANS)}"
    )


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--spans", type=int)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parsed(parser, "spans")
    topic, name = SpanTopic(given.spans or (SMOKE if given.smoke else LEAST)), unique("spans")
    with bench_broker() as broker:
        topic.write(broker.address, name)
        command = [*ours("spans"), broker.address, name, str(topic.messages), str(WARM)]
        found = [run(command) for _ in range(1 if given.smoke else given.rounds)]
        profile = run([*command, "profile"])
    report({"spans": table(found, profile, topic)}, given.page)
    return int(not all(check_path(one, topic.answer).exact for one in (*found, profile)))


if __name__ == "__main__":
    sys.exit(main())
