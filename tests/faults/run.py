"""The long run: kills at random moments and at every named crash point, on both drivers, into a table.

python -m tests.faults.run [--seed N] [--kills N] [--out docs/faults.md]
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tests.faults.crash_sites import (
    AT_A_REBALANCE,
    AT_A_START,
    AT_THE_END,
    AT_WORK,
    BEHIND_THE_END,
    LOCAL,
    CrashSite,
)
from tests.faults.daemons import Supervisor
from tests.faults.kafka_run import Input, KafkaRun, Report
from tests.faults.kill_passes import crash_point_kills, random_kills, rebalances
from tests.faults.local_run import LOCAL_TAIL, LocalInput, LocalRun
from tests.faults.traffic import traffic
from tests.kafka.broker import Broker

A_PASS: Final = 10  # kills in one pass over the input

PAGE: Final = """# Killed {kills} times

Output of `make faults`: daemons of both drivers are killed with SIGKILL at random moments and at every named
crash point (`streams/process/crash_points.py`), and restarted until everything is judged. Then the results
are compared with the truth:

- **every total of a step** of every scope and measure, with totals computed from the records in plain Python;
- **every finding**, in all its fields, with those of an engine that was never killed;
- **the final state**, byte by byte, with that of fresh stages fed the same topics or log;
- **every dead letter**, by its offset and reason, and that it is there once;
- blocks and judged steps emitted more than once: they must be identical, byte for byte.

The input contains late records, duplicates, bad records and wild clocks, and ends in a page.

Run of {date} with seed {seed}: {minutes} minutes on {cores} cores.

| driver | kill points | passes | kills | emitted again, identical | errors |
| --- | --- | --- | --- | --- | --- |
{rows}

{wrong}
"""


class Row(NamedTuple):
    """One kind of passes."""

    driver: str
    what: str
    reports: list[Report]

    def cells(self) -> str:
        """Return the line of the table."""
        kills, again, wrong = (
            sum(row) for row in zip(*((r.kills, r.again, len(r.wrong)) for r in self.reports), strict=True)
        )
        return f"| {self.driver} | {self.what} | {len(self.reports)} | {kills} | {again} | {wrong} |"


class LongRun:
    """All passes, one after the other."""

    def __init__(self, seed: int, kills: int, folder: Path) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - a seed, no secret
        self._kills = kills // 2  # of each driver
        self._folder = folder
        self.rows: list[Row] = []

    def local(self, supervisor: Supervisor) -> None:
        """Kill the local daemon."""
        given = LocalInput(traffic(self._draw.randrange(1000), 1, LOCAL_TAIL).partitions[0], self._folder)
        count = 0

        def fresh() -> LocalRun:
            nonlocal count
            count += 1
            return LocalRun(given, supervisor, self._folder / f"local-{count}")

        self._random("local", fresh)
        self._take("local", "each named point, in its own pass", [
            self._said(partial(_crash, fresh, [place])) for place in LOCAL
        ])  # fmt: skip

    def kafka(self, supervisor: Supervisor, broker: str) -> None:
        """Kill the Kafka daemon."""
        given = Input(broker, traffic(self._draw.randrange(1000)))
        given.fill()

        def fresh() -> KafkaRun:
            return KafkaRun(given, supervisor, self._folder)

        self._random("Kafka", fresh)
        groups: list[tuple[str, tuple[CrashSite, ...]]] = [
            ("named points while feeding and writing checkpoints", AT_WORK[:5]),
            ("", AT_WORK[5:10]),
            ("", AT_WORK[10:]),
            ("named points at startup", AT_A_START),
            ("named points during a rebalance", AT_A_REBALANCE),
            ("named points when a partition goes idle", AT_THE_END),
            ("", BEHIND_THE_END),
        ]
        reports: dict[str, list[Report]] = {}
        what = ""
        for title, places in groups:
            what = title or what
            reports.setdefault(what, []).append(self._said(partial(_crash, fresh, places)))
        for title, found in reports.items():
            self._take("Kafka", title, found)
        moves = [self._said(lambda: rebalances(fresh(), self._draw, 10)) for _ in range(2)]
        self._take("Kafka", "three workers: every 2 s, one leaves, dies or joins", moves)

    def _random(self, driver: str, fresh: Callable[[], KafkaRun | LocalRun]) -> None:
        reports: list[Report] = []
        while (missing := self._kills - sum(report.kills for report in reports)) > 0:
            some = min(A_PASS, missing)
            reports.append(self._said(partial(self._kill, fresh, some)))
        self._take(driver, "random moments", reports)

    def _kill(self, fresh: Callable[[], KafkaRun | LocalRun], times: int) -> Report:
        return random_kills(fresh(), self._draw, times)

    def _said(self, work: Callable[[], Report]) -> Report:
        begun = time.monotonic()
        report = work()
        took = time.monotonic() - begun
        sys.stdout.write(f"{report.kills} kills, {len(report.wrong)} wrong, {took:.0f} s\n")
        for line in report.wrong[:5]:
            sys.stdout.write(f"  {line[:1000]}\n")
        sys.stdout.flush()
        return report

    def _take(self, driver: str, what: str, reports: list[Report]) -> None:
        self.rows.append(Row(driver, what, reports))


def _crash(fresh: Callable[[], KafkaRun | LocalRun], places: Sequence[CrashSite]) -> Report:
    return crash_point_kills(fresh(), places)


def put_first(said: str, page: str) -> str:
    """Return a page of which the first chapter is replaced."""
    _, chapter, rest = page.partition("\n# ")
    return said + chapter + rest


def main() -> int:
    """Run it all and write the page; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("docs/faults.md"))
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Supervisor() as supervisor, Broker() as broker:
        run = LongRun(given.seed, given.kills, Path(folder))
        run.local(supervisor)
        run.kafka(supervisor, broker.address)
    wrong = [line for row in run.rows for report in row.reports for line in report.wrong]
    said = PAGE.format(
        kills=sum(report.kills for row in run.rows for report in row.reports),
        date=time.strftime("%Y-%m-%d"),
        seed=given.seed,
        cores=os.cpu_count(),
        minutes=round((time.monotonic() - begun) / 60),
        rows="\n".join(row.cells() for row in run.rows),
        wrong="\n".join(f"- {line[:500]}" for line in wrong[:20])
        if wrong
        else "Nothing was lost or counted twice, and every final state was identical.",
    )
    given.out.write_text(put_first(said, given.out.read_text() if given.out.exists() else ""))
    sys.stdout.write(said)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
