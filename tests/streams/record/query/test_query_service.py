"""The read API answers with the engine's values."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from streams.record.history.history_queries import HistoryPatience
from streams.record.query.query_bounds import QueryBounds, QueryError, QueryTrouble
from streams.record.query.query_plan import LabelMatcher
from streams.record.query.query_service import QueryService
from streams.record.query.query_times import QueryTimes
from tests.streams.record.history.backend import START
from tests.streams.record.query.judged_hours import END, STEP, JudgedHours, asked_at, asked_over

SCOPES = '{source_kind="",measure!~"throttles:.*|.*_p50|.*_p99"}'
NEWEST = END - STEP
IN_A_FILE = START + 2 * 3600 + 7 * STEP


@pytest.mark.parametrize("start", [NEWEST, NEWEST - 5 * STEP, IN_A_FILE])
async def test_what_was_observed_is_what_the_engine_has_to_the_last_bit_of_a_single(
    judged: JudgedHours, start: int
) -> None:
    found = await asked_at(judged.service(), f"uneri_observed{SCOPES}", start)
    known = judged.known(start)
    assert len(known) > 30
    assert {labels: found.get(labels) for labels in known} == known


@pytest.mark.parametrize("name", ["expected", "lower", "upper"])
async def test_what_was_expected_is_what_the_engine_has_as_exactly_as_it_is_kept(
    judged: JudgedHours, name: str
) -> None:
    found = await asked_at(judged.service(), f"uneri_{name}", NEWEST)
    known = judged.known(NEWEST, name)
    assert found.keys() == known.keys()
    for labels, amount in known.items():
        assert found[labels] == pytest.approx(amount, rel=2e-4, abs=1e-6)


async def test_a_value_over_time_is_that_of_each_step(judged: JudgedHours) -> None:
    query = 'uneri_observed{kind="table",measure="wcu",source_kind=""}'
    [(labels, values)] = (await asked_over(judged.service(), query, START, END - STEP, STEP)).items()
    assert values == {float(start): judged.known(start)[labels] for start in range(START, END, STEP)}


async def test_a_step_of_ten_minutes_is_answered_by_the_mean_of_ten_minutes(judged: JudgedHours) -> None:
    query = 'uneri_observed{kind="table",measure="wcu",source_kind=""}'
    [(labels, values)] = (await asked_over(judged.service(), query, START, END - STEP, 600)).items()
    for start, value in values.items():
        steps = [at for at in range(int(start), int(start) + 600, STEP) if at < END]
        assert value == pytest.approx(np.mean([judged.known(at)[labels] for at in steps]), rel=1e-6)
    assert len(values) == -(-(END - START) // 600)


async def test_the_callers_of_a_table_add_up_to_it(judged: JudgedHours) -> None:
    service = judged.service()
    own = await asked_at(service, 'uneri_observed{kind="table",measure="wcu",source_kind=""}', NEWEST)
    callers = await asked_at(
        service, 'sum(uneri_observed{kind="table",measure="wcu",source_kind="function"})', NEWEST
    )
    assert list(callers.values()) == pytest.approx(list(own.values()))
    ranked = await asked_at(
        service, 'topk(1, uneri_observed{kind="table",measure="wcu",source_kind="function"})', NEWEST
    )
    [labels] = ranked
    assert dict(labels)["source_name"] == "put-1"


async def test_a_value_holds_for_five_minutes_and_no_longer(judged: JudgedHours) -> None:
    query = 'uneri_observed{kind="table",measure="wcu"}'
    service = judged.service()
    newest = await asked_at(service, query, NEWEST)
    assert await asked_at(service, query, NEWEST + 299) == newest
    assert await asked_at(service, query, NEWEST + 300) == {}


async def test_a_reason_of_throttles_is_shown_in_the_steps_that_had_it(judged: JudgedHours) -> None:
    query = 'uneri_observed{measure="throttles:ProvisionedThroughputExceeded"}'
    service = judged.service()
    over = await asked_over(service, query, START, END + 200, 30)
    throttled = [
        start
        for start in range(START, END, STEP)
        if any(
            dict(labels)["measure"] == "throttles" and value for labels, value in judged.known(start).items()
        )
    ]
    assert over
    for values in over.values():
        assert {int(at) // STEP * STEP for at in values if at < END} <= set(throttled)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("rate(uneri_observed[5m])", r"rate\(\) is not supported: values are per second already"),
        ("avg_over_time(uneri_observed[5m])", r"avg_over_time\(\) is not supported"),
        ("histogram_quantile(0.9, uneri_observed)", r"histogram_quantile\(\) is not supported"),
        ("uneri_observed[5m]", r"ranges such as \[5m\] are not supported"),
        ("uneri_observed[1h:5m]", "subqueries are not supported"),
        ("uneri_observed @ 0", "@ is not supported"),
        ("quantile(0.5, uneri_observed)", "quantile is not supported: aggregate by sum"),
        (
            "uneri_observed * on(name) group_left() uneri_upper",
            "group_left and group_right are not supported",
        ),
        ("uneri_observed atan2 uneri_upper", "atan2 is not supported"),
        ('uneri_observed{name="a" or name="b"}', '"or" in a selector is not supported'),
        ('"text"', "a text alone is no query"),
        ("uneri_observed{", "this is no PromQL"),
        ('{name=~".*"}', "at least one non-empty matcher"),
        ('uneri_observed{name=~"("}', "this is no PromQL: illegal regex"),
        ('uneri_observed{name=~"a{1001}"}', "the pattern of name cannot be used"),
        ('uneri_observed{name=~"a)|(b"}', "the pattern of name cannot be used"),
        ("(" * 300 + "1" + ")" * 300, "more than 500 names and operators"),
        ("-" * 10_000 + "1", "more than 500 names and operators"),
        (f'uneri_observed{{name="{"a" * 20_000}"}}', "longer than 20,000 characters"),
    ],
)
async def test_what_is_outside_of_the_subset_is_refused_by_its_name(
    judged: JudgedHours, query: str, said: str
) -> None:
    with pytest.raises(QueryError, match=said) as refused:
        await judged.service().instant(query, QueryTimes(NEWEST * 1000))
    assert refused.value.trouble == QueryTrouble.BAD_DATA


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (QueryBounds(rows=100), "needs more than 100 rows of the history; choose fewer series"),
        (QueryBounds(cells=100), "100 values are the most; choose fewer series, a shorter range"),
        (QueryBounds(series=3), "3 with 1,000,000 are the most; aggregate"),
        (QueryBounds(values=100), "20,000 with 100 are the most; aggregate"),
    ],
)
async def test_a_query_that_is_too_large_is_refused(
    judged: JudgedHours, bounds: QueryBounds, said: str
) -> None:
    times = QueryTimes.over((END - 3600) * 1000, END * 1000, 60_000)
    with pytest.raises(QueryError, match=said) as refused:
        await judged.service(bounds=bounds).over("uneri_observed", times)
    assert refused.value.trouble == QueryTrouble.EXECUTION


async def test_selectors_that_are_too_large_together_are_refused(judged: JudgedHours) -> None:
    times = QueryTimes.over((END - 3600) * 1000, END * 1000, 60_000)
    service = judged.service(bounds=QueryBounds(held=3 * 61))
    one = 'uneri_observed{kind="table",measure="wcu",source_kind=""}'
    assert b"success" in await service.over(f"{one} + {one} + {one} offset 1m + {one} offset 2m", times)
    with pytest.raises(QueryError, match="more than 183 values at a time; ask for fewer of them") as refused:
        await service.over(
            f"{one} + " + " + ".join(f"{one} offset {minutes}m" for minutes in (1, 2, 3)), times
        )
    assert refused.value.trouble == QueryTrouble.EXECUTION


async def test_left_sides_that_wait_for_their_right_ones_are_counted(judged: JudgedHours) -> None:
    """Two kilobytes of nested brackets held a gigabyte."""
    times = QueryTimes.over((END - 3600) * 1000, END * 1000, 60_000)
    service = judged.service(bounds=QueryBounds(held=3 * 61))
    one = 'uneri_observed{kind="table",measure="wcu",source_kind=""}'
    assert b"success" in await service.over(f"({one} + 1) - (({one} + 2) - {one})", times)
    assert b"success" in await service.over(" - ".join(f"({one} + {n})" for n in range(6)), times)
    with pytest.raises(QueryError, match="more than 183 values at a time") as refused:
        await service.over(f"({one} + 1) - (({one} + 2) - (({one} + 3) - ({one} + 4)))", times)
    assert refused.value.trouble == QueryTrouble.EXECUTION


async def test_a_query_that_takes_too_long_ends(judged: JudgedHours) -> None:
    clock = iter(range(1000))
    service = judged.service(bounds=QueryBounds(clock=lambda: next(clock)))
    with pytest.raises(QueryError, match="took longer than 2 seconds; choose fewer series") as refused:
        await service.instant("uneri_observed", QueryTimes(NEWEST * 1000), 2)
    assert refused.value.trouble == QueryTrouble.TIMEOUT


async def test_more_queries_than_can_wait_are_refused(judged: JudgedHours) -> None:
    service = judged.service(patience=HistoryPatience(threads=1, waiting=-1))
    with pytest.raises(QueryError, match="try again in a few seconds") as refused:
        await service.instant("uneri_observed", QueryTimes(NEWEST * 1000))
    assert refused.value.trouble == QueryTrouble.TIMEOUT


def test_a_pattern_that_takes_too_long_ends() -> None:
    texts = pa.array([f"function-{number}" for number in range(5000)])
    clock = iter(range(10))
    bounds = QueryBounds(until=2.5, seconds=2, clock=lambda: next(clock))
    with pytest.raises(QueryError, match="took longer than 2 seconds"):
        LabelMatcher("name", "=~", ".*-.*").matches(texts, bounds)
    assert LabelMatcher("name", "=~", ".*-4...").matches(texts, QueryBounds()).sum() == 1000


async def test_a_damaged_file_is_said_once_and_queries_have_the_rest(
    judged: JudgedHours, tmp_path: Path
) -> None:
    bad = tmp_path / "minutes" / "20251127T000000-20251127T010000.parquet"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"no parquet")
    service = QueryService(str(tmp_path), judged.held.recent, lambda: STEP)
    times = QueryTimes.over(START * 1000, END * 1000, 60_000)
    with capture_logs() as lines:
        for _ in range(3):
            assert b"put-0" in await service.over("uneri_observed", times)
    [line] = lines
    assert line["event"] == "a part of the history cannot be read, and is left out"
    assert line["reason"].startswith(f"minutes/{bad.name} is damaged")
