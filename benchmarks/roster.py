"""The contestants: how each is started, what it reads, and how its answer is checked."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import peers_ready
from benchmarks.program import SCRATCH
from benchmarks.request_events import Answer
from benchmarks.totals import Totals, Verdict, compare

Reported = dict[str, Any]

WARM_PASSES: Final = 3  # of a JVM, over a topic of its own, before its first stretch
JVM: Final = (
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseParallelGC",  # no collector threads beside the job
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
    f"-Djava.io.tmpdir={SCRATCH}",
)

PLAIN_FAUST: Final = "faust"
PLAIN_UNERI: Final = "uneri-plain"
LANE: Final = "uneri-lane"
PATH: Final = "uneri"


@dataclass(frozen=True)
class Contestant:
    """One row of the table."""

    name: str
    label: str
    note: str
    prefix: Callable[[], list[str]]  # of the command; broker, topic, events and those that warm up follow
    check: Callable[[Reported, Answer], Verdict]
    slow: bool = False  # stops after a time, before the end of the topic
    kept: bool = False  # its process stays from round to round, and warms up on a topic of its own


def check_windows(reported: Reported, answer: Answer) -> Verdict:
    return compare(Totals.of(reported["totals"]).cells, answer.totals.cells)


def check_counts(reported: Reported, answer: Answer) -> Verdict:
    expected: dict[tuple[str, str], list[float]] = {}
    for (service, function, _), cell in answer.totals.cells.items():
        expected.setdefault((service, function), [0])[0] += cell[0]
    return compare(
        {(service, function): [number] for service, function, number in reported["counts"]}, expected
    )


def check_records(reported: Reported, answer: Answer) -> Verdict:
    return compare({"all": [_read(reported)]}, {"all": [answer.records]})


def _read(reported: Reported) -> int:
    """Return how many records it has read by its own count, those before the clock included."""
    return sum(reported["read"]) if "read" in reported else int(reported["records"])


def check_closed(reported: Reported, answer: Answer) -> Verdict:
    """Every closed bucket of every partition holds exactly the events of its ten seconds; all were read."""
    if _read(reported) != answer.records:
        return check_records(reported, answer)
    closed: dict[tuple[int, int], list[float]] = {
        place: [number]
        for place, number in answer.buckets.items()
        if place[1] < reported["watermarks"].get(str(place[0]), 0)
    }
    if not closed:
        return Verdict(missing=answer.records)
    return compare({(partition, start): [number] for partition, start, number in reported["buckets"]}, closed)


def _ours(module: str) -> Callable[[], list[str]]:
    return lambda: [sys.executable, "-m", f"benchmarks.contestants.{module}"]


def _peer(module: str) -> Callable[[], list[str]]:
    return lambda: [str(peers_ready.python()), "-m", f"benchmarks.contestants.{module}"]


def _java(name: str, label: str, note: str) -> Contestant:
    return Contestant(
        name,
        label,
        note,
        lambda: ["java", *JVM, "-cp", peers_ready.classpath(), "uneri.peers.Main", name],
        check_windows,
        kept=True,
    )


CONTESTANTS: Final = (
    Contestant(
        PLAIN_FAUST,
        "plain Faust agent",
        "counts only, no windows",
        _ours("faust_agent"),
        check_counts,
        slow=True,
    ),
    Contestant(
        "quix",
        "Quix Streams, tumbling window",
        "no changelog, no repartition",
        _peer("quix_window"),
        check_windows,
        slow=True,
    ),
    Contestant(
        "bytewax",
        "Bytewax, event-time fold window",
        "orjson; waits a day for late events",
        _peer("bytewax_window"),
        check_windows,
        slow=True,
    ),
    _java("streams-dsl", "Kafka Streams, DSL", "repartition topic, in-memory store, 24 h grace"),
    _java("streams-by-hand", "Kafka Streams, processor by hand", "HashMap, no repartition"),
    _java("flink-keyed", "Flink, keyed window", "keyBy, AggregateFunction, no checkpoints"),
    _java("flink-by-hand", "Flink, flatMap by hand", "HashMap, no keyBy, no checkpoints"),
    Contestant(
        PATH,
        "uneri, whole path",
        "all scopes and edges, closed buckets to Kafka, checkpoints",
        _ours("uneri_path"),
        check_closed,
    ),
    Contestant(
        LANE, "uneri, lane alone", "looks at no record; checkpoints", _ours("uneri_lane"), check_records
    ),
    Contestant(
        PLAIN_UNERI,
        "uneri, plain aggregation",
        "the aggregation of the peers; checkpoints",
        _ours("uneri_plain"),
        check_windows,
    ),
)
