"""A law of judging: quiet steps are judged together, and nothing shows that they were."""

import json
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from config.settings import CalendarSettings, JudgeSettings, LimitsSettings, Settings, TableLimit
from detectors.judge.judge import Judge
from detectors.judge.memory import BatchEvaluation
from streams.engine.stages.detection_engine import Emitted
from streams.engine.stages.engine import Engine
from tests.laws.hammered import DISTURBED

HOUR: Final = 3600
BEGIN: Final = 1_759_968_000
"""00:00 UTC of a Thursday, which Friday is compared with."""

SOURCE: Final = "requests/0"
SETTINGS: Final = Settings(
    judge=JudgeSettings(young=2 * HOUR),
    limits=LimitsSettings(tables={"items": TableLimit(wcu=0.15)}),
    calendar=CalendarSettings(timezone="Asia/Tokyo"),
)


def world() -> list[bytes]:
    """Return 30 hours of three functions, of which one begins late, one is hammered and one falls silent."""
    random, sent, at = Random(8), list[bytes](), 0.0  # noqa: S311
    while at < 30 * HOUR:
        hammered = 25.5 * HOUR <= at < 25.8 * HOUR or 28.5 * HOUR <= at < 28.7 * HOUR
        at += random.expovariate(1.0 if hammered else 0.1)
        name = "put" if hammered else random.choice(("put", "get", "get", "late"))
        if (name == "get" and at > 27 * HOUR) or (name == "late" and at < 5 * HOUR):
            continue
        if 11 * HOUR <= at < 11.3 * HOUR:  # nothing at all
            continue
        fields = {
            "ts": round(BEGIN + at, 3),
            "id": f"n{len(sent)}",
            "service": "inventory",
            "function": name,
            "route": f"GET /{name}",
            "client": {"name": random.choice(("ios", "web")), "version": "2"},
            "ms": {"total": round(random.lognormvariate(4, 0.3), 2)},
            "status": 500 if random.random() < 0.02 else 200,
            "tables": [{"name": "items", "wcu": 1.5 if name == "put" else 0.5, "rcu": 2}],
        }
        if random.random() < 0.002:
            fields |= {"error": "fatal", "error_type": random.choice(("Boom", "Crash"))}
        sent.append(json.dumps(fields).encode())
    return sent


RECORDS: Final = world()


class Seen:
    """The outputs of an engine, and how it came to them."""

    def __init__(self, patch: pytest.MonkeyPatch, *, together: bool) -> None:
        self.how: Counter[str] = Counter()
        self.emitted = Emitted()
        self.parts: list[dict[str, bytes]] = []
        accept_batch = Judge.accept_batch

        def counted(judge: Judge, attempt: BatchEvaluation, steps: int) -> None:
            self.how["attempts"] += 1
            self.how["steps"] += steps
            self.how["opened"] += bool(attempt.out.opened[: attempt.done].any())
            self.how["taken back"] += steps < attempt.done
            accept_batch(judge, attempt, steps)

        patch.setattr(Judge, "accept_batch", counted)
        if not together:
            patch.setattr(Judge, "largest_batch", 1)

    def feed(self, runs: Iterator[list[bytes]], settings: Settings, restart: int) -> "Seen":
        engine = Engine(settings, [SOURCE], records=True)
        for number, run in enumerate(runs):
            self._take(engine.feed(SOURCE, run))
            if number == restart:
                self.parts.append(engine.snapshot())
                engine = Engine(settings, [SOURCE], records=True)
                engine.restore(self.parts[-1])
        self._take(engine.finish(SOURCE))
        self.parts.append(engine.snapshot())
        return self

    def _take(self, emitted: Emitted) -> None:
        self.emitted.findings += emitted.findings
        self.emitted.notices += emitted.notices
        self.emitted.records += emitted.records


def runs_of(records: list[bytes], seed: int) -> Iterator[list[bytes]]:
    random, at = Random(seed), 0  # noqa: S311
    while at < len(records):
        size = random.choice((30, 300, 900))
        yield records[at : at + size]
        at += size


def seen(records: list[bytes], settings: Settings, seed: int, *, together: bool) -> Seen:
    with pytest.MonkeyPatch.context() as patch:
        return Seen(patch, together=together).feed(runs_of(records, seed), settings, restart=7)


def alike(one: Seen, other: Seen) -> None:
    assert one.emitted.records == other.emitted.records
    assert one.emitted.findings == other.emitted.findings
    assert one.emitted.notices == other.emitted.notices
    assert one.parts == other.parts


def test_steps_that_are_judged_together_are_judged_as_one_by_one() -> None:
    together, alone = (seen(RECORDS, SETTINGS, 1, together=is_together) for is_together in (True, False))
    alike(together, alone)
    assert not alone.how
    assert together.how["steps"] > 8 * together.how["attempts"] > 0
    assert together.how["opened"]
    assert together.how["taken back"]
    verdicts = {finding.verdict.value for finding in together.emitted.findings}
    assert verdicts >= {"spike", "absence", "limit"}


def test_so_they_are_where_records_come_late_or_twice() -> None:
    hammered = Settings(judge=JudgeSettings(young=2 * HOUR))
    together, alone = (seen(DISTURBED, hammered, 3, together=is_together) for is_together in (True, False))
    alike(together, alone)
    assert together.how["attempts"]
