"""Late records: findings are withdrawn or amended, and baselines learn."""

import functools
from collections.abc import Iterable

import numpy as np
import pytest

from config.settings import JudgeSettings, Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import SUMMED, Measure
from detectors.model.sentence import named
from streams.engine.decode.paths import Path
from streams.engine.detect.detect import Detect
from streams.engine.rollup.blocks.block import Block
from tests.streams.engine.detect.found_in_blocks import fed_in_runs, findings_of

DAY = 1440  # minutes
SETTINGS = Settings(judge=JudgeSettings(young=6 * 3600))
PUT = Path("aws", "1", "eu", "shop", "PUT /", "put", "", "", "")
FALL = 8 * 60  # two hours after `young`
LEFT = 30.0  # requests a minute of 600, while a partition is behind
LASTS = 20


def block(sequence: int, at: int, requests: float, watermark: int) -> Block:
    sums = np.zeros((1, len(SUMMED)))
    sums[0, SUMMED.index(Measure.REQUESTS)] = requests
    return Block(
        source="one/0",
        shard=0,
        shards=1,
        sequence=sequence,
        bucket=at * 60,
        width=10,
        watermark=watermark * 60,
        records=int(requests),
        paths=[PUT],
        calls=[],
        sums=sums,
        cells=np.zeros(0, np.int64),
        counts=np.zeros(0),
    )


@functools.cache
def usual() -> list[float]:
    return [float(count) for count in np.random.default_rng(3).poisson(600.0, 3 * DAY)]


def stream(late: float, *, delay: int = 40) -> Iterable[Block]:
    """Twenty minutes of a fall after usual hours, and ``late`` of what is missing ``delay`` minutes after."""
    sequence = 0
    for at in range(FALL + 120):
        falls = FALL <= at < FALL + LASTS
        yield block(sequence, at, LEFT if falls else usual()[at], at + 1)
        sequence += 1
        if at == FALL + delay and late:
            for missed in range(FALL, FALL + LASTS):
                yield block(sequence, missed, late * (usual()[missed] - LEFT), at + 1)
                sequence += 1


@functools.cache
def filled_in_part() -> list[Finding]:
    return findings_of(stream(0.5), SETTINGS)


def of_route(findings: Iterable[Finding]) -> list[Finding]:
    return [
        finding
        for finding in findings
        if finding.about.kind == "route" and finding.measure is Measure.REQUESTS and finding.start >= 0
    ]


def test_a_fall_is_kept_when_no_record_is_late() -> None:
    states = [finding.state for finding in of_route(findings_of(stream(0.0), SETTINGS))]
    assert states[0] == "open"
    assert states[-1] == "end"
    assert "withdrawn" not in states


@pytest.mark.parametrize("delay", [10, 40], ids=["while it is open", "after it was over"])
def test_a_fall_that_late_records_fill_is_withdrawn(delay: int) -> None:
    findings = of_route(findings_of(stream(1.0, delay=delay if delay > LASTS else LASTS - 1), SETTINGS))
    assert (findings[0].state, findings[0].verdict) == ("open", Verdict.DROP)
    assert findings[-1].state == "withdrawn"
    assert findings[-1].id == findings[0].id
    assert [finding.revision for finding in findings] == list(range(len(findings)))
    assert findings[-1].trace is not None
    with_them = [value for value in findings[-1].trace.now if value is not None]
    assert min(with_them) > 8  # the chart shows what there really was


def test_a_fall_that_late_records_fill_in_part_is_amended() -> None:
    last = of_route(filled_in_part())[-1]
    assert (last.state, last.verdict) == ("end", Verdict.DROP)
    assert last.observed == pytest.approx((LEFT + 0.5 * 570) / 60, rel=0.15)
    observed, expected = last.figures
    assert f"{100 * observed / expected:.0f} % of" in last.sentence


def test_an_absence_that_late_records_fill_is_withdrawn() -> None:
    fall = DAY + 120  # an absence needs a day

    def gone() -> Iterable[Block]:
        sequence = 0
        for at in range(fall + 120):
            silent = fall <= at < fall + LASTS
            other = block(sequence, at, 0.0 if silent else usual()[at], at + 1)
            other.paths = [PUT, PUT._replace(route="GET /", function="get")]
            other.sums = np.concatenate((other.sums, np.full_like(other.sums, 0.0)))
            other.sums[1, SUMMED.index(Measure.REQUESTS)] = 300.0
            other.records += 300
            yield other
            sequence += 1
            if at == fall + LASTS - 1:
                for missed in range(fall, at + 1):
                    yield block(sequence, missed, usual()[missed], at + 1)
                    sequence += 1

    findings = [
        finding
        for finding in of_route(findings_of(gone(), SETTINGS))
        if named(finding.about) == "route PUT /"
    ]
    assert [(finding.verdict, finding.state) for finding in findings] == [
        (Verdict.ABSENCE, "open"),
        *[(Verdict.ABSENCE, "update")] * 3,
        (Verdict.ABSENCE, "withdrawn"),
    ]


def test_records_that_are_hours_late_are_counted_and_change_nothing() -> None:
    detect = Detect(0, ["one/0"], SETTINGS)
    list(fed_in_runs(detect, [block(at, at, 600.0, at + 1) for at in range(500)]))
    [judged] = detect.feed([block(500, 10, 50.0, 500), block(501, 500, 600.0, 501)])
    assert (detect.steps.late, judged.findings) == (50, [])


def test_an_ended_finding_is_forgotten_once_no_late_record_can_change_it() -> None:
    detect = Detect(0, ["one/0"], SETTINGS)
    list(fed_in_runs(detect, list(stream(0.0))))
    over = len(detect.snapshot()["findings"])
    hours = range(FALL + 120, FALL + 120 + 6 * 60)
    list(fed_in_runs(detect, [block(at, at, usual()[at], at + 1) for at in hours]))
    assert len(detect.snapshot()["findings"]) < over / 4


@pytest.mark.parametrize("restart", [FALL + 5, FALL + LASTS + 3, FALL + 50])
def test_a_restart_anywhere_changes_nothing(restart: int) -> None:
    assert findings_of(stream(0.5), SETTINGS, restart) == filled_in_part()
