"""Events per second and core of this project and its peers: one broker, one run, every answer checked.

    python -m benchmarks.contest [--events N] [--rounds N] [--only NAME …] [--page FILE] [--smoke [--peers]]

All count, sum and take the maximum of ``ms.total`` by service and function in windows of ten seconds of
event time, but for the plain Faust agent, which only counts, the batch consumer alone, which reads no record,
and the whole path, which does all that the daemon does in the role rollup. All read the same topic from its
beginning. The clock starts when a first part of every partition has been read, and stops at the end of the
topic, or after ``--seconds`` for the slow ones: their answers are compared with the totals of what they have
read. CPU is that of the whole client process, as the kernel accounts it. Contestants take turns, round by
round; figures are medians over the rounds, and ratios are taken within a round. Then the whole path runs once
more, and says who owns its CPU time.

A smoke run has the peers only with ``--peers``: to make them ready takes half a minute and 300 MB. Exit code
0: all ran and were exact; 1: an answer was wrong; 2: a contestant could not be run.
"""

import argparse
import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks.harness import peers_ready
from benchmarks.harness.bench_broker import bench_broker
from benchmarks.harness.contestant_run import FailedError, ours, run
from benchmarks.harness.meter import PARTITIONS
from benchmarks.harness.peers_ready import NotReadyError
from benchmarks.harness.report import arguments, markdown, named, parsed, report
from benchmarks.harness.totals import Totals, Verdict, compare
from benchmarks.inputs.requests import Answer, RequestTopic, check_closed
from tests.kafka.topic import unique

PLAIN_FAUST, PLAIN, LANE, PATH = "faust", "plain", "lane", "path"
JVM: Final = (
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseParallelGC",  # no collector threads beside the job
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
)
WARM_PASSES: Final = 3  # of a JVM, over a topic of its own
LARGE: Final = 0.005  # share of an owner that has a row of its own

Reported = dict[str, Any]


class Length(NamedTuple):
    """How long a contest is."""

    events: int
    warm: int  # events of each partition that are read before the clock starts
    passes: int  # events of the topic on which JVMs warm up
    seconds: float  # for the slow ones
    rounds: int


LONG: Final = Length(20_000_000, 25_000, 2_000_000, 30.0, 2)
SMOKE: Final = Length(320_000, 1_000, 50_000, 1.0, 1)  # buckets close after half a minute of event time


class Contestant(NamedTuple):
    """One row of the table."""

    name: str
    label: str
    note: str
    command: Callable[[], list[str]]  # broker, topic, events and those that warm up follow
    check: Callable[[Reported, Answer], Verdict]
    slow: bool = False  # stops after a time, before the end of the topic
    peer: bool = False  # has to be made ready
    java: bool = False  # warms up on a topic of its own


@dataclass
class Row:
    """A contestant with what it reported and how right that was, by round, or why it has none."""

    contestant: Contestant
    runs: dict[int, tuple[Reported, Verdict]] = field(default_factory=dict)
    failure: str = ""

    @property
    def exact(self) -> bool:
        return all(verdict.exact for _, verdict in self.runs.values())

    def median(self, figure: Callable[[Reported], float]) -> float:
        return median(figure(reported) for reported, _ in self.runs.values())


def rate(reported: Reported) -> float:
    """Return records a second of a core."""
    return float(reported["records"] / (reported["user"] + reported["system"]))


def check_windows(reported: Reported, answer: Answer) -> Verdict:
    return compare(Totals(reported["totals"]).cells, answer.totals.cells)


def check_counts(reported: Reported, answer: Answer) -> Verdict:
    expected: dict[tuple[str, str], list[float]] = {}
    for (service, function, _), cell in answer.totals.cells.items():
        expected.setdefault((service, function), [0])[0] += cell[0]
    return compare(
        {(service, function): [number] for service, function, number in reported["counts"]}, expected
    )


def check_records(reported: Reported, answer: Answer) -> Verdict:
    return compare({"all": [sum(reported["read"])]}, {"all": [answer.records]})


def check_path(reported: Reported, answer: Answer) -> Verdict:
    all_read = check_records(reported, answer)
    return check_closed(reported, answer) if all_read.exact else all_read


def _module(name: str) -> list[str]:
    return ["-m", f"benchmarks.contestants.{name}"]


def _python(name: str, label: str, note: str) -> Contestant:
    command = lambda: [str(peers_ready.python()), *_module(f"{name}_window")]  # noqa: E731 - said once
    return Contestant(name, label, note, command, check_windows, slow=True, peer=True)


def _java(name: str, label: str, note: str) -> Contestant:
    command = lambda: ["java", *JVM, "-cp", peers_ready.classpath(), "uneri.peers.Main", name]  # noqa: E731
    return Contestant(name, label, note, command, check_windows, peer=True, java=True)


CONTESTANTS: Final = (
    Contestant(
        PLAIN_FAUST,
        "plain Faust agent",
        "counts only, no windows",
        lambda: [sys.executable, *_module("faust_agent")],
        check_counts,
        slow=True,
    ),
    _python("quix", "Quix Streams, tumbling window", "no changelog, no repartition"),
    _python("bytewax", "Bytewax, event-time fold window", "orjson; waits a day for late events"),
    _java("streams", "Kafka Streams, processor by hand", "HashMap, no repartition"),
    _java("flink", "Flink, flatMap by hand", "HashMap, no keyBy, no checkpoints"),
    Contestant(
        PATH,
        "uneri, whole path",
        "all scopes and edges, closed buckets to Kafka, checkpoints",
        lambda: ours("path"),
        check_path,
    ),
    Contestant(
        LANE, "uneri, lane alone", "looks at no record; checkpoints", lambda: ours("lane"), check_records
    ),
    Contestant(
        PLAIN,
        "uneri, plain aggregation",
        "the aggregation of the peers; checkpoints",
        lambda: ours("plain"),
        check_windows,
    ),
)


def one_run(row: Row, turn: int, words: list[str], made: RequestTopic) -> None:
    """Run a contestant once and check its answer; a failed one is reported and not run again."""
    contestant = row.contestant
    try:
        reported = run([*contestant.command(), *words])
        verdict = contestant.check(reported, made.answer(reported["read"]) if contestant.slow else made.whole)
    except (FailedError, NotReadyError) as error:
        row.failure = said = f"not run: {error}"
    else:
        row.runs[turn] = reported, verdict
        said = f"{rate(reported) / 1e3:.1f} k/s/core in {reported['wall']:.0f} s, exact: {verdict}"
    print(f"round {turn + 1}, {contestant.label}: {said}", file=sys.stderr, flush=True)


def contest(asked: Sequence[Contestant], length: Length) -> tuple[list[Row], RequestTopic, str]:
    """Make the topics and let all take their turns; return what came out, and the profile."""
    made, name, warm = RequestTopic(length.events), unique("contest"), unique("warm-up")
    rows = [Row(contestant) for contestant in asked]
    with bench_broker() as broker:
        made.write(broker.address, name)
        if any(contestant.java for contestant in asked):
            made.write(broker.address, warm, length.passes)
        common = [broker.address, name, str(made.records), str(length.warm)]
        for turn in range(length.rounds):
            for row in rows:
                more = [str(length.seconds)] if row.contestant.slow else []
                if row.contestant.java:
                    more = [warm, str(length.passes), str(WARM_PASSES)]
                if not row.failure:
                    one_run(row, turn, common + more, made)
        profile = (
            owners(run([*ours(PATH), *common, "profile"])) if PATH in {one.name for one in asked} else ""
        )
    return rows, made, profile


def ratio(row: Row, base: Row | None) -> str:
    """Return how many times the pace of ``base`` it has: the median over rounds, each compared in itself."""
    rounds = row.runs.keys() & base.runs.keys() if base else ()
    if base is None or not rounds:
        return ""
    times = median(rate(row.runs[turn][0]) / rate(base.runs[turn][0]) for turn in rounds)
    return f"{times:.2f}x" if times < 10 else f"{times:.0f}x"  # noqa: PLR2004 - two digits


def table(rows: Sequence[Row]) -> str:
    """Return the table, and below it the two costs of an event of ours."""
    by_name = {row.contestant.name: row for row in rows}
    faust, plain = by_name.get(PLAIN_FAUST), by_name.get(PLAIN)
    shown = named([cells(row, faust, plain) for row in rows], words=(0, 8, 9))
    costs = {name: 1e6 / row.median(rate) for name, row in by_name.items() if row.runs}
    if {LANE, PLAIN, PATH} <= costs.keys():
        shown += (
            f"\n\nCPU of an event in uneri: {costs[LANE]:.2f} µs in the lane (fetch and chunks); the plain "
            f"aggregation adds {costs[PLAIN] - costs[LANE]:.2f} µs for its decoding and windows, the whole "
            f"path {costs[PATH] - costs[LANE]:.2f} µs."
        )
    return shown


def cells(row: Row, faust: Row | None, plain: Row | None) -> dict[str, str]:
    """Return a line of the table: what it took, and beside whom."""
    ran = bool(row.runs)
    written = max((run.get("checkpoints", 0) // PARTITIONS for run, _ in row.runs.values()), default=0)
    notes = [row.contestant.note + (f" ({written} of each partition)" if written else ""), row.failure]
    return {
        "contestant": row.contestant.label,
        "k events": f"{row.median(operator.itemgetter('records')) / 1e3:,.0f}" if ran else "",
        **{
            f"{name} s": f"{row.median(operator.itemgetter(name)):,.1f}" if ran else ""
            for name in ("user", "system", "wall")
        },
        "k/s/core": f"{row.median(rate) / 1e3:,.1f}" if ran else "",
        "x Faust": ratio(row, faust),
        "uneri plain is": ratio(plain, row) if plain else "",
        "exact": str(max((verdict for _, verdict in row.runs.values()), key=sum)) if ran else "",
        "note": "; ".join(filter(None, notes)),
    }


def owners(reported: Reported, unit: str = "an event", units: int = 1) -> str:
    """Return who owns the CPU time of a run of so many units a record, and the share that nobody does."""
    shares: Mapping[str, float] = reported["owners"]
    pace = rate(reported) * units
    large = {name: share for name, share in shares.items() if share >= LARGE}
    all_of_it = sum(shares.values())
    rest = {"smaller ones": all_of_it - sum(large.values()), "**no owner**": 1 - all_of_it}
    lines = [(name, f"{share:.1%}", f"{1e6 / pace * share:.3f}") for name, share in (large | rest).items()]
    system = reported["system"] / (reported["user"] + reported["system"])
    missed = (
        f" Entry points that were not found: {', '.join(absent)}." if (absent := reported["absent"]) else ""
    )
    return (
        f"{markdown(('owner', 'share of the CPU time', f'µs {unit}'), lines)}\n\n{pace / 1e3:,.1f} thousand "
        f"a second and core with the clocks of the profile; {system:.0%} of the CPU time is the kernel's, "
        f"whoever called it.{missed}"
    )


def options() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--peers", action="store_true", help="have the peers in a smoke run, too")
    parser.add_argument("--events", type=int)
    parser.add_argument("--seconds", type=float, help="after which the slow ones stop")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", nargs="+", choices=[contestant.name for contestant in CONTESTANTS])
    return parsed(parser, "table", "profile")


def main() -> int:
    given = options()
    asked_for = {name: getattr(given, name) for name in ("events", "seconds", "rounds")}
    length = (SMOKE if given.smoke else LONG)._replace(
        **{name: value for name, value in asked_for.items() if value}
    )
    names = set(
        given.only or [one.name for one in CONTESTANTS if given.peers or not (given.smoke and one.peer)]
    )
    rows, made, profile = contest([one for one in CONTESTANTS if one.name in names], length)
    what = (
        f"{made.records:,} events of {made.size:.0f} bytes, of which {length.warm * PARTITIONS:,} before the "
        f"clock (the slow ones: {length.seconds:.0f} s), {PARTITIONS} partitions; median of rounds: "
        f"{length.rounds}."
    )
    report({"table": f"{what}\n\n{table(rows)}", **({"profile": profile} if profile else {})}, given.page)
    if not all(row.exact for row in rows):
        return 1
    return 2 if any(row.failure for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
