"""What the digest says of money: a day against last week, 30 days against the 30 before."""

import numpy as np
import pytest

from detectors.model.measures import LATENCIES, SUMMED, Measure
from detectors.model.scope import Scope
from detectors.watch.hottest import Ranking, Use
from streams.engine.detect.digest_totals import CostTotals
from streams.engine.measure.step import Step

HOUR, DAY = 3600, 86400
START = 1_760_054_400  # midnight, UTC


def scope(kind: str, name: str) -> Scope:
    return Scope(kind, "aws", "1", "", name)


COSTS = {0: scope("account", "1"), 1: scope("table", "items"), 2: scope("client", "ios")}


def feed(totals: CostTotals, first: int, hours: int, *, known: bool = True) -> list[Use]:
    """Feed a step an hour: the account costs 1 a step in the first month, then 2, the table half of it."""
    found: list[Use] = []
    for hour in range(first, first + hours):
        cost = 1.0 if hour < 24 * 31 else 2.0
        nothing = dict.fromkeys(LATENCIES, (np.zeros(0, int), np.zeros(0, int), np.zeros(0)))
        costs = np.array([cost, cost / 2, cost])
        step = Step(START + hour * HOUR, np.zeros((3, len(SUMMED))), np.zeros(0), costs, nothing)
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
    uses = [Use(scope("account", "1"), Measure.COST, 48.0), Use(scope("service", "shop"), Measure.COST, 40.0)]
    uses += [Use(scope("function", f"f{number}"), Measure.COST, float(number)) for number in range(1, 13)]
    uses += [Use(scope("route", "GET /"), Measure.REQUESTS, 10.0)]
    ranking.feed(uses)
    found = ranking.report()
    assert [cost.scope.name for cost in found.costs] == ["1"]
    assert [use.day for use in found.costliest] == [float(number) for number in range(12, 2, -1)]
    assert [use.scope.name for use in found.most_used] == ["GET /"]
