"""The hottest table of an account and changes of the leader; the most used and the slowest APIs."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.model.measures import Measure, value_of
from detectors.model.scope import Scope
from detectors.watch.rankings import HOURS, HOURS_AHEAD, TOP, Hot, Hottest, Load, Ranking, Use

ITEMS, USERS, LOGS = (Scope("table", "aws", "1", "eu", name) for name in ("items", "users", "logs"))


def hour(
    limits: dict[Scope, float] | None = None, measure: Measure = Measure.WCU, **rates: float
) -> list[Load]:
    tables = {table.name: table for table in (ITEMS, USERS, LOGS)}
    return [
        Load(tables[name], measure, rate, (limits or {}).get(tables[name])) for name, rate in rates.items()
    ]


def fed(*hours: list[Load]) -> Hottest:
    hottest = Hottest()
    for loads in hours:
        hottest.feed(loads)
    return hottest


DAY = [hour(items=50.0, users=30.0)] * HOURS


def test_the_first_leader_is_known_after_a_day_and_is_not_a_change() -> None:
    assert fed(*DAY[1:]).report() == []
    hottest = fed(*DAY)
    assert not hottest.changed
    [leader] = hottest.report()
    assert (leader.scope, leader.former, leader.measure) == (ITEMS, None, None)
    assert leader.share == pytest.approx(50 / 80)


def test_a_table_that_took_the_lead_for_good_is_reported_once() -> None:
    hottest = fed(*DAY, *[hour(items=50.0, users=200.0)] * HOURS)
    assert hottest.changed
    [leader] = hottest.report()
    assert (leader.scope, leader.former) == (USERS, ITEMS)
    assert not hottest.changed
    assert [hot.former for hot in hottest.report()] == [None]


def test_changes_of_the_leader_are_known_between_two_digests_and_after_a_restart() -> None:
    assert fed(*DAY).took_the_lead == ()
    hottest = fed(*DAY, *[hour(items=50.0, users=200.0)] * HOURS)
    again = Hottest()
    again.restore(hottest.snapshot())
    for ranking in (hottest, again):
        assert [(hot.scope, hot.former) for hot in ranking.took_the_lead] == [(USERS, ITEMS)]
        assert ranking.changed, "reading is not reporting"
        ranking.report()
        assert ranking.took_the_lead == ()


def test_a_busy_hour_and_a_table_that_is_about_as_hot_change_nothing() -> None:
    assert not fed(*DAY, hour(items=50.0, users=400.0), *DAY[:5]).changed
    assert not fed(*DAY, *[hour(items=50.0, users=55.0)] * (3 * HOURS)).changed


def test_tables_busy_by_day_and_by_night_do_not_take_turns() -> None:
    day, night = hour(items=60.0, users=5.0), hour(items=5.0, users=50.0)
    hottest = fed(*([day] * 12 + [night] * 12) * 7)
    assert not hottest.changed
    assert hottest.report()[0].scope == ITEMS


def test_a_lead_that_was_lost_before_it_was_reported_is_not_notable() -> None:
    hottest = fed(*DAY, *[hour(items=50.0, users=200.0)] * HOURS, *[hour(items=900.0, users=1.0)] * HOURS)
    assert not hottest.changed
    assert hottest.report()[0].former is None


def test_where_limits_are_known_the_one_nearest_to_its_limit_leads() -> None:
    limits = {USERS: 40.0, ITEMS: 500.0}
    quiet = hour(limits, items=50.0, users=20.0, logs=900.0)
    peak = hour(limits, items=50.0, users=36.0, logs=900.0)
    [leader] = fed(*[quiet] * (HOURS - 1), peak).report()
    assert (leader.scope, leader.measure) == (USERS, Measure.WCU)
    assert leader.share == pytest.approx(36 / 40)


def test_each_account_has_its_own_leader_and_a_table_that_is_gone_leads_nothing() -> None:
    other = Load(ITEMS._replace(account="2"), Measure.RCU, 1.0, None)
    hottest = fed(
        *[[*hour(items=50.0, users=30.0), other]] * HOURS, *[hour(users=30.0)] * (HOURS + HOURS_AHEAD)
    )
    assert [(hot.scope, hot.former) for hot in hottest.report()] == [(USERS, ITEMS)]


def test_the_only_table_of_an_account_is_reported_with_its_limit_or_not_at_all() -> None:
    assert fed(*[hour(items=50.0)] * HOURS).report() == []
    limits = {ITEMS: 100.0}
    assert fed(*[hour(limits, items=50.0)] * HOURS).report() == [Hot(ITEMS, 0.5, Measure.WCU)]


def test_concurrency_is_reported_as_a_share_of_its_limit() -> None:
    put = Scope("function", "aws", "1", "eu", "put")
    hottest = fed([Load(put, Measure.BUSY, 30.0, 100.0)], [Load(put, Measure.BUSY, 62.0, 100.0)])
    assert hottest.report() == [Hot(put, 0.62, Measure.BUSY)]


rates = st.dictionaries(st.sampled_from(["items", "users", "logs"]), st.floats(0.1, 100), min_size=1)


@given(st.lists(rates, min_size=HOURS, max_size=2 * HOURS + 10), st.integers(0, 60), st.randoms())
def test_a_restart_and_the_order_of_shards_change_nothing(
    hours: list[dict[str, float]], cut: int, random: Random
) -> None:
    whole, restarted = Hottest(), Hottest()
    for at, of in enumerate(hours):
        loads = hour(None, Measure.WCU, **of)
        whole.feed(loads)
        random.shuffle(loads)
        restarted.feed(loads)
        if at == cut:
            parts, restarted = restarted.snapshot(), Hottest()
            restarted.restore(parts)
    assert (restarted.changed, restarted.report()) == (whole.changed, whole.report())
    assert restarted.snapshot() == whole.snapshot()


def use(kind: str, name: str, day: float, measure: Measure = Measure.REQUESTS, account: str = "1") -> Use:
    return Use(Scope(kind, "aws", account, "eu", name), measure, day)


def names(uses: list[Use]) -> list[str]:
    return [use.scope.name for use in uses]


def test_apis_are_ranked_by_use_and_by_peak_latency() -> None:
    ranking = Ranking()
    ranking.feed(
        [
            use("route", "rare", 10, Measure.REQUESTS),
            use("route", "rare", 900, Measure.LATENCY),
            use("route", "busy", 5000, Measure.REQUESTS),
            use("route", "busy", 40, Measure.LATENCY),
        ]
    )
    reported = ranking.report()
    assert (names(reported.most_used), names(reported.slowest)) == (["busy", "rare"], ["rare", "busy"])


def test_functions_are_the_apis_of_an_account_without_routes_and_of_no_other() -> None:
    ranking = Ranking()
    ranking.feed([use("route", "r", 1), use("function", "f", 99), use("function", "g", 5, account="2")])
    assert names(ranking.report().most_used) == ["g", "r"]


def test_a_ranking_is_short_and_equal_ones_are_ordered_by_name() -> None:
    ranking = Ranking()
    ranking.feed([use("route", f"{n:02}", 7) for n in reversed(range(3 * TOP))])
    assert names(ranking.report().most_used) == [f"{n:02}" for n in range(TOP)]


def test_business_values_are_reported_beside_the_apis() -> None:
    ranking = Ranking()
    ranking.feed([use("account", "1", 120.5, value_of("sales"))])
    assert [value.measure.key for value in ranking.report().values] == ["sales"]


def test_a_step_within_an_hour_and_a_restart_change_nothing() -> None:
    ranking, again = Ranking(), Ranking()
    assert not ranking.report()
    ranking.feed([use("route", "r", 1)])
    ranking.feed([])
    again.restore(ranking.snapshot())
    assert names(again.report().most_used) == ["r"]
