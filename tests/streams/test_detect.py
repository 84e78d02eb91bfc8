"""Detect: what is measured of a scope, and what its findings are divided by."""

from collections.abc import Iterable, Mapping

import numpy as np
import pytest

from config.settings import Judge, Settings
from detectors.finding import Finding, Verdict
from detectors.measures import COLUMN, SUMMED, Measure
from streams.block import Block
from streams.detect import Detect
from streams.paths import Call, Path

PUT = Path("aws", "1", "eu", "shop", "PUT /", "put", "", "", "")
DAY = 1440  # minutes
SETTINGS = Settings(judge=Judge(young=6 * 3600))

Sums = Mapping[Measure, float]


def minute(number: int, of_path: Sums, of_call: Sums) -> Block:
    """Return what one function and its calls of one table came to in one minute."""
    sums = np.zeros((2, len(SUMMED)))
    for row, counted in enumerate((of_path, of_call)):
        for measure, value in counted.items():
            sums[row, COLUMN[measure]] = value
    return Block(
        source="one/0",
        shard=0,
        shards=1,
        sequence=number,
        bucket=number * 60,
        width=10,
        watermark=number * 60 + 60,
        records=int(of_path[Measure.REQUESTS]),
        paths=[PUT],
        calls=[Call(0, "items")],
        sums=sums,
    )


def found(blocks: Iterable[Block]) -> list[Finding]:
    return [one for judged in Detect(0, ["one/0"], SETTINGS).feed(blocks) for one in judged.findings]


def calls(reads: float, writes: float, wcu: float) -> Sums:
    return {
        Measure.REQUESTS: reads + writes,
        Measure.READS: reads,
        Measure.WRITES: writes,
        Measure.RCU: reads / 2,
        Measure.WCU: wcu,
    }


@pytest.mark.parametrize(
    ("then", "more_calls"),
    [(calls(600, 240, 600), 1.0), (calls(600, 60, 600), 0.0)],
    ids=["four times the writes", "each write four times as large"],
)
def test_an_excess_of_wcu_is_explained_by_writes_however_many_reads_there_are(
    then: Sums, more_calls: float
) -> None:
    draw = np.random.default_rng(1)
    blocks = [
        minute(at, {Measure.REQUESTS: 600.0}, calls(*(draw.poisson((600, 60)).tolist()), 150 + draw.normal()))
        for at in range(2 * DAY)
    ]
    blocks += [minute(at, {Measure.REQUESTS: 600.0}, then) for at in range(2 * DAY, 2 * DAY + 15)]
    [opened] = [
        one
        for one in found(blocks)
        if one.state == "open" and one.measure is Measure.WCU and one.verdict is Verdict.SPIKE
    ]
    assert opened.callers[0].scope.name == "put"
    assert opened.callers[0].more_calls == pytest.approx(more_calls, abs=0.05)


def test_reads_and_writes_of_a_table_are_never_told_themselves() -> None:
    blocks = [minute(at, {Measure.REQUESTS: 600.0}, calls(600, 60, 150)) for at in range(2 * DAY)]
    blocks += [
        minute(at, {Measure.REQUESTS: 600.0}, calls(60, 600, 150)) for at in range(2 * DAY, 2 * DAY + 15)
    ]
    assert not [one for one in found(blocks) if one.measure in (Measure.READS, Measure.WRITES)]
