"""Events per second and core of this project and its peers: one broker, one run, every answer checked.

    python -m benchmarks.contest [--events N] [--slice N] [--rounds N] [--only NAME …] [--page FILE]

All count, sum and take the maximum of ``ms.total`` by service and function in windows of ten seconds of
event time, but for the plain Faust agent, which only counts, the lane alone, which looks at nothing, and the
whole path, which does all that the daemon does in the role rollup. CPU is that of the whole client process
from its first record to its last, as the kernel accounts it. Contestants take turns, round by round; figures
are medians over the rounds, and ratios are taken within a round. JVMs stay up between rounds and are measured
warm. The slow ones read a topic of their own that holds the first part of the same events.

Exit code 0: all ran and were exact; 1: an answer was wrong; 2: a contestant could not be run.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from kafka.admin import NewTopic

from benchmarks.contest_table import Row, Run, markdown, placed, text
from benchmarks.peers_ready import NotReadyError
from benchmarks.program import SCRATCH, FailedError, Program
from benchmarks.request_events import PARTITIONS, Answer, answer, events, partitioned
from benchmarks.roster import CONTESTANTS, Contestant
from tests.kafka import topic as topics
from tests.kafka.broker import Broker, BrokerUnavailableError

EVENTS, SLICE, ROUNDS = 1_000_000, 120_000, 3


def filled(broker: Broker, name: str, made: Sequence[bytes]) -> tuple[str, Answer]:
    """Make a topic of these events; return its name and what is in it."""
    partitions = partitioned(made)
    topics.create(broker.address, NewTopic(name, PARTITIONS, 1))
    topics.fill(broker.address, name, partitions)  # arrived as they happened: arrival bounds event time
    return name, answer(partitions)


def contest(
    asked: Sequence[Contestant],
    broker: Broker,
    full: tuple[str, Answer],
    small: tuple[str, Answer],
    rounds: int,
) -> list[Row]:
    rows = [Row(contestant) for contestant in asked]
    with ExitStack() as stack:
        programs: dict[str, Program] = {}
        for contestant in asked:
            name, there = small if contestant.slow else full
            try:
                prefix = contestant.prefix()
            except NotReadyError as error:
                rows[asked.index(contestant)].failure = str(error)
                continue
            command = [*prefix, broker.address, name, str(there.records), *contestant.suffix]
            programs[contestant.name] = Program(command, kept=contestant.kept)
            stack.callback(programs[contestant.name].close)
        for turn in range(rounds):
            for row in rows:
                if not row.failure:
                    one_run(
                        row, turn, programs[row.contestant.name], (small if row.contestant.slow else full)[1]
                    )
    return rows


def one_run(row: Row, turn: int, program: Program, there: Answer) -> None:
    """Run a contestant once and check what it says; a failed one is told and not run again."""
    try:
        told = program.run()
        run = Run(told["records"], told["cpu"], told["wall"], row.contestant.check(told, there))
    except FailedError as error:
        row.failure = str(error)
        said = f"failed: {error}"
    else:
        row.runs[turn] = run
        said = f"{run.rate / 1e3:.1f} k/s/core, exact: {run.verdict}"
    print(f"round {turn + 1}, {row.contestant.label}: {said}", file=sys.stderr, flush=True)


def processor() -> str:
    """Return the model of the processor, where the system says it."""
    try:
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "processor unknown"
    models = [line.partition(":")[2].strip() for line in said if line.startswith("model name")]
    return models[0] if models else "processor unknown"


def options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description="this project and its peers on the same events")
    asked.add_argument("--events", type=int, default=EVENTS)
    asked.add_argument("--slice", type=int, default=SLICE, help="events of the slow ones")
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--only", nargs="+", choices=[one.name for one in CONTESTANTS])
    asked.add_argument("--page", type=Path, help="a page between whose marks the table is written")
    return asked.parse_args()


def main() -> int:
    given = options()
    asked = [one for one in CONTESTANTS if given.only is None or one.name in given.only]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    made = events(given.events)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, SCRATCH, ignore_errors=True)
        try:
            broker = stack.enter_context(Broker(heap="1g", options=()))
        except BrokerUnavailableError as error:
            print(error, file=sys.stderr)
            return 2
        small = filled(broker, "bench-slice", made[: given.slice])
        full = filled(broker, "bench-requests", made)
        size = sum(map(len, made)) / len(made)
        del made
        rows = contest(asked, broker, full, small, given.rounds)
    where = (
        f"{given.events:,} events of {size:.0f} bytes (the slow ones: the first "
        f"{min(given.slice, given.events):,}), {PARTITIONS} partitions, Apache Kafka 4.3.1, "
        f"{given.rounds} rounds, {os.cpu_count()} cores, {processor()}"
    )
    print(f"{where}\n\n{text(rows)}")
    if given.page:
        page = given.page.read_text(encoding="utf-8")
        given.page.write_text(placed(page, f"{where}.\n\n{markdown(rows)}"), encoding="utf-8")
    if not all(row.exact for row in rows):
        return 1
    return 2 if any(row.failure for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
