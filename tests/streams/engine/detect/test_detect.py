"""Detect: the measures of a scope, and the attribution of its findings."""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
import pytest

from config.settings import JudgeSettings, LimitsSettings, Settings, TableLimit
from detectors.latency.histogram import bins_of
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import COLUMN, SUMMED, Measure
from detectors.model.scope import TABLE
from streams.engine.decode.cells import IN_AUTH, IN_CODE, IN_FUNCTION, TOTAL, cells_of
from streams.engine.decode.paths import Call, Path
from streams.engine.decode.values import Value
from streams.engine.detect.detect import Detect
from streams.engine.rollup.blocks.block import Block

PUT = Path("aws", "1", "eu", "shop", "PUT /", "put", "", "", "")
DAY = 1440  # minutes
LEARNT = 8 * 60  # minutes, two hours more than `young`
SETTINGS = Settings(judge=JudgeSettings(young=6 * 3600))

Sums = Mapping[Measure, float]


def minute(
    number: int, of_path: Sums, of_call: Sums, ms: Mapping[int, float] | None = None, table: str = "items"
) -> Block:
    """Return the block of one minute of one function and its calls to one table.

    ``ms`` is the duration of each layer in each of 200 requests.
    """
    ms = ms or {}
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
        calls=[Call(0, table)],
        sums=sums,
        cells=cells_of(
            np.zeros(len(ms), np.int64), np.array(list(ms), np.int64), bins_of(np.array(list(ms.values())))
        ),
        counts=np.full(len(ms), 200.0),
    )


def found(blocks: Iterable[Block]) -> list[Finding]:
    return [finding for judged in Detect(0, ["one/0"], SETTINGS).feed(blocks) for finding in judged.findings]


def calls(reads: float, writes: float, wcu: float) -> Sums:
    return {
        Measure.REQUESTS: reads + writes,
        Measure.READS: reads,
        Measure.WRITES: writes,
        Measure.RCU: reads / 2,
        Measure.WCU: wcu,
    }


@pytest.mark.parametrize(("table", "falls"), [("items", {Verdict.DROP, Verdict.ABSENCE}), ("other", set())])
def test_what_is_folded_into_other_is_judged_by_its_parts_alone(table: str, falls: set[Verdict]) -> None:
    draw = np.random.default_rng(2)

    def at(number: int, called: float, throttled: float = 0.0) -> Block:
        of_call = {**calls(called, called, called), Measure.THROTTLES: throttled}
        return minute(number, {Measure.REQUESTS: 600.0}, of_call, table=table)

    end = DAY + 2 * 60  # an absence needs a day
    blocks = [at(number, float(draw.poisson(600))) for number in range(end)]
    blocks += [at(number, 60.0) for number in range(end, end + 15)]  # others are folded, or fewer
    blocks += [at(number, 600.0) for number in range(end + 15, end + 120)]
    blocks += [at(number, 0.0) for number in range(end + 120, end + 180)]
    blocks += [at(number, 600.0) for number in range(end + 180, end + 240)]
    blocks += [at(number, 600.0, throttled=300.0) for number in range(end + 240, end + 255)]
    of_table = [
        finding for finding in found(blocks) if finding.about.kind == TABLE and finding.state == "open"
    ]
    assert {finding.verdict for finding in of_table if finding.measure is not Measure.THROTTLES} == falls
    assert [finding.verdict for finding in of_table if finding.measure is Measure.THROTTLES] == [
        Verdict.SPIKE
    ]


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
        minute(at, {Measure.REQUESTS: 600.0}, calls(reads, writes, 150 + draw.normal()))
        for at in range(LEARNT)
        for reads, writes in [draw.poisson((600, 60)).tolist()]
    ]
    blocks += [minute(at, {Measure.REQUESTS: 600.0}, then) for at in range(LEARNT, LEARNT + 15)]
    [opened] = [
        finding
        for finding in found(blocks)
        if finding.state == "open" and finding.measure is Measure.WCU and finding.verdict is Verdict.SPIKE
    ]
    assert opened.callers[0].scope.name == "put"
    assert opened.callers[0].more_calls == pytest.approx(more_calls, abs=0.05)


def test_reads_and_writes_of_a_table_are_never_reported_themselves() -> None:
    blocks = [minute(at, {Measure.REQUESTS: 600.0}, calls(600, 60, 150)) for at in range(LEARNT)]
    blocks += [
        minute(at, {Measure.REQUESTS: 600.0}, calls(60, 600, 150)) for at in range(LEARNT, LEARNT + 15)
    ]
    assert not [finding for finding in found(blocks) if finding.measure in (Measure.READS, Measure.WRITES)]


@pytest.mark.parametrize(
    ("layer", "kind", "measure"),
    [(IN_CODE, "function", Measure.LATENCY_CODE), (IN_AUTH, "route", Measure.LATENCY_AUTH)],
)
def test_a_slow_layer_is_reported_for_the_scope_it_belongs_to(
    layer: int, kind: str, measure: Measure
) -> None:
    draw = np.random.default_rng(2)
    usual = {TOTAL: 400.0, IN_FUNCTION: 300.0, IN_CODE: 90.0, IN_AUTH: 80.0}

    def about(ms: Mapping[int, float]) -> dict[int, float]:
        return {key: value * draw.lognormal(0, 0.05) for key, value in ms.items()}

    counted = {Measure.REQUESTS: 200.0}, {Measure.REQUESTS: 200.0}
    blocks = [minute(at, *counted, about(usual)) for at in range(LEARNT)]
    slow = usual | {layer: 700.0}
    blocks += [minute(at, *counted, about(slow)) for at in range(LEARNT, LEARNT + 15)]
    [opened] = [
        finding for finding in found(blocks) if finding.state == "open" and finding.verdict is Verdict.SPIKE
    ]
    assert (opened.about.kind, opened.measure) == (kind, measure)
    assert opened.observed == pytest.approx(700, rel=0.2)
    assert " ms" in opened.sentence


def test_the_consumption_of_a_table_is_emitted_hourly_even_across_a_restart() -> None:
    settings = SETTINGS.model_copy(update={"limits": LimitsSettings(tables={"items": TableLimit(wcu=10.0)})})
    blocks = [minute(at, {Measure.REQUESTS: 60.0}, calls(60, 60, 120 + at % 60)) for at in range(130)]
    detect, judged = Detect(0, ["one/0"], settings), []
    for at, block in enumerate(blocks):
        judged += detect.feed([block])
        if at == 40:
            parts, detect = detect.snapshot(), Detect(0, ["one/0"], settings)
            detect.restore(parts)
    loads = {step.watermark: {load.measure: load for load in step.loads} for step in judged if step.loads}
    assert list(loads) == [3600, 7200]
    assert loads[3600][Measure.WCU].rate == pytest.approx((120 + 29.5) / 60)
    assert (loads[3600][Measure.WCU].limit, loads[3600][Measure.RCU].limit) == (10.0, None)
    assert loads[7200] == loads[3600]


def selling(number: int, sales: float) -> Block:
    block = minute(number, {Measure.REQUESTS: 60.0}, calls(60, 0, 0))
    block.values, block.amounts = [Value("aws", "1", "eu", "shop", "sales")], np.array([[sales, 0.0]])
    return block


def test_a_drop_of_a_business_value_is_reported_for_its_service_and_its_account() -> None:
    draw = np.random.default_rng(3)
    blocks = [selling(at, round(100 * draw.lognormal(7, 0.05)) / 100) for at in range(LEARNT)]
    blocks += [selling(at, 40.0) for at in range(LEARNT, LEARNT + 15)]
    detect, judged = Detect(0, ["one/0"], SETTINGS), []
    for at in (LEARNT // 2, LEARNT + 5, len(blocks)):
        judged += detect.feed(blocks[:at])  # repeated blocks are ignored
        parts, detect = detect.snapshot(), Detect(0, ["one/0"], SETTINGS)
        detect.restore(parts)
    findings = [finding for step in judged for finding in step.findings]
    assert findings == found(blocks)
    opened = [finding for finding in findings if finding.state == "open" and finding.verdict is Verdict.DROP]
    assert {(finding.about.kind, str(finding.measure)) for finding in opened} == {
        ("service", "value:sales"),
        ("account", "value:sales"),
    }
    assert opened[0].sentence.startswith("Sales of ")
    assert msgspec.json.decode(msgspec.json.encode(opened[0]), type=Finding) == opened[0]


def test_nobody_is_younger_than_nothing_while_the_first_step_is_judged() -> None:
    detect = Detect(0, ["one/0"], SETTINGS)
    detect.feed([minute(number, {Measure.REQUESTS: 200.0}, {Measure.REQUESTS: 200.0}) for number in (9, 10)])
    assert detect.ages().tolist()
    detect._judge._recent.at = -1  # as another thread finds it: the first values are there, their step is not
    assert set(detect.ages().tolist()) == {0.0}


def test_few_calls_more_are_stated_by_their_sum_until_they_end() -> None:
    draw, begins, lasts = np.random.default_rng(1), 5 * DAY, 60
    drawn = draw.poisson([13.0 * (1.7 if begins <= at < begins + lasts else 1) for at in range(begins + 120)])
    blocks = [
        minute(at, {Measure.REQUESTS: count}, calls(count, count, count)) for at, count in enumerate(drawn)
    ]
    reported = [
        finding
        for finding in found(blocks)
        if finding.about.kind == TABLE and finding.measure is Measure.REQUESTS
    ]
    assert [reported[0].state, reported[-1].state] == ["open", "end"]
    assert reported[0].verdict is Verdict.SPIKE
    for spike in reported:
        assert spike.added_up is not None
        assert spike.added_up.observed / spike.added_up.expected == pytest.approx(1.6, abs=0.2)
        assert "averaged" in spike.sentence
    assert reported[0].added_up is not None
    assert reported[0].added_up.until - reported[0].added_up.seconds == reported[0].start


def test_ten_times_the_calls_are_stated_by_their_mean_and_the_calm_after_them_is_none_of_it() -> None:
    draw, begins = np.random.default_rng(1), DAY
    drawn = draw.poisson([13.0 * (10 if begins <= at < begins + 20 else 1) for at in range(begins + 60)])
    blocks = [
        minute(at, {Measure.REQUESTS: count}, calls(count, count, count)) for at, count in enumerate(drawn)
    ]
    reported = [
        finding
        for finding in found(blocks)
        if finding.about.kind == TABLE and finding.measure is Measure.REQUESTS
    ]
    assert reported[-1].state == "end"
    for spike in reported[1:]:
        assert spike.added_up is not None
        begun = spike.added_up.until - spike.added_up.seconds
        calls_made = 2 * drawn[begun // 60 : spike.added_up.until // 60].sum()  # reads and writes
        assert spike.added_up.observed == pytest.approx(calls_made / spike.added_up.seconds)
        assert spike.added_up.until <= (begins + 20) * 60
        assert spike.affected is not None
        assert spike.affected.requests == pytest.approx(calls_made)
        assert spike.affected.seconds == spike.added_up.seconds
        assert "averaged" in spike.sentence


def test_what_becomes_far_worse_or_is_over_is_told_in_its_minute() -> None:
    draw, begins = np.random.default_rng(1), DAY
    times = [1.0] * begins + [4.0] * 2 + [30.0] * 8 + [1.0] * 2
    drawn = draw.poisson(60.0 * np.array(times))
    blocks = [
        minute(at, {Measure.REQUESTS: count}, calls(count, count, count)) for at, count in enumerate(drawn)
    ]
    told = [
        finding.seen // 60 - begins
        for finding in found(blocks)
        if finding.about.kind == TABLE and finding.measure is Measure.REQUESTS
    ]
    assert told == [1, 3, 8, 11], "found, thirty times as much, after five minutes, and over"


def test_failures_that_are_reported_in_a_minute_without_one_are_measured_as_a_rise() -> None:
    draw, begins, lasts = np.random.default_rng(26), LEARNT, 60
    blocks = []
    for at in range(begins + lasts + 60):
        failed = draw.binomial(30, 0.02) if begins <= at < begins + lasts else draw.random() < 0.004
        counted = {Measure.REQUESTS: 30.0, Measure.ERRORS_BACKEND: float(failed)}
        blocks.append(minute(at, counted, calls(30, 30, 30)))
    opened, *_, ended = [
        finding
        for finding in found(blocks)
        if finding.about.kind == "route"
        and finding.measure is Measure.ERRORS_BACKEND
        and finding.seen > begins * 60
    ]
    assert (opened.verdict, opened.observed) == (Verdict.SPIKE, 0.0)
    assert (opened.seen - opened.start) // 60 == 4, "it began with the first of many failures"
    assert ended.peak == pytest.approx(4 / 60)
    assert ended.end is not None
    assert ended.end < ended.seen, "the calm minutes before it was certain are none of it"
