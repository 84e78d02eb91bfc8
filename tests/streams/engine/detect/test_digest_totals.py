"""Figures by which the digest ranks APIs: totals of a day, the largest p95, and the same of last week."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.model.measures import COLUMN, LATENCIES, SUMMED, Measure, value_of
from detectors.model.scope import Scope
from detectors.watch.rankings import TOP, Ranking, Use
from streams.engine.detect.digest_totals import CostTotals, HourlyUse
from streams.engine.measure.step import Step

HOUR, DAY = 3600, 86400
START = 20_000 * DAY
SALES = value_of("sales")


def scope(kind: str, name: str) -> Scope:
    return Scope(kind, "aws", "1", "eu", name)


ACCOUNT, ROUTE, FUNCTION = scope("account", "1"), scope("route", "GET /a"), scope("function", "put")


def step(at: int, requests: list[float], sales: float = 0.0) -> Step:
    sums = np.zeros((len(requests), len(SUMMED)))
    sums[:, COLUMN[Measure.REQUESTS]] = requests
    return Step(at, sums, np.array([sales]), np.zeros(len(requests)), {})


def fed(hours: range, of: HourlyUse | None = None, *, known: bool = True) -> tuple[HourlyUse, list[Use]]:
    """Feed one step per hour: hour h has h requests, a p95 of 100 + h ms and sales of 2 h."""
    use, found = of or HourlyUse(HOUR), list[Use]()
    if of is None:
        use.add({0: ACCOUNT, 1: ROUTE}, {0: (ACCOUNT, SALES)})
    for hour in hours:
        p95 = np.array([math.nan, 100.0 + hour])
        found = use.feed(step(START + hour * HOUR, [0.0, hour], 2.0 * hour), p95, known=known) or found
    return use, found


def of(uses: list[Use], measure: Measure) -> Use:
    return next(use for use in uses if use.measure is measure)


def test_a_day_is_the_last_24_hours_and_last_week_is_unknown_at_first() -> None:
    _, uses = fed(range(30))
    assert of(uses, Measure.REQUESTS) == Use(ROUTE, Measure.REQUESTS, float(sum(range(6, 30))))
    assert of(uses, Measure.LATENCY) == Use(ROUTE, Measure.LATENCY, 129.0)
    assert of(uses, SALES) == Use(ACCOUNT, SALES, 2.0 * sum(range(6, 30)))


def test_after_eight_days_a_day_is_compared_with_the_same_24_hours_of_last_week() -> None:
    _, uses = fed(range(200))
    requests, latency = of(uses, Measure.REQUESTS), of(uses, Measure.LATENCY)
    assert (requests.day, requests.week_ago) == (sum(range(176, 200)), sum(range(8, 32)))
    assert (latency.day, latency.week_ago) == (299.0, 131.0)


def test_hours_of_a_gap_make_last_week_unknown_instead_of_low() -> None:
    use, _ = fed(range(10))
    fed(range(10, 12), use, known=False)
    _, uses = fed(range(12, 200), use)
    assert of(uses, Measure.REQUESTS).week_ago is None


def test_uses_are_returned_only_at_the_end_of_an_hour() -> None:
    use = HourlyUse(1800)
    use.add({0: ROUTE}, {})
    p95 = np.array([math.nan])
    assert use.feed(step(START, [5.0]), p95, known=True) == []
    assert [use.day for use in use.feed(step(START + 1800, [7.0]), p95, known=True)] == [12.0]


def test_the_largest_of_each_kind_are_returned_and_no_others() -> None:
    use = HourlyUse(HOUR)
    many = {row: scope("route", f"GET /{row}") for row in range(3 * TOP)}
    use.add(many | {3 * TOP: FUNCTION}, {})
    found = use.feed(step(START, [*map(float, range(1, 3 * TOP + 1)), 0.5]), np.full(31, np.nan), known=True)
    assert [use.day for use in found] == [*range(3 * TOP, 2 * TOP, -1), 0.5]


@pytest.mark.release
@given(st.integers(1, 230), st.integers(0, 60))
def test_a_restart_anywhere_changes_nothing_however_scopes_come(cut: int, late: int) -> None:
    uses = []
    for restarts in (False, True):
        use = HourlyUse(HOUR)
        use.add({0: ACCOUNT}, {0: (ACCOUNT, SALES)})
        found: list[list[Use]] = []
        for hour in range(240):
            if hour == late:
                use.add({1: ROUTE}, {})
            if restarts and hour == cut:
                parts, use = use.snapshot(), HourlyUse(HOUR)
                rows = {0: ACCOUNT} | ({1: ROUTE} if late <= cut else {})
                use.add(rows, {0: (ACCOUNT, SALES)})
                use.restore(parts)
            requests = [0.0, float(hour)] if hour >= late else [0.0]
            p95 = np.array([math.nan, 100.0 + hour % 7][: len(requests)])
            found.append(use.feed(step(START + hour * HOUR, requests, hour), p95, known=True))
        uses.append(found)
    assert uses[0] == uses[1]


def test_the_part_of_a_past_day_does_not_change() -> None:
    use, _ = fed(range(60))
    before = use.snapshot()
    fed(range(60, 70), use)
    use.add({2: FUNCTION}, {})
    after = use.snapshot()
    first, *_ = sorted(before)
    assert before[first] == after[first]
    assert len(after) == 3


HOUR, DAY = 3600, 86400
MIDNIGHT = 1_760_054_400  # midnight, UTC


def costly(kind: str, name: str) -> Scope:
    return Scope(kind, "aws", "1", "", name)


COSTS = {0: costly("account", "1"), 1: costly("table", "items"), 2: costly("client", "ios")}


def feed(totals: CostTotals, first: int, hours: int, *, known: bool = True) -> list[Use]:
    """Feed a step an hour: the account costs 1 a step in the first month, then 2, the table half of it."""
    found: list[Use] = []
    for hour in range(first, first + hours):
        cost = 1.0 if hour < 24 * 31 else 2.0
        nothing = dict.fromkeys(LATENCIES, (np.zeros(0, int), np.zeros(0, int), np.zeros(0)))
        costs = np.array([cost, cost / 2, cost])
        step = Step(MIDNIGHT + hour * HOUR, np.zeros((3, len(SUMMED))), np.zeros(0), costs, nothing)
        found = totals.feed(step, known=known) or found
    return found


def test_a_day_is_compared_with_last_week_and_30_days_with_the_30_before() -> None:
    totals = CostTotals(HOUR)
    totals.add(COSTS)
    account, table = feed(totals, 0, 24 * 61)
    assert account == Use(COSTS[0], Measure.COST, 48.0, 48.0, 29 * 48.0 + 24.0, 30 * 24.0)
    assert (table.scope, table.day, table.month) == (COSTS[1], 24.0, account.month and account.month / 2)


@pytest.mark.parametrize("hours", [24, 24 * 7, 24 * 20])
def test_what_is_not_known_is_not_compared(hours: int) -> None:
    totals = CostTotals(HOUR)
    totals.add(COSTS)
    account, _ = feed(totals, 0, hours)
    assert (account.day, account.week_ago) == (24.0, 24.0 if hours > 24 * 8 else None)
    assert account.month is account.month_before is None


def test_an_hour_without_records_is_not_known() -> None:
    totals = CostTotals(HOUR)
    totals.add(COSTS)
    feed(totals, 0, 10)
    feed(totals, 10, 1, known=False)
    account, _ = feed(totals, 11, 24 * 7 + 17)
    assert account.week_ago is None


def test_totals_survive_a_restart_between_any_two_hours() -> None:
    whole, parts = CostTotals(HOUR), CostTotals(HOUR)
    whole.add(COSTS)
    parts.add(COSTS)
    expected = feed(whole, 0, 24 * 70)
    for first in range(0, 24 * 70, 24 * 7 + 5):
        feed(parts, first, min(24 * 7 + 5, 24 * 70 - first))
        saved = parts.snapshot()
        parts = CostTotals(HOUR)
        parts.add(COSTS)
        parts.restore(saved)
        assert parts.snapshot() == saved
    assert feed(parts, 24 * 70, 1) == feed(whole, 24 * 70, 1)
    assert expected


def test_the_ranking_of_a_digest_has_accounts_and_what_costs_most_apart() -> None:
    ranking = Ranking()
    uses = [
        Use(costly("account", "1"), Measure.COST, 48.0),
        Use(costly("service", "shop"), Measure.COST, 40.0),
    ]
    uses += [Use(costly("function", f"f{number}"), Measure.COST, float(number)) for number in range(1, 13)]
    uses += [Use(costly("route", "GET /"), Measure.REQUESTS, 10.0)]
    ranking.feed(uses)
    found = ranking.report()
    assert [cost.scope.name for cost in found.costs] == ["1"]
    assert [use.day for use in found.costliest] == [float(number) for number in range(12, 2, -1)]
    assert [use.scope.name for use in found.most_used] == ["GET /"]
