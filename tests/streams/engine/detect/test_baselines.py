"""Scopes that became judgeable in a shard, and when."""

import numpy as np
import pytest

from config.settings import JudgeSettings, Settings
from detectors.model.measures import JUDGED, Measure, Series, value_of
from detectors.model.scope import Scope
from detectors.watch.maturity import Maturity
from streams.cli.daemon_call import status_lines
from streams.engine.decode.paths import OTHER
from streams.engine.detect.baselines import HourlyMaturity, baselines
from streams.engine.stages.engine import Engine
from tests.streams.engine.stages.engine_run import SOURCE, backend, records


def test_every_judged_series_has_an_age_and_the_status_shows_it() -> None:
    engine = Engine(Settings(), [SOURCE])
    engine.feed(SOURCE, records(backend(hours=-12)))
    (ages,) = engine.ages()
    assert 0 < len(ages) <= engine.series
    assert all(0 <= age <= 12 * 3600 for age in ages)
    shown = baselines([ages], JudgeSettings())
    assert shown == {"learning (day 1 of 7)": len(ages)}
    assert status_lines({"baselines": shown}) == [f"baselines         {len(ages)} learning (day 1 of 7)"]


HOUR, DAY = 3600, 86400
START = 20_000 * DAY


def scope(kind: str, name: str) -> Scope:
    return Scope(kind, "aws", "1", "eu", name)


ITEMS, PUT = scope("table", "items"), scope("function", "put")


class Shard:
    """One shard, in which series may begin at any hour; each call of ``hour`` passes one."""

    def __init__(self, young: int) -> None:
        self.maturity = HourlyMaturity(young)
        self.series: list[Series] = []
        self.begun: list[float] = []
        self.now = START

    def begin(self, *scopes: Scope) -> None:
        fresh = [Series(of, measure) for of in scopes for measure in JUDGED[of.kind]]
        self.maturity.add(fresh, len(self.series))
        self.series += fresh
        self.begun += [self.now] * len(fresh)

    def hour(self) -> Maturity:
        self.now += HOUR
        return self.maturity.feed(self.now, self.now - np.array(self.begun))

    def restart(self, young: int, *, of_before: bool = False) -> None:
        parts = {} if of_before else self.maturity.snapshot()
        self.maturity = HourlyMaturity(young)
        self.maturity.add(self.series, 0)
        self.maturity.restore(parts)
        if of_before:
            self.maturity.begin(self.now)


def test_a_scope_is_reported_once_in_the_hour_in_which_it_is_old_enough() -> None:
    shard = Shard(3 * HOUR)
    shard.begin(ITEMS)
    assert shard.hour() == Maturity(START + HOUR, learning=[1])
    shard.begin(PUT)
    shard.hour()
    assert shard.hour() == Maturity(START + 3 * HOUR, {"table": 1}, [ITEMS], [1])
    assert shard.hour() == Maturity(START + 4 * HOUR, {"function": 1}, [PUT])
    assert shard.hour() == Maturity(START + 5 * HOUR)


def test_what_is_learnt_is_counted_by_day() -> None:
    shard = Shard(3 * DAY)
    shard.begin(ITEMS)
    for _ in range(30):
        shard.hour()
    shard.begin(PUT, scope("service", "shop"))
    assert shard.hour().learning == [2, 1, 0]


@pytest.mark.parametrize("name", ["a tenant", "an account", "what is folded", "a business value"])
def test_only_scopes_that_people_know_by_name_are_reported(name: str) -> None:
    shard = Shard(HOUR)
    match name:
        case "a tenant":
            shard.begin(scope("tenant", "t"))
        case "an account":
            shard.begin(scope("account", "1"))
        case "what is folded":
            shard.begin(scope("table", OTHER))
        case _:
            shard.maturity.add([Series(scope("service", "shop"), value_of("sales"))], 0)
            shard.begun.append(shard.now)
    assert shard.hour() == Maturity(START + HOUR)


def test_a_scope_without_any_value_is_neither_learnt_nor_judgeable() -> None:
    maturity = HourlyMaturity(HOUR)
    maturity.add([Series(ITEMS, Measure.REQUESTS)], 0)
    assert maturity.feed(START, np.array([np.nan])) == Maturity(START)


@pytest.mark.parametrize("hours", range(1, 6))
def test_a_restart_changes_nothing(hours: int) -> None:
    whole, restarted = Shard(3 * HOUR), Shard(3 * HOUR)
    reported: list[list[Maturity]] = [[], []]
    for hour in range(8):
        for shard, found in zip((whole, restarted), reported, strict=True):
            if hour in (0, 2):
                shard.begin(scope("table", f"of hour {hour}"))
            if hour == hours and shard is restarted:
                shard.restart(3 * HOUR)
            found.append(shard.hour())
    assert reported[0] == reported[1]


def test_other_settings_report_what_they_make_judgeable_and_no_more() -> None:
    shard = Shard(6 * HOUR)
    shard.begin(ITEMS)
    for _ in range(3):
        assert not shard.hour().judgeable
    shard.restart(2 * HOUR)
    assert shard.hour().named == [ITEMS]
    shard.restart(HOUR)
    assert not shard.hour().judgeable
    shard.restart(8 * HOUR)
    assert [bool(shard.hour().learning), shard.hour().learning] == [True, [1]]
    assert shard.hour().named == [ITEMS]


def test_a_state_of_before_reports_only_what_becomes_judgeable_from_then_on() -> None:
    shard = Shard(3 * HOUR)
    shard.begin(ITEMS)
    for _ in range(2):
        shard.hour()
    shard.begin(PUT)
    shard.hour()
    shard.restart(3 * HOUR, of_before=True)
    assert not shard.hour().judgeable
    assert shard.hour().named == [PUT]


def took_over(shard: Shard, before: Shard) -> Shard:
    ages = [side.now - np.array(side.begun) for side in (before, shard)]
    shard.maturity.succeed(before.maturity.reported(before.now, ages[0]), shard.now, ages[1])
    return shard


def aged(hours: int, *scopes: Scope, young: int = 3 * HOUR) -> Shard:
    """Return a shard that has seen scopes for some hours, up to the hour that the others have seen."""
    shard = Shard(young)
    shard.now = START - hours * HOUR
    shard.begin(*scopes)
    for _ in range(hours):
        shard.hour()
    return shard


def test_what_only_the_new_judge_judges_is_reported_with_the_next_hour_also_after_a_restart() -> None:
    shard = took_over(aged(9, ITEMS, PUT), aged(1, ITEMS, PUT))
    shard.restart(3 * HOUR)
    assert shard.hour() == Maturity(START + HOUR, {"function": 1, "table": 1}, [ITEMS, PUT])
    assert shard.hour() == Maturity(START + 2 * HOUR)


def test_what_both_judge_and_what_it_judges_no_longer_is_not_reported() -> None:
    assert took_over(aged(9, ITEMS), aged(5, ITEMS)).hour() == Maturity(START + HOUR)
    assert took_over(aged(1, ITEMS), aged(5, ITEMS)).hour() == Maturity(START + HOUR, learning=[1])


def test_two_that_take_over_within_an_hour_report_what_the_first_could_not() -> None:
    first = took_over(aged(9, ITEMS), aged(1, ITEMS))
    assert took_over(aged(9, ITEMS), first).hour().named == [ITEMS]
