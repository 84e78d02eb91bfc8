"""The history holds the results of the engine."""

import random
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest

from detectors.state.state import StateError
from streams.engine.detect.step_record import VERDICTS, StepRecord, decode_step, encode_step, head_of
from streams.record.history.history_rows import HistoryRows
from streams.record.history.segments import HOUR, Segments
from streams.record.history.series_names import SeriesKey, SeriesNames, key_of
from streams.record.history.step_rows import StepRows, UnnamedSeriesError
from tests.streams.record.history.backend import START, Backend, requests

HOURS = 3


def rows_and_names(records: list[StepRecord]) -> tuple[HistoryRows, SeriesNames]:
    names = SeriesNames()
    return StepRows(names).rows(records), names


def of(rows: HistoryRows, names: SeriesNames) -> dict[tuple[SeriesKey, int], tuple[float, ...]]:
    """Return (observed, expected, lower, upper) by key and start."""
    amounts = np.stack((rows.observed, rows.expected, rows.lower, rows.upper)).T.tolist()
    keys = [names[number] for number in rows.series.tolist()]
    return dict(zip(zip(keys, rows.start.tolist(), strict=True), map(tuple, amounts), strict=True))


@pytest.fixture(scope="module")
def judged() -> tuple[Backend, list[bytes]]:
    backend = Backend()
    records = backend.feed(requests(60 * HOURS)) + backend.finish()
    return backend, records


def test_a_row_holds_what_was_observed_and_expected_of_every_series_at_every_step(
    judged: tuple[Backend, list[bytes]],
) -> None:
    backend, records = judged
    without_late = [record._replace(late=[]) for record in map(decode_step, records)]
    rows, names = rows_and_names(without_late)
    found = of(rows, names)
    compared = 0
    for judgement, series in backend.judgements:
        for row, about in enumerate(series):
            expected = (judgement.expected[row], judgement.lower[row], judgement.upper[row])
            here = found.pop((key_of(about), judgement.start), None)
            if here is None:
                assert np.isnan(judgement.observed[row])
                assert np.isnan(expected[0])
                continue
            assert here[0] == pytest.approx(judgement.observed[row], rel=1e-6, nan_ok=True)
            assert here[1:] == pytest.approx(expected, rel=2e-4, nan_ok=True)
            compared += 1
    assert compared > 40 * 60 * HOURS / 2
    rest = {key.measure.partition(":")[0] for key, _ in found if not key.source.kind}
    assert rest >= {"latency_p50", "latency_p99", "throttles"}


def test_a_p95_that_may_be_chance_is_known_like_the_quantiles_beside_it() -> None:
    slow = [line.replace(b'"total": 2', b'"total": 92') for line in requests(3, start=START + 90 * 60)]
    records = Backend().feed(requests(90) + slow + requests(2, start=START + 93 * 60))
    rows, names = rows_and_names([decode_step(record) for record in records])
    of_measures = {
        measure: rows.select(rows.series == number)
        for number, (scope, source, measure) in names
        if (scope.kind, source.kind) == ("service", "") and measure.startswith("latency")
    }
    p50, p95 = of_measures["latency_p50"], of_measures["latency"]
    known = p95.start[~np.isnan(p95.observed)]
    assert known.tolist() == p50.start[~np.isnan(p50.observed)].tolist()
    assert p95.observed[known == START + 92 * 60] > 900, "eighteen slow calls of two hundred"


def test_edges_have_rows_where_calls_were_made(judged: tuple[Backend, list[bytes]]) -> None:
    rows, names = rows_and_names([decode_step(record) for record in judged[1]])
    of_edge = [
        number
        for number, key in names
        if (key.source.name, key.scope.name, key.measure) == ("put-1", "items", "wcu")
    ]
    [number] = of_edge
    mine = rows.select(rows.series == number)
    assert len(mine) == 60 * HOURS
    assert set(mine.observed[:30].tolist()) == {1.5 * 3 + 1 + 3 + 5}
    assert mine.start.tolist() == list(range(START, START + HOURS * 3600, 60))


def test_throttles_are_also_kept_by_reason(judged: tuple[Backend, list[bytes]]) -> None:
    rows, names = rows_and_names([decode_step(record) for record in judged[1]])
    totals: dict[str, float] = defaultdict(float)
    for number, key in names:
        if key.scope.kind == "table" and key.measure.startswith("throttles") and not key.source.kind:
            totals[key.measure] += float(np.nansum(rows.observed[rows.series == number]))
    assert totals["throttles"] == totals["throttles:ProvisionedThroughputExceeded"] > 5


def test_late_records_add_to_the_row_that_they_belong_to(judged: tuple[Backend, list[bytes]]) -> None:
    records = [decode_step(record) for record in judged[1]]
    late = [correction for record in records for correction in record.late]
    assert len(late) == 4
    rows, names = rows_and_names(records)
    [number] = [
        number
        for number, key in names
        if (key.scope.kind, key.measure, key.source.kind) == ("service", "requests", "")
    ]
    mine = rows.select(rows.series == number)
    assert sorted(np.flatnonzero(mine.observed == 7)) == sorted(
        (correction.start - START) // 60 for correction in late
    )
    assert not np.isnan(mine.expected[np.flatnonzero(mine.observed == 7)[-1]])


@pytest.mark.variants
@pytest.mark.parametrize("seed", range(6))
def test_kills_and_chunks_leave_the_same_rows(judged: tuple[Backend, list[bytes]], seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a scenario, not a secret
    lines = requests(60 * HOURS)
    backend, segments = Backend(), Segments(1)
    position = 0
    saved: tuple[dict[str, bytes], dict[str, bytes], int] = {}, {}, 0
    while position < len(lines):
        size = chance.randint(1, 120)
        segments.feed(backend.feed(lines[position : position + size]))
        position += size
        if chance.random() < 0.2:
            saved = backend.snapshot(), segments.snapshot(), position
        elif chance.random() < 0.1 and saved[0]:
            backend, segments = Backend(), Segments(1)
            backend.restore(saved[0])
            segments.restore(saved[1])
            position = saved[2]
    segments.feed(backend.finish())
    parts = [decode_step(body) for segment in segments.rest() for body in segment.bodies]
    rows, _ = rows_and_names(parts)
    whole, _ = rows_and_names([decode_step(record) for record in judged[1]])
    for name in ("series", "start", "seconds", "observed", "expected", "lower", "upper", "verdict"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(whole, name), name)


def test_shards_leave_the_rows_of_one(judged: tuple[Backend, list[bytes]]) -> None:
    backend = Backend(shards=3)
    lines = requests(60 * HOURS)
    segments = Segments(3)
    segments.feed(backend.feed(lines))
    segments.feed(backend.finish())
    parts = [decode_step(body) for segment in segments.rest() for body in segment.bodies]
    rows, names = rows_and_names(parts)
    whole, all_names = rows_and_names([decode_step(record) for record in judged[1]])
    assert list(names) == list(all_names)
    assert of(rows, names).keys() == of(whole, all_names).keys()
    np.testing.assert_array_equal(rows.observed, whole.observed)
    np.testing.assert_array_equal(rows.verdict, whole.verdict)


def test_a_verdict_is_in_the_rows_while_it_is_open() -> None:
    backend = Backend()
    lines = requests(240, late=False)
    lines += requests(30, start=START + 240 * 60, per_minute=120, late=False)
    rows, names = rows_and_names([decode_step(raw) for raw in backend.feed(lines) + backend.finish()])
    [number] = [
        number
        for number, key in names
        if (key.scope.kind, key.measure, key.source.kind) == ("service", "requests", "")
    ]
    mine = rows.select(rows.series == number)
    verdicts = [VERDICTS[code] for code in mine.verdict]
    assert set(verdicts[:240]) == {""}
    assert verdicts[-5:] == ["spike"] * 5


def test_an_hour_that_begins_without_names_is_refused(judged: tuple[Backend, list[bytes]]) -> None:
    records = [decode_step(record) for record in judged[1]]
    with pytest.raises(UnnamedSeriesError, match="none are known"):
        rows_and_names(records[10:])
    rows_and_names(records[60:])  # an hour can be read by itself


@pytest.mark.parametrize("at", [0, 5, 13, 16, 40, -1])
def test_a_damaged_record_is_refused(judged: tuple[Backend, list[bytes]], at: int) -> None:
    body = bytearray(judged[1][5])
    body[at] ^= 0xFF
    with pytest.raises(StateError, match="damaged"):
        decode_step(bytes(body))


def test_a_record_that_is_cut_off_is_refused(judged: tuple[Backend, list[bytes]]) -> None:
    for end in (0, 7, 16, 100):
        with pytest.raises(StateError, match="damaged"):
            decode_step(judged[1][5][:end])


def test_an_hour_that_begins_before_there_is_a_series_is_read() -> None:
    backend = Backend()
    change = b'{"kind": "change", "ts": %d, "of": {"kind": "function", "name": "put-1"}, "what": "deploy"}'
    records = backend.feed([change % (START + 60 * minute) for minute in range(10)])
    records += backend.feed(requests(60)[40:]) + backend.finish()
    decoded = [decode_step(record) for record in records]
    assert (decoded[0].first, len(decoded[0].observed)) == ((0, 0), 0), "no series yet"
    rows, names = rows_and_names(decoded)
    assert {names[number].measure for number in rows.series.tolist()} >= {"requests", "wcu"}


def damaged(body: bytes) -> bytes:
    return body[:20] + bytes([body[20] ^ 0xFF]) + body[21:]


def odd(body: bytes) -> bytes:
    """Return a step whose names another program wrote."""
    return encode_step(decode_step(body)._replace(first=(0, 0), names=b"\x93\x90\x91\x92\x07\xa1x\x90"))


@pytest.mark.parametrize("spoil", [damaged, odd])
def test_an_hour_with_a_damaged_or_odd_step_is_left_out_and_the_others_are_read(
    judged: tuple[Backend, list[bytes]], spoil: Callable[[bytes], bytes]
) -> None:
    bodies = list(judged[1])
    [bad] = [at for at, body in enumerate(bodies) if head_of(body).start == START + HOUR + 300]
    bodies[bad] = spoil(bodies[bad])
    hour = [body for body in bodies if START + HOUR <= head_of(body).start < START + 2 * HOUR]
    with pytest.raises(StateError, match="damaged"):
        StepRows(SeriesNames()).rows_of_hour(hour)
    read = [record for _, steps in StepRows(SeriesNames()).read_hours(bodies) for record in steps]
    left_out = {head_of(body).start for body in bodies} - {record.start for record in read}
    assert left_out == {head_of(body).start for body in hour}
    assert [record.start for record in read] == sorted(record.start for record in read)
