"""Limits, from records to incidents: in the digest while they are far, a page when they are near."""

import functools
import re
from collections.abc import Sequence
from typing import Any

import pytest

from alerting.incidents.incident import Incident
from config.settings import JudgeSettings, LimitsSettings, Settings, TableLimit, TimeSettings
from detectors.model.finding import Verdict
from streams.offline.simulate.scenario import Scenario
from tests.streams.engine.stages.engine_run import DAY, HOUR, START, EngineRun, gathered, label_of, records

PEAK = 1.5 * 0.05 * 8  # units per second at the top of the day

SHOP: dict[str, Any] = {
    "start": "2025-09-01T00:00:00Z",
    "seed": 5,
    "daily": {"peak": "14:00", "depth": 0.5},
    "noise": {"drift": 0.01},
    "accounts": {"game": {"account": "123456789012", "region": "ap-northeast-1"}},
    "clients": {"web": {"versions": {"9": 1}}},
    "functions": {"buy": {"calls": [{"table": "ledger", "op": "PutItem", "wcu": 8, "spread": 0.1}]}},
    "services": {"shop": {"account": "game", "routes": {"POST /buy": {"function": "buy", "rate": 0.05}}}},
}


RISES = ({"table": "ledger", "by": "capacity", "per_day": 0.06},)


@functools.cache
def shop(days: int, step: int, *, rises: bool) -> list[bytes]:
    changes = {"length": f"{days}d", "growth": RISES if rises else ()}
    return gathered(records(Scenario.model_validate(SHOP | changes)), step)


def shop_run(
    wcu: float, *, days: int, rises: bool = False, step: int = 600, keep: Sequence[float] = ()
) -> EngineRun:
    """Run the shop with this limit of its table."""
    settings = Settings(
        time=TimeSettings(step=step),
        judge=JudgeSettings(young=5 * DAY),
        limits=LimitsSettings(tables={"ledger": TableLimit(wcu=wcu)}),
    )
    lines = shop(days, step, rises=rises)
    return EngineRun(lines, settings, chunk=len(lines) // 20 + 1, keep=keep)


def limits(run: EngineRun) -> list[Incident]:
    return [incident for incident in run.incidents if incident.verdict is Verdict.LIMIT]


def test_a_table_near_its_limit_pages_once_and_names_its_callers() -> None:
    run = shop_run(wcu=0.95 * PEAK, days=1, step=60)
    [page] = run.pages
    assert (page.incident.verdict, label_of(page.incident.primary)) == (Verdict.LIMIT, "ledger")
    assert page.incident.primary.callers[0].scope.name == "buy"
    assert 4 * HOUR < page.at - START < 20 * HOUR  # on the first day, toward its peak
    assert "of the limit of 0.57/s" in page.incident.primary.sentence


def test_a_limit_that_was_near_reports_the_peak() -> None:
    run = shop_run(wcu=1.02 * PEAK, days=2)
    [limit] = limits(run)  # paged when it came near, hours before the top of the day
    [page] = run.pages
    assert limit.peak > page.incident.peak
    assert limit.peak > 0.95 * PEAK > limit.primary.observed
    assert re.search(r" are at \d\d % of .*, after 1\d\d %\.$", limit.primary.sentence)


def test_a_table_far_from_its_limit_is_not_reported() -> None:
    run = shop_run(wcu=3 * PEAK, days=4)
    assert (run.pages, limits(run)) == ([], [])


def test_a_limit_that_growth_will_reach_is_in_the_digest_and_does_not_page() -> None:
    run = shop_run(wcu=3.5 * PEAK, days=11, rises=True, step=1200)  # eleven days of 6 % are 1.8 times
    [limit] = limits(run)
    assert (limit.sent, run.pages) == ("digest", [])
    assert limit.primary.growth is not None
    assert limit.primary.growth.days_to_limit is not None
    assert 3 < limit.primary.growth.days_to_limit < 14
    assert "the limit of" in limit.primary.sentence


def test_a_growth_whose_limit_is_far_stays_growth() -> None:
    run = shop_run(wcu=50 * PEAK, days=11, rises=True, step=1200)
    assert not limits(run)
    assert Verdict.GROWTH in {incident.verdict for incident in run.incidents}


@pytest.mark.release
def test_a_restart_changes_nothing() -> None:
    whole = shop_run(wcu=1.5 * PEAK, days=11, rises=True, step=1200, keep=[0.8])
    assert whole.restarted(0.8).incidents == whole.incidents
    assert any(limit.sent == "page" for limit in limits(whole))
