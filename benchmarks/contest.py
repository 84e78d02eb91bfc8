"""Events per second and core of this project and its peers: one broker, one run, every answer checked.

    python -m benchmarks.contest [--quick] [--events N] [--rounds N] [--only NAME …] [--profile] [--page FILE]

All count, sum and take the maximum of ``ms.total`` by service and function in windows of ten seconds of
event time, but for the plain Faust agent, which only counts, the batch consumer alone, which reads no record,
and the whole path, which does all that the daemon does in the role rollup. All read the same topic from its
beginning. The clock starts when a first part of every partition has been read, and stops at the end of the
topic, or after ``--seconds`` for the slow ones: their answers are compared with the totals of what they have
read. CPU is that of the whole client process, as the kernel accounts it. Contestants take turns, round by
round; figures are medians over the rounds, and ratios are taken within a round. JVMs stay up between rounds,
and read a topic of their own some times before the first.

``--quick`` takes four minutes, on a topic of a tenth the length. ``--profile`` runs the whole path once more
and says who owns its CPU time.

Exit code 0: all ran and were exact; 1: an answer was wrong; 2: a contestant could not be run.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from kafka.admin import NewTopic

from benchmarks.contest_table import PROFILE, TABLE, Row, Run, markdown, owners, placed, text
from benchmarks.long_topic import LongTopic
from benchmarks.peers_ready import NotReadyError
from benchmarks.program import SCRATCH, FailedError, Program
from benchmarks.request_events import PARTITIONS, Answer, answer, partitioned
from benchmarks.roster import CONTESTANTS, PATH, WARM_PASSES, Contestant
from tests.kafka import topic as topics
from tests.kafka.broker import Broker, BrokerUnavailableError


class Length(NamedTuple):
    """How long a contest is."""

    events: int
    warm: int  # events of each partition that are read before the clock starts
    passes: int  # events of the topic on which JVMs warm up
    seconds: float  # for the slow ones
    rounds: int


LONG = Length(20_000_000, 25_000, 2_000_000, 30.0, 2)
QUICK = Length(2_000_000, 10_000, 500_000, 5.0, 1)


def filled(broker: Broker, name: str, made: Sequence[bytes]) -> tuple[str, Answer]:
    """Make a topic of these events; return its name and what is in it."""
    partitions = partitioned(made)
    topics.create(broker.address, NewTopic(name, PARTITIONS, 1))
    topics.fill(broker.address, name, partitions)  # arrived as they happened: arrival bounds event time
    return name, answer(partitions)


def contest(asked: Sequence[Contestant], broker: Broker, made: LongTopic, length: Length) -> list[Row]:
    """Make the topics, let all take their turns, and return what came out."""
    name, warm = "bench-requests", "bench-warm-up"
    made.write(broker.address, name)
    brief = made.first(length.passes)
    if any(contestant.kept for contestant in asked):
        brief.write(broker.address, warm)
    print(f"{made.records:,} events are in Kafka", file=sys.stderr, flush=True)
    rows = [Row(contestant) for contestant in asked]
    with ExitStack() as stack:
        programs: dict[str, Program] = {}
        for row in rows:
            contestant = row.contestant
            try:
                prefix = contestant.prefix()
            except NotReadyError as error:
                row.failure = str(error)
                continue
            command = [*prefix, broker.address, name, str(made.records), str(length.warm)]
            if contestant.slow:
                command.append(str(length.seconds))
            if contestant.kept:
                command += [warm, str(brief.records), str(WARM_PASSES)]
            programs[contestant.name] = Program(command, kept=contestant.kept)
            stack.callback(programs[contestant.name].close)
        for turn in range(length.rounds):
            for row in rows:
                if not row.failure:
                    one_run(row, turn, programs[row.contestant.name], made)
    return rows


def one_run(row: Row, turn: int, program: Program, made: LongTopic) -> None:
    """Run a contestant once and check its answer; a failed one is reported and not run again."""
    try:
        reported = program.run()
        there = made.answer(reported["read"]) if row.contestant.slow else made.whole
        run = Run(
            reported["records"],
            reported["user"],
            reported["system"],
            reported["wall"],
            row.contestant.check(reported, there),
            reported.get("checkpoints", 0) // PARTITIONS,
        )
    except FailedError as error:
        row.failure = str(error)
        said = f"failed: {error}"
    else:
        row.runs[turn] = run
        said = f"{run.rate / 1e3:.1f} k/s/core in {run.wall:.0f} s, exact: {run.verdict}"
    print(f"round {turn + 1}, {row.contestant.label}: {said}", file=sys.stderr, flush=True)


def processor() -> str:
    """Return the model of the processor, where the system has it."""
    try:
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "processor unknown"
    models = [line.partition(":")[2].strip() for line in said if line.startswith("model name")]
    return models[0] if models else "processor unknown"


def profiled(broker: Broker, made: LongTopic, length: Length) -> str:
    """Run the whole path once more; return the table of who owns its CPU time, or why there is none."""
    path = next(contestant for contestant in CONTESTANTS if contestant.name == PATH)
    words = [broker.address, "bench-requests", str(made.records), str(length.warm), "profile"]
    try:
        reported = Program([*path.prefix(), *words], kept=False).run()
    except FailedError as error:
        return f"not run: {error}"
    cpu = reported["user"] + reported["system"]
    return owners(reported["owners"], reported["absent"], reported["records"] / cpu, reported["system"] / cpu)


def options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description="this project and its peers on the same events")
    asked.add_argument("--quick", action="store_true", help="a short topic and one round: four minutes")
    asked.add_argument("--events", type=int)
    asked.add_argument("--warm", type=int, help="events of each partition before the clock starts")
    asked.add_argument("--seconds", type=float, help="after which the slow ones stop")
    asked.add_argument("--rounds", type=int)
    asked.add_argument("--only", nargs="+", choices=[contestant.name for contestant in CONTESTANTS])
    asked.add_argument("--profile", action="store_true", help="say who owns the CPU time of the whole path")
    asked.add_argument("--page", type=Path, help="a page between whose marks the tables are written")
    return asked.parse_args()


def length_of(given: argparse.Namespace) -> Length:
    reported = {name: getattr(given, name) for name in ("events", "warm", "seconds", "rounds")}
    return (QUICK if given.quick else LONG)._replace(
        **{name: value for name, value in reported.items() if value}
    )


def main() -> int:
    given = options()
    length = length_of(given)
    if given.page:  # that it has no place for the tables is known now, not in twenty minutes
        placed(placed(given.page.read_text(encoding="utf-8"), TABLE, ""), PROFILE, "")
    asked = [contestant for contestant in CONTESTANTS if given.only is None or contestant.name in given.only]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, SCRATCH, ignore_errors=True)
        try:
            broker = stack.enter_context(Broker(heap="1g", options=()))
        except BrokerUnavailableError as error:
            print(error, file=sys.stderr)
            return 2
        made = LongTopic(length.events)
        rows = contest(asked, broker, made, length)
        profile = profiled(broker, made, length) if given.profile else ""
    where = (
        f"{made.records:,} events of {made.size:.0f} bytes, of which {length.warm * PARTITIONS:,} before the "
        f"clock (the slow ones: {length.seconds:.0f} s), {PARTITIONS} partitions, Apache Kafka 4.3.1, "
        f"{length.rounds} rounds, {os.cpu_count()} cores, {processor()}"
    )
    print(f"{where}\n\n{text(rows)}\n\n{profile}".rstrip())
    if given.page:
        page = placed(given.page.read_text(encoding="utf-8"), TABLE, f"{where}.\n\n{markdown(rows)}")
        given.page.write_text(placed(page, PROFILE, profile) if profile else page, encoding="utf-8")
    if not all(row.exact for row in rows):
        return 1
    return 2 if any(row.failure for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
