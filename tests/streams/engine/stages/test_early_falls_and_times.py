"""Missing or slow requests are paged within about a minute at thirty a minute."""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from alerting.incidents.notice import Action, Notice
from config.settings import JudgeSettings, Settings
from detectors.model.array_types import Floats
from detectors.model.finding import Verdict
from detectors.model.measures import Measure
from streams.engine.stages.engine import Engine

HOUR, STEP = 3600, 60
SETTINGS = Settings(judge=JudgeSettings(young=2 * HOUR))
T0 = 1_760_000_400
BEGINS = T0 + 3 * HOUR  # of what happens second by second
RATE = 0.6  # requests a second and function
FUNCTIONS = ("put", "get", "list")
SOURCE = "requests/0"


def requests(
    begin: float, end: float, seed: int, names: Sequence[str] = FUNCTIONS, slow: str = ""
) -> list[tuple[float, bytes]]:
    draw = np.random.default_rng(seed)
    found = []
    for name in names:
        for at in draw.uniform(begin, end, draw.poisson(RATE * (end - begin))).tolist():
            tables = [{"name": f"{name}-items", "op": "PutItem", "ms": 4, "wcu": 1}]
            took = float(12 * draw.lognormal(0, 0.1)) * (5 if name in slow else 1)
            body = {"ts": at, "service": "shop", "function": name, "ms": {"total": took}, "tables": tables}
            found.append((at, json.dumps({"cloud": "aws", "account": "1", **body}).encode()))
    return sorted(found)


def stamps(given: Sequence[tuple[float, bytes]]) -> Floats:
    return np.array([at for at, _ in given])


@pytest.fixture(scope="module")
def parts() -> dict[str, bytes]:
    engine = Engine(SETTINGS, [SOURCE])
    given = requests(T0, BEGINS, 1)
    engine.feed(SOURCE, [line for _, line in given], stamps(given))
    return engine.snapshot()


def live(
    parts: dict[str, bytes], arriving: Sequence[tuple[float, bytes]], seconds: int
) -> Iterator[tuple[int, Notice]]:
    """Yield the notices with the second of each; ``arriving`` are the records by their arrival."""
    engine = Engine(SETTINGS, [SOURCE])
    engine.restore(parts)
    times = stamps(arriving)
    for now in range(BEGINS + 1, BEGINS + seconds):
        since, until = np.searchsorted(times, [now - 1, now])
        run = arriving[since:until]
        emitted = engine.feed(SOURCE, [line for _, line in run], times[since:until])
        yield from ((now, notice) for notice in emitted.notices)
        yield from ((now, notice) for notice in engine.evaluate_early(SOURCE, float(now)).notices)


QUIET = 5 * STEP  # before one of them has none any more


def falling(*names: str) -> list[tuple[float, bytes]]:
    stays = [name for name in FUNCTIONS if name not in names]
    before = requests(BEGINS, BEGINS + QUIET, 2)
    return before + requests(BEGINS + QUIET, BEGINS + 3 * QUIET, 3, stays)


def test_a_function_without_requests_is_paged_within_a_minute(parts: dict[str, bytes]) -> None:
    (at, page), *more = [
        (at, notice) for at, notice in live(parts, falling("get"), 3 * QUIET) if notice.action is Action.OPEN
    ]
    assert at - BEGINS - QUIET <= STEP
    primary = page.incident.primary
    assert (primary.verdict, primary.observed) == (Verdict.ABSENCE, 0)
    assert "get" in primary.sentence
    assert more == []


def test_it_is_the_same_incident_once_the_minutes_are_judged(parts: dict[str, bytes]) -> None:
    reported = [notice for _, notice in live(parts, falling("get"), 3 * QUIET)]
    assert {notice.action for notice in reported} <= {Action.OPEN, Action.UPDATE}
    assert len({notice.incident.id for notice in reported}) == 1
    assert not reported[-1].incident.primary.early or len(reported) == 1


def test_when_most_of_all_requests_are_missing_the_minutes_decide(parts: dict[str, bytes]) -> None:
    reported = [(at, notice) for at, notice in live(parts, falling("get", "put"), 3 * QUIET)]
    pages = [at for at, notice in reported if notice.action is Action.OPEN]
    assert all(at - BEGINS - QUIET > STEP for at in pages)


def test_whoever_sends_in_batches_is_not_absent_between_them(parts: dict[str, bytes]) -> None:
    given = requests(BEGINS, BEGINS + 15 * STEP, 2)
    every = 28  # seconds between two batches of one function, within what may be late

    def arrival(at: float, line: bytes) -> float:
        return at if b'"get"' not in line else float(np.ceil(at / every) * every)

    arriving = sorted((arrival(at, line), line) for at, line in given)
    assert [notice for _, notice in live(parts, arriving, 15 * STEP) if notice.action is Action.OPEN] == []


def test_what_becomes_five_times_as_slow_is_paged_once_enough_calls_were(parts: dict[str, bytes]) -> None:
    before = requests(BEGINS, BEGINS + QUIET, 2)
    given = before + requests(BEGINS + QUIET, BEGINS + 2 * QUIET, 3, slow="get")
    reported = [(at, notice) for at, notice in live(parts, given, 2 * QUIET)]
    (at, page), *more = [(at, notice) for at, notice in reported if notice.action is Action.OPEN]
    assert at - BEGINS - QUIET <= STEP + 15
    primary = page.incident.primary
    assert (primary.measure, primary.scope and primary.scope.name) == (Measure.LATENCY, "get")
    assert more == []
    assert Action.WITHDRAW not in {notice.action for _, notice in reported}
