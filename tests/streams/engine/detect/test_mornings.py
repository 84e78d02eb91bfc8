"""Mornings after nights without a request: what does not open is absent, and its end is no rise."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from streams.engine.detect.detect import Detect
from streams.engine.rollup.blocks.block import Block
from tests.streams.engine.detect.found_in_blocks import fed_in_runs, findings_of
from tests.streams.engine.detect.test_detect import DAY, SETTINGS, calls, minute

OPENS, CLOSES = 6 * 60, 20 * 60  # minutes of the day
STOPS = 3 * DAY


@cache
def drawn(peak: float, until: int, late: int = 0) -> tuple[Block, ...]:
    """Return four days with nobody at night.

    On the last one nobody comes ``until`` a minute of it, or everybody is ``late`` by so many.
    """
    draw, blocks = np.random.default_rng(5), []
    for number in range(STOPS + DAY):
        at = number % DAY - (late if number >= STOPS else 0)
        mean = peak * np.sin(np.pi * (at - OPENS) / (CLOSES - OPENS)) ** 2 if OPENS < at < CLOSES else 0
        requests = float(draw.poisson(0.0 if STOPS <= number < STOPS + until else mean))
        if requests:
            blocks.append(minute(number, {Measure.REQUESTS: requests}, calls(0, requests, requests)))
        else:
            blocks.append(Block("one/0", 0, 1, number, number * 60, 10, number * 60 + 60, 0))
    return tuple(blocks)


@pytest.fixture(scope="module", params=[12, 17], ids=["until noon", "until five"])
def outage(request: pytest.FixtureRequest) -> tuple[int, list[Finding]]:
    until = request.param * 60
    return STOPS + until, findings_of(drawn(60.0, until), SETTINGS)


def test_all_that_stopped_at_night_is_absent_from_the_morning_until_it_is_back(
    outage: tuple[int, list[Finding]],
) -> None:
    back, findings = outage
    opened = [item for item in findings if item.verdict is Verdict.ABSENCE and item.state == "open"]
    ended = [item for item in findings if item.verdict is Verdict.ABSENCE and item.state == "end"]
    assert len(opened) == len(ended) > 0
    assert all(OPENS + 60 < item.seen / 60 - STOPS < OPENS + 120 for item in opened)
    assert all(back < item.seen / 60 <= back + 5 for item in ended)


def test_every_revision_says_how_many_requests_are_missing_so_far(outage: tuple[int, list[Finding]]) -> None:
    minutes = np.arange(DAY)
    usual = np.where(
        (minutes > OPENS) & (minutes < CLOSES),
        60 * np.sin(np.pi * (minutes - OPENS) / (CLOSES - OPENS)) ** 2,
        0,
    )
    absences = [item for item in outage[1] if item.verdict is Verdict.ABSENCE and item.state != "end"]
    assert {later.seen - item.seen for item, later in pairwise(absences)} <= {300, 60, 120, 180, 240}
    for item in absences:
        assert item.added_up is not None
        known = item.added_up.until - item.added_up.seconds, item.added_up.until
        since, until = (at // 60 - STOPS for at in known)
        assert item.missed == pytest.approx(usual[since:until].sum(), rel=0.1), item.sentence


def test_the_end_of_an_absence_is_no_rise(outage: tuple[int, list[Finding]]) -> None:
    back, findings = outage
    assert not [item for item in findings if item.verdict is not Verdict.ABSENCE and item.seen > back * 60]


@pytest.mark.variants
@pytest.mark.parametrize("late", [30, 60])
@pytest.mark.parametrize("peak", [60.0, 8.0, 200.0])
def test_a_morning_that_begins_late_is_no_absence(peak: float, late: int) -> None:
    assert not [
        item for item in findings_of(drawn(peak, 0, late), SETTINGS) if item.verdict is Verdict.ABSENCE
    ]


@pytest.mark.release
def test_a_state_restored_in_the_morning_finds_the_same() -> None:
    blocks = drawn(60.0, 12 * 60)
    whole = findings_of(blocks, SETTINGS)
    assert findings_of(blocks, SETTINGS, restart=STOPS + OPENS + 70) == whole
    one = Detect(0, ["one/0"], SETTINGS)
    found = list(fed_in_runs(one, list(blocks[:STOPS])))
    for block in blocks[STOPS:]:
        found += [finding for judged in one.feed([block]) for finding in judged.findings]
    assert found == whole
