"""A service is slower only if what it is called for takes longer, not if its slow routes are called more."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from config.settings import JudgeSettings, Settings
from detectors.latency.histogram import N_BINS, bins_of
from detectors.model.array_types import Floats, Ints
from detectors.model.finding import Finding
from detectors.model.measures import LATENCIES, SUMMED, Measure
from detectors.model.scope import FUNCTION, SERVICE, TABLE, Scope
from streams.engine.decode.cells import IN_CODE, IN_FUNCTION, TOTAL, cells_of
from streams.engine.decode.paths import Call, Path
from streams.engine.detect.detect import Detect
from streams.engine.detect.step_record import decode_names, decode_step
from streams.engine.rollup.blocks.block import Block
from tests.streams.engine.detect.found_in_blocks import findings_of

SETTINGS = Settings(judge=JudgeSettings(young=2 * 3600))
LEARNT = 3 * 60  # minutes
LASTS = 60
CALLS_A_MINUTE = 600
FAST, SLOW = 40.0, 800.0  # milliseconds
USUAL, MORE = 0.02, 0.12  # shares of the slow route
PATHS = [Path("aws", "1", "eu", "shop", f"GET /{name}", "shop-api", "", "", "") for name in ("fast", "slow")]
TABLES = [Call(0, "items"), Call(1, "items")]

Shape = tuple[float, float, float]
"""Share of the slow route, times as slow as usual, share of the fast route's calls that are as slow."""

AS_USUAL: Shape = (USUAL, 1.0, 0.0)
OTHER_MIX: Shape = (MORE, 1.0, 0.0)


@cache
def times(minute: int, shape: Shape) -> tuple[Ints, Floats]:
    """Return ids of paths, and the bins that their calls are in, as (2, N_BINS) counts."""
    draw = np.random.default_rng(minute)
    share, slower, among_fast = shape
    slow = draw.binomial(CALLS_A_MINUTE, share)
    found = np.zeros((2, N_BINS))
    for path, (count, median) in enumerate(((CALLS_A_MINUTE - slow, FAST), (slow, SLOW))):
        ms = median * slower * np.exp(0.3 * draw.standard_normal(count))
        if path == 0:
            ms[draw.random(count) < among_fast] = SLOW
        np.add.at(found[path], bins_of(ms), 1.0)
    return np.nonzero(found)[0], found


def block(minute: int, shape: Shape) -> Block:
    paths, found = times(minute, shape)
    bins = np.nonzero(found)[1].astype(np.int16)
    counts = found[np.nonzero(found)]
    sums = np.zeros((4, len(SUMMED)))
    sums[:, SUMMED.index(Measure.REQUESTS)] = np.tile(found.sum(axis=1), 2)
    layers = [cells_of(paths, layer, bins) for layer in (TOTAL, IN_FUNCTION, IN_CODE)]
    of_calls = cells_of(paths + 2, TOTAL, bins)
    return Block(
        source="one/0",
        shard=0,
        shards=1,
        sequence=minute,
        bucket=minute * 60,
        width=10,
        watermark=(minute + 1) * 60,
        records=CALLS_A_MINUTE,
        paths=PATHS,
        calls=TABLES,
        sums=sums,
        cells=np.concatenate((*layers, of_calls)),
        counts=np.tile(counts, 4),
    )


def usual_times_then(*shapes: Shape) -> Iterator[Block]:
    """Hours as usual, an hour of each shape, and an hour as usual."""
    after = (AS_USUAL,) * (LEARNT // LASTS), shapes, (AS_USUAL,)
    for hour, shape in enumerate(row for part in after for row in part):
        for minute in range(hour * LASTS, (hour + 1) * LASTS):
            yield block(minute, shape)


@cache
def mix_and_times() -> list[Finding]:
    """Return what is found when first the mix is another, then everything takes longer."""
    return findings_of(usual_times_then(OTHER_MIX, (MORE, 4.0, 0.0)), SETTINGS)


def slower(findings: list[Finding]) -> dict[tuple[str, str], int]:
    """Return when each scope became slower, in minutes."""
    return {
        (finding.about.kind, str(finding.measure)): finding.start // 60
        for finding in findings
        if finding.state == "open"
        and finding.measure.startswith("latency")
        and isinstance(finding.about, Scope)
    }


WHOLES = {(SERVICE, "latency"), (FUNCTION, "latency"), (FUNCTION, "latency_code"), (TABLE, "latency")}


def test_nothing_is_slower_when_slow_calls_are_made_more_often() -> None:
    assert not slower(findings_of(usual_times_then(OTHER_MIX, OTHER_MIX), SETTINGS))


def test_nothing_is_faster_when_slow_calls_are_made_less_often() -> None:
    often = (MORE, 1.0, 0.0)
    hours = [often] * (LEARNT // LASTS) + [AS_USUAL] * 2
    blocks = (
        block(hour * LASTS + minute, shape) for hour, shape in enumerate(hours) for minute in range(LASTS)
    )
    assert not slower(findings_of(blocks, SETTINGS))


def test_calls_that_take_longer_are_found_whatever_they_are_called_for() -> None:
    found = slower(findings_of(usual_times_then((USUAL, 1.0, MORE)), SETTINGS))
    assert found.keys() >= WHOLES
    assert all(LEARNT <= start <= LEARNT + 2 for start in found.values())


def test_what_becomes_slower_while_the_mix_is_another_is_found_from_then_on() -> None:
    found = slower(mix_and_times())
    since = LEARNT + LASTS
    assert {whole for whole, start in found.items() if since <= start <= since + 3} >= WHOLES


def test_a_slowdown_that_was_found_stays_open_when_the_mix_changes_too() -> None:
    findings = findings_of(usual_times_then((USUAL, 4.0, 0.0), (MORE, 4.0, 0.0)), SETTINGS)
    ended = [
        finding for finding in findings if finding.state == "end" and finding.measure.startswith("latency")
    ]
    assert ended
    assert all((finding.end or 0) >= (LEARNT + 2 * LASTS - 2) * 60 for finding in ended)


@pytest.mark.variants
@pytest.mark.parametrize("at", [LEARNT - 30, LEARNT + 1, LEARNT + 20, LEARNT + LASTS + 1])
def test_a_restart_changes_nothing(at: int) -> None:
    blocks = usual_times_then(OTHER_MIX, (MORE, 4.0, 0.0))
    assert findings_of(blocks, SETTINGS, restart=at) == mix_and_times()


def test_late_records_may_bring_scopes_that_their_step_has_not() -> None:
    blocks = list(usual_times_then())[:60]
    late = block(30, AS_USUAL)
    late.bucket, late.sequence, late.watermark, late.late = 30 * 60, 60, 61 * 60, late.records
    late.paths = [path._replace(service="other", function="other-api") for path in PATHS]
    blocks += [late, *(block(minute, AS_USUAL) for minute in range(61, 70))]
    detect = Detect(0, ["one/0"], SETTINGS)
    assert [judged.start for sent in blocks for judged in detect.feed([sent])][-1] == 69 * 60


def test_the_history_shows_no_verdict_where_none_is_reported() -> None:
    detect, times_of = Detect(0, ["one/0"], SETTINGS, records=True), list[int]()
    shown, opened = set[int](), 0
    for sent in usual_times_then(OTHER_MIX):
        for step in detect.feed([sent]):
            opened += sum(finding.state == "open" for finding in step.findings)
        for record in map(decode_step, detect.take_records()):
            if record.names:
                named = decode_names(record.names)[0]
                times_of = [row for row, item in enumerate(named) if item.measure in LATENCIES]
            shown |= set(np.flatnonzero(record.verdict).tolist())
    assert opened, "there are more requests of the slow route"
    assert times_of
    assert not shown & set(times_of)
