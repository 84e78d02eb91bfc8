"""What follows a gap: its first minute may have begun within it, and hides nothing that comes later."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import COLUMN, Measure
from streams.engine.detect.detect import Detect
from streams.engine.rollup.blocks.block import Block
from tests.streams.engine.detect.found_in_blocks import fed_in_runs
from tests.streams.engine.detect.test_detect import DAY, PUT, SETTINGS, calls, found, minute

GONE = DAY + 2 * 60  # an absence needs a day
GAP, LATER = 35, 11  # minutes
BACK = GONE + GAP
RATE = 600.0
OTHER = PUT._replace(account="2", service="other", function="get")


def blocks(part: float, gap: int = GAP) -> Iterator[Block]:
    """Yield usual traffic that ends within a minute and comes back in ``part`` of one; then a hammer."""
    draw, back = np.random.default_rng(3), GONE + gap
    for number in range(back + LATER + 20):
        here = 0.5 if number == GONE - 1 else part if number == back else 1.0
        times = 14.0 if number >= back + LATER else 1.0
        if GONE <= number < back:
            yield Block("one/0", 0, 1, number, number * 60, 10, number * 60 + 60, 0)
            continue
        requests, writes = (float(draw.poisson(RATE * here * more)) for more in (1.0, times))
        yield minute(number, {Measure.REQUESTS: requests}, calls(0, writes, writes))


@cache
def findings(part: float) -> list[Finding]:
    return found(blocks(part))


back = pytest.mark.parametrize("part", [1.0, 4 / 60], ids=["second 0", "second 56"])


@back
def test_the_minute_in_which_traffic_comes_back_is_no_drop(part: float) -> None:
    assert [finding for finding in findings(part) if finding.verdict is Verdict.DROP] == []


@pytest.mark.parametrize("minutes", [2, 3, 4])
def test_a_gap_of_some_minutes_that_begins_and_ends_within_one_is_no_drop(minutes: int) -> None:
    assert [item for item in found(blocks(10 / 60, minutes)) if item.verdict is Verdict.DROP] == []


@back
def test_what_begins_some_minutes_later_is_found_in_its_minute(part: float) -> None:
    hammered = [finding for finding in findings(part) if finding.verdict is Verdict.SPIKE]
    assert {finding.measure for finding in hammered} == {Measure.REQUESTS, Measure.WCU}
    assert {finding.seen for finding in hammered if finding.state == "open"} == {(BACK + LATER + 1) * 60}


@back
def test_an_absence_has_ended_after_two_minutes_of_full_traffic(part: float) -> None:
    [end] = [item for item in findings(part) if item.verdict is Verdict.ABSENCE and item.state == "end"]
    assert end.seen <= (BACK + (part < 1) + 2) * 60


def test_minutes_in_which_nobody_listened_are_no_absence_and_hide_none_that_follows() -> None:
    detect = Detect(0, ["one/0"], SETTINGS)
    sent = list(blocks(4 / 60, 60))[: GONE + 60 + 8]  # before the hammer
    findings = list(fed_in_runs(detect, sent[:GONE]))
    detect.pass_over((GONE + 60) * 60 + 56)
    findings += fed_in_runs(detect, sent[GONE:])
    assert findings == []
    ends = len(sent)
    empty = (Block("one/0", 0, 1, at, at * 60, 10, at * 60 + 60, 0) for at in range(ends, ends + 15))
    [gone] = [item for item in fed_in_runs(detect, list(empty)) if item.state == "open"]
    assert (gone.verdict, gone.about.kind, gone.gap) == (Verdict.ABSENCE, "account", True)
    assert gone.start == ends * 60


def test_the_minute_in_which_live_records_follow_a_history_is_no_drop() -> None:
    draw, detect, sent = np.random.default_rng(3), Detect(0, ["one/0"], SETTINGS), list[Block]()
    for number in range(GONE + 20):
        part = 0.1 if GONE - 1 <= number <= GONE else 1.0  # the history ends within a minute
        requests = float(draw.poisson(RATE * part))
        sent.append(minute(number, {Measure.REQUESTS: requests}, calls(0, requests, requests)))
        sent[-1].source = "two/0" if number >= GONE else "one/0"
    findings = list(fed_in_runs(detect, sent[:GONE]))
    detect.hand_over(["two/0"])
    findings += fed_in_runs(detect, sent[GONE:])
    assert [finding for finding in findings if finding.verdict is Verdict.DROP] == []


def test_minutes_of_which_nothing_is_known_do_not_delay_what_falls_silent() -> None:
    draw, silent = np.random.default_rng(1), list[Block]()
    for number in range(GONE + 20):
        requests, other = (float(draw.poisson(RATE)) if number < GONE else 0.0), float(number % 2)
        sent = minute(number, {Measure.REQUESTS: requests}, calls(0, requests, requests))
        sent.records += int(other)  # of another account: else, nothing of a minute is known
        sent.paths = [*sent.paths, OTHER]
        sent.sums = np.insert(sent.sums, 1, 0, axis=0)
        sent.sums[1, COLUMN[Measure.REQUESTS]] = other
        silent.append(
            sent if sent.records else Block("one/0", 0, 1, number, number * 60, 10, number * 60 + 60, 0)
        )
    opened = {item.measure: item.seen - GONE * 60 for item in found(silent) if item.state == "open"}
    assert opened == {Measure.REQUESTS: 240, Measure.WCU: 240}


@pytest.mark.release
def test_the_days_between_a_few_old_records_and_the_first_of_today_teach_nothing() -> None:
    draw, first = np.random.default_rng(2), 12 * DAY
    detect = Detect(0, ["one/0"], Settings(time=SETTINGS.time))
    blocks = list[Block]()
    for number in range(first + 120):
        requests = 40.0 if number < first else float(draw.poisson(RATE))
        sent = minute(number, {Measure.REQUESTS: requests}, calls(0, 0, 0))
        if number < first and number % (4 * DAY) >= 5:
            sent = Block("one/0", 0, 1, number, number * 60, 10, number * 60 + 60, 0)
        blocks.append(sent)
    assert [finding.verdict for finding in fed_in_runs(detect, blocks)] == []


@pytest.mark.release
def test_a_day_on_which_nothing_ever_comes_is_no_absence_and_any_other_is() -> None:
    draw, detect = np.random.default_rng(4), Detect(0, ["one/0"], Settings(time=SETTINGS.time))
    sent, holiday = list[Block](), 15
    for number in range((holiday + 1) * DAY):
        day = number // DAY
        if day % 7 == 6 or day == holiday:
            sent.append(Block("one/0", 0, 1, number, number * 60, 10, number * 60 + 60, 0))
        else:
            requests = float(draw.poisson(8))
            sent.append(minute(number, {Measure.REQUESTS: requests}, calls(0, 0, 0)))
    found = [finding for finding in fed_in_runs(detect, sent) if finding.verdict is Verdict.ABSENCE]
    assert {finding.start // 60 // DAY for finding in found} == {holiday}
    [opened] = [finding for finding in found if finding.state == "open"]
    assert opened.seen - opened.start <= 3600


@pytest.mark.release
def test_what_is_missing_where_a_minute_has_about_one_request_is_what_would_have_come() -> None:
    """The median of weeks is below their mean there, and the level follows the silence."""
    draw, gone, hours = np.random.default_rng(1), 14 * DAY + DAY // 2, 6

    def thin() -> Iterator[Block]:
        for number in range(gone + hours * 60 + 30):
            requests = 0.0 if gone <= number < gone + hours * 60 else float(draw.poisson(1.0))
            sent = minute(number, {Measure.REQUESTS: requests}, calls(0, requests, requests))
            sent.records += 20  # of another account
            sent.paths = [*sent.paths, OTHER]
            sent.sums = np.insert(sent.sums, 1, 0, axis=0)
            sent.sums[1, COLUMN[Measure.REQUESTS]] = 20.0
            yield sent

    told = [item for item in found(thin()) if (item.verdict, item.about.kind) == (Verdict.ABSENCE, "service")]
    assert (told[0].state, told[-1].state) == ("open", "end")
    for item in (told[0], told[-1]):
        minutes = (item.until - item.start) / 60
        assert item.missed == pytest.approx(minutes, rel=0.4)
