"""Strong deviations are paged within seconds, between the steps, and the steps are judged as ever."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from alerting.incidents.notice import Action, Notice
from config.settings import JudgeSettings, Settings
from detectors.model.finding import Finding
from streams.engine.stages.engine import Engine
from tests.alerting.given import ongoing
from tests.laws.arrivals import prompt
from tests.main_job.hammer import hammer
from tests.streams.engine.stages.engine_run import HOUR, LEARNT, SOURCE, START, backend, records

SETTINGS = Settings(judge=JudgeSettings(young=6 * HOUR))
STEP = SETTINGS.time.step
SHARDS = 2
MINUTE = START + LEARNT + HOUR
WITHIN = 30  # seconds from the start of a hammer to its page

Change = Callable[[list[bytes], int], list[bytes]]
"""Changes the records of a second that ends at a time."""


class Live:
    """Hours of the backend, judged up to a minute, and what happens from then on second by second."""

    def __init__(self) -> None:
        self.lines = records(backend(before=LEARNT, hours=2))
        self.stamps = prompt(self.lines)
        engine = Engine(SETTINGS, [SOURCE], SHARDS)
        past = int(np.searchsorted(self.stamps, MINUTE))
        engine.feed(SOURCE, self.lines[:past], self.stamps[:past])
        self.parts = engine.snapshot()

    def run(
        self, change: Change, seconds: int, *, early: bool = True, delay: float = 0.0
    ) -> tuple[list[tuple[int, Notice]], list[Finding], Engine]:
        """Return the notices with the second of each, what steps found, and the engine."""
        engine = Engine(SETTINGS, [SOURCE], SHARDS)
        engine.restore(self.parts)
        notices: list[tuple[int, Notice]] = []
        found: list[Finding] = []
        for now in range(MINUTE + 1, MINUTE + seconds):
            since, until = np.searchsorted(self.stamps, [now - 1, now])
            arrived = change(self.lines[since:until], now)
            emitted = engine.feed(SOURCE, arrived, np.full(len(arrived), now + delay))
            found += emitted.findings
            notices += [(now, notice) for notice in emitted.notices]
            if early:
                notices += [(now, notice) for notice in engine.evaluate_early(SOURCE, now + delay).notices]
        return notices, found, engine


@pytest.fixture(scope="module")
def live() -> Live:
    return Live()


def hammering(live: Live, begins: int, lasts: int = 3600) -> Change:
    def change(lines: list[bytes], now: int) -> list[bytes]:
        return lines + hammer(live.lines, now - 1, now) if begins < now <= begins + lasts else lines

    return change


def pages(notices: Sequence[tuple[int, Notice]]) -> list[tuple[int, Notice]]:
    return [(at, notice) for at, notice in notices if notice.action is Action.OPEN]


@pytest.mark.variants
@pytest.mark.parametrize("offset", [0, 9, 30, 55, 59])
def test_a_hammer_is_paged_within_half_a_minute_wherever_in_its_minute_it_begins(
    live: Live, offset: int
) -> None:
    begins = MINUTE + 2 * STEP + offset  # a judge that has just started looks after its first step
    notices, _, engine = live.run(hammering(live, begins), offset + 7 * STEP)
    [(at, page), *more] = pages(notices)
    assert at - begins <= WITHIN
    assert page.incident.primary.scope is not None
    assert page.incident.primary.scope.name == "items"
    assert page.incident.primary.callers[0].scope.name == "inventory-put-item"
    assert more == []
    [incident] = ongoing(engine.incidents)
    assert incident.id == page.incident.id
    assert not incident.primary.early


@pytest.mark.release
def test_steps_find_the_same_with_early_evaluation_and_without(live: Live) -> None:
    change = hammering(live, MINUTE + 20)
    _, looked, engine = live.run(change, 6 * STEP)
    _, plain, other = live.run(change, 6 * STEP, early=False)
    assert looked == plain
    mine, its = engine.snapshot(), other.snapshot()
    changed = {name for name in mine if mine[name] != its.get(name)}
    assert all(name.startswith(("incidents|", "gather|")) for name in changed), changed


def test_nothing_is_found_on_a_quiet_hour(live: Live) -> None:
    notices, _, _ = live.run(lambda lines, _: lines, 20 * STEP)
    assert pages(notices) == []


def test_a_burst_that_is_over_is_reported_as_it_was_and_ends(live: Live) -> None:
    notices, _, engine = live.run(hammering(live, MINUTE + 20, 15), 15 * STEP)
    reported = [notice for _, notice in notices]
    assert sum(notice.action is Action.OPEN for notice in reported) <= 1
    assert all(not finding.early for incident in ongoing(engine.incidents) for finding in (incident.primary,))


def test_nothing_of_long_ago_is_evaluated_early(live: Live) -> None:
    notices, _, _ = live.run(hammering(live, MINUTE + 10), 4 * STEP, delay=0.0)
    looked = pages(notices)[0][1].incident.primary
    assert looked.early
    engine = Engine(SETTINGS, [SOURCE], SHARDS)
    engine.restore(live.parts)
    for now in range(MINUTE + 1, MINUTE + STEP):
        arrived = hammering(live, MINUTE + 10)([], now)
        engine.feed(SOURCE, arrived, np.full(len(arrived), float(now)))
        assert engine.evaluate_early(SOURCE, now + 3600.0).findings == []


def test_an_early_finding_is_older_than_any_finding_of_a_step(live: Live) -> None:
    notices, found, _ = live.run(hammering(live, MINUTE + 10), 5 * STEP)
    early = pages(notices)[0][1].incident.primary
    same = [finding for finding in found if (finding.scope, finding.measure) == (early.scope, early.measure)]
    assert same
    assert all(finding.revision > early.revision for finding in same)
    assert replace(early, early=False) != early
