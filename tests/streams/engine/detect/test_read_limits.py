"""Limits that were read from a cloud: each holds from its moment on, however the daemon came to know it."""

import functools
from itertools import pairwise

import pytest

from config.capacity import Capacity, KnownLimit, ReadLimits
from config.settings import LimitsSettings, TableLimit
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.watch.rankings import Load
from streams.engine.detect.detect import Detect
from streams.engine.rollup.blocks.block import Block
from tests.streams.engine.detect.found_in_blocks import AT_ONCE
from tests.streams.engine.detect.test_detect import DAY, SETTINGS, calls, minute

CHANGE = 90  # minutes: the limit falls, and what is used is 90 % of it
LENGTH = 180
BY_HAND = SETTINGS.limits


def read(*values: tuple[int, float | None], region: str = "eu", name: str = "items") -> ReadLimits:
    known = KnownLimit(account="1", region=region, kind="table", name=name, measure="wcu", values=values)
    return ReadLimits(limits=(known,))


OLD = Capacity(BY_HAND, read((0, 1000.0)))
NEW = Capacity(BY_HAND, read((0, 1000.0), (CHANGE * 60, 10.0)))


def blocks(minutes: int) -> list[Block]:
    """Return minutes in which a table takes 9 wcu a second."""
    return [minute(at, {Measure.REQUESTS: 60.0}, calls(0.0, 540.0, 540.0)) for at in range(minutes)]


class Run:
    """Findings and loads of a daemon that begins with some limits, hears of others, and may be restarted."""

    def __init__(
        self,
        capacity: Capacity,
        heard: tuple[int, Capacity] | None = None,
        restarts: tuple[int, ...] = (),
        minutes: int = LENGTH,
    ) -> None:
        detect = Detect(0, ["one/0"], SETTINGS, capacity=capacity)
        self.findings: list[Finding] = []
        self.loads: dict[int, list[Load]] = {}
        given, events = blocks(minutes), {*restarts, *([heard[0]] if heard else [])}
        for at, until in pairwise(sorted({0, *events, *range(AT_ONCE, minutes, AT_ONCE), minutes})):
            if heard is not None and at == heard[0]:
                capacity = heard[1]
                detect.limit(capacity)
            if at in restarts:
                parts, detect = detect.snapshot(), Detect(0, ["one/0"], SETTINGS, capacity=capacity)
                detect.restore(parts)
            for judged in detect.feed(given[at:until]):
                self.findings += judged.findings
                self.loads[judged.start] = list(judged.loads)


@functools.cache
def replayed() -> Run:
    """Return a run that has the file from its start."""
    return Run(NEW)


def test_a_limit_is_near_from_the_moment_on_from_which_it_is_in_force() -> None:
    found = replayed().findings
    assert [(finding.verdict, finding.measure, finding.limit, finding.state) for finding in found] == [
        (Verdict.LIMIT, Measure.WCU, 10.0, "open")
    ]
    assert CHANGE * 60 <= found[0].start <= (CHANGE + 5) * 60
    assert not Run(OLD).findings


@pytest.mark.parametrize("heard", [CHANGE - 10, CHANGE])
@pytest.mark.parametrize("restarts", [(), (CHANGE - 20, CHANGE + 30), (CHANGE - 1, CHANGE + 1)])
def test_who_hears_of_a_limit_while_it_runs_finds_what_a_replay_with_the_file_finds(
    heard: int, restarts: tuple[int, ...]
) -> None:
    live, replay = Run(OLD, (heard, NEW), restarts), replayed()
    assert live.findings == replay.findings
    assert live.loads == replay.loads


def test_a_raised_limit_ends_what_was_near_it() -> None:
    low = Capacity(BY_HAND, read((0, 10.0), (CHANGE * 60, 1000.0)))
    found = Run(low, minutes=CHANGE + DAY + 10).findings
    assert [finding.state for finding in found] == ["open", "update", "update", "end"]
    assert {round(finding.observed, 6) for finding in found} == {9.0}
    assert [finding.limit for finding in found] == [10.0, 1000.0, 1000.0, 1000.0]


@pytest.mark.variants
@pytest.mark.parametrize("restarts", [(), (CHANGE - 1, CHANGE + 1), (CHANGE,)])
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_limit_that_is_gone_ends_what_was_near_it(restarts: tuple[int, ...], by_hand: bool) -> None:
    if by_hand:
        tables = LimitsSettings(tables={"items": TableLimit(wcu=10.0)})
        run = Run(Capacity(tables), (CHANGE, Capacity(LimitsSettings())), restarts, CHANGE + DAY + 10)
    else:
        gone = Capacity(BY_HAND, read((0, 10.0), (CHANGE * 60, None)))
        run = Run(gone, restarts=restarts, minutes=CHANGE + DAY + 10)
    [opened, ended] = [finding for finding in run.findings if finding.verdict is Verdict.LIMIT]
    assert (opened.state, ended.state) == ("open", "end")
    assert (round(ended.observed, 6), ended.limit) == (9.0, 10.0)
    assert "the limit of 10/s" in ended.sentence


def test_the_loads_of_the_digest_have_the_limit_of_their_hour() -> None:
    loads = replayed().loads
    limits = [[load.limit for load in loads[at] if load.measure is Measure.WCU] for at in (3540, 7140)]
    assert limits == [[1000.0], [10.0]]


def test_what_is_written_by_hand_wins() -> None:
    hand = LimitsSettings(tables={"items": TableLimit(wcu=500.0)})
    assert not Run(Capacity(hand, read((0, 10.0)))).findings


@pytest.mark.parametrize(("region", "name", "near"), [("eu", "items", 1), ("us", "items", 0), ("eu", "x", 0)])
def test_a_limit_counts_for_its_own_table_in_its_own_region(region: str, name: str, near: int) -> None:
    capacity = Capacity(BY_HAND, read((0, 10.0), region=region, name=name))
    assert len(Run(capacity, minutes=30).findings) == near
