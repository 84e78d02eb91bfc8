"""Levels that samples state: quotas near their limit, and levels that have none."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from alerting.incidents.answers import incident_entry
from alerting.incidents.incident import Incident
from config.settings import JudgeSettings, LimitsSettings, RollupSettings, Settings, TimeSettings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from streams.offline.replay import replay
from streams.offline.tune.recording import record_steps
from streams.offline.tune.trial import judge_recording
from tests.laws.arrivals import prompt
from tests.streams.engine.stages.engine_run import DAY, HOUR, SOURCE, START, EngineRun, label_of
from tests.streams.offline.sources.memory_source import MemorySource

MINUTE: Final = 60
KNOWN: Final = 4 * DAY  # for how long a level was there that has no limit, when something happens
DAYS: Final = 5

Course = Callable[[int], float | None]
"""The part of the limit that is used, by seconds since the start; None where nothing is stated."""


class Quota(NamedTuple):
    """A quota as a source states it."""

    fields: dict[str, Any]
    limit: float
    label: str
    shown: str  # 95 % of it, in words


LAMBDA: Final = Quota(
    {
        "cloud": "aws",
        "account": "1",
        "region": "eu-west-1",
        "of": {"kind": "account", "name": "1"},
        "name": "lambda.concurrent_executions",
        "unit": "1",
    },
    1000,
    "1",
    "lambda.concurrent_executions of account 1 is at 950, 95 % of the limit of 1,000",
)
DYNAMODB: Final = Quota(
    {
        "cloud": "aws",
        "account": "1",
        "of": {"kind": "account", "name": "1"},
        "name": "dynamodb.account_provisioned_write_utilization",
        "unit": "%",
    },
    100,
    "1",
    "dynamodb.account_provisioned_write_utilization of account 1 is at 95 %, 95 % of the limit of 100 %",
)
APP_ENGINE: Final = Quota(
    {
        "cloud": "gcp",
        "account": "game-prod",
        "of": {"kind": "service", "name": "default"},
        "name": "appengine.quota.outgoing_bandwidth",
        "unit": "By",
    },
    1e12,
    "default",
    "appengine.quota.outgoing_bandwidth of service default is at 950,000,000,000 By, 95 % of the limit of "
    "1,000,000,000,000 By",
)
QUOTAS: Final = [LAMBDA, DYNAMODB, APP_ENGINE]


def hill(seconds: int) -> float:
    """Return 50 %, in the third hour 95 %, then 40 %."""
    return 0.95 if 2 * HOUR <= seconds < 3 * HOUR else 0.5 if seconds < 2 * HOUR else 0.4


def lines(
    course: Course, quota: Quota, *, hours: int, every: int = MINUTE, limited: bool = True
) -> list[bytes]:
    """Return samples of a quota beside one request a minute of a shop, which hold up the time."""
    found = []
    for seconds in range(0, hours * HOUR, every):
        ts = START + seconds
        found.append({"ts": ts, "service": "shop", "account": "1", "cloud": "aws"})
        used = course(seconds)
        if used is not None:
            limit = {"limit": quota.limit} if limited else {}
            found.append(
                {"kind": "sample", "ts": ts + 1, "value": used * quota.limit, **quota.fields} | limit
            )
    return [json.dumps(entry).encode() for entry in found]


def run_of(records: list[bytes], *, step: int = MINUTE, **changes: Any) -> EngineRun:
    limits, young = changes.pop("limits", LimitsSettings()), changes.pop("young", 5 * DAY)
    rollup = RollupSettings(max_series=changes.pop("most", 250_000))
    settings = Settings(
        time=TimeSettings(step=step), judge=JudgeSettings(young=young), limits=limits, rollup=rollup
    )
    return EngineRun(records, settings, chunk=len(records) // 20 + 1, **changes)


def reported(run: EngineRun) -> list[Incident]:
    return [incident for incident in run.incidents if incident.primary.measure.level]


def of_levels(run: EngineRun) -> list[Finding]:
    return [finding for finding in run.findings if finding.measure.level]


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.fields["name"])
def test_a_quota_near_its_limit_pages_once_and_ends_a_day_after(quota: Quota) -> None:
    run = run_of(lines(hill, quota, hours=30, every=300), step=300)
    [page] = run.pages
    primary = page.incident.primary
    assert (primary.verdict, label_of(primary), primary.measure.level) == (
        Verdict.LIMIT,
        quota.label,
        quota.fields["name"],
    )
    assert (primary.limit, primary.near, primary.callers) == (quota.limit, True, [])
    assert primary.sentence.startswith(quota.shown)
    assert 2 * HOUR < page.at - START < 2 * HOUR + 10 * MINUTE
    [incident] = reported(run)
    assert incident.state == "resolved"
    ended = incident.primary
    assert not ended.lost
    assert 0 <= (ended.end or 0) - (START + 3 * HOUR) <= HOUR, "the calm day is no part of it"
    assert ended.observed == pytest.approx(0.95 * quota.limit)


@pytest.mark.parametrize("limits", [(5e-324,), (1e-300, 1e308)])
def test_a_limit_beyond_all_bounds_is_reported_in_finite_numbers(limits: tuple[float, ...]) -> None:
    records = [
        line.replace(b'"limit": 1000', f'"limit": {limits[at * len(limits) // 480]}'.encode())
        for at, line in enumerate(lines(lambda _: 1e15, LAMBDA, hours=4))
    ]
    run = run_of(records)
    assert run.pages
    for incident in reported(run):
        primary = incident.primary
        assert math.isfinite(primary.observed)
        assert len(primary.sentence) < 1000


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.fields["name"])
def test_a_quota_that_stays_used_without_being_near_is_in_the_digest_alone(quota: Quota) -> None:
    run = run_of(lines(lambda _: 0.83, quota, hours=4 * 24, every=600), step=600)
    [incident] = reported(run)
    assert (incident.sent, run.pages) == ("digest", [])
    assert (incident.primary.verdict, incident.primary.near) == (Verdict.LIMIT, False)
    assert "peaked at" in incident.primary.sentence


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.fields["name"])
def test_a_quota_far_from_its_limit_is_not_reported(quota: Quota) -> None:
    run = run_of(lines(lambda _: 0.5, quota, hours=4 * 24, every=600), step=600)
    assert reported(run) == []


@pytest.mark.release
def test_a_replay_and_a_trial_of_its_recording_find_what_was_found_live(tmp_path: Path) -> None:
    raised = LAMBDA._replace(limit=1500.0)
    records = lines(hill, LAMBDA, hours=6) + lines(hill, raised, hours=8)[6 * 60 * 2 :]
    settings = Settings(judge=JudgeSettings(young=5 * DAY))
    history = MemorySource({SOURCE: records}, (97,), {SOURCE: prompt(records)})
    live = EngineRun(records, settings, chunk=100).incidents
    found = replay(history, settings)
    recording = record_steps(
        MemorySource({SOURCE: records}, (97,), {SOURCE: prompt(records)}), settings, "levels", tmp_path
    )
    tried = judge_recording(recording, settings)
    assert [incident.verdict for incident in found.incidents] == [Verdict.LIMIT]
    known = [incident_entry(incident) for incident in live]
    for judged in (found, tried):
        assert [incident_entry(incident) for incident in judged.incidents] == known


@pytest.mark.release
def test_a_restart_anywhere_changes_nothing() -> None:
    places = (0.02, 0.06, 0.1, 0.5)
    whole = run_of(lines(hill, LAMBDA, hours=30, every=300), step=300, keep=places)
    assert whole.findings
    for place in places:
        assert whole.restarted(place).findings == whole.findings, place


@pytest.mark.release
@pytest.mark.parametrize("shards", [2, 5])
def test_any_number_of_shards_gives_the_same_findings(shards: int) -> None:
    records = [
        line
        for lines_of in zip(*(lines(hill, quota, hours=5) for quota in QUOTAS), strict=True)
        for line in lines_of
    ]
    alone, other = (of_levels(run_of(records, shards=number)) for number in (1, shards))
    assert sorted(alone, key=lambda finding: (finding.id, finding.revision)) == sorted(
        other, key=lambda finding: (finding.id, finding.revision)
    )
    assert len({finding.id for finding in alone}) == len(QUOTAS)


@pytest.mark.release
@pytest.mark.parametrize("size", [1, 7])
def test_chunks_of_any_size_give_the_same_findings(size: int) -> None:
    records = lines(hill, LAMBDA, hours=4)
    settings = Settings(time=TimeSettings(step=MINUTE), judge=JudgeSettings(young=5 * DAY))
    assert EngineRun(records, settings, chunk=size).findings == run_of(records).findings


def test_a_short_burst_is_not_near() -> None:
    def burst(seconds: int) -> float:
        return 1.0 if seconds == 2 * HOUR else 0.1

    assert reported(run_of(lines(burst, LAMBDA, hours=4))) == []


def test_samples_every_few_minutes_are_enough() -> None:
    def sparse(seconds: int) -> float | None:
        return None if seconds % (5 * MINUTE) else hill(seconds)

    run = run_of(lines(sparse, LAMBDA, hours=8))
    [page] = run.pages
    assert page.incident.primary.observed == pytest.approx(950)


def test_a_level_whose_samples_stop_is_unknown_and_no_longer_reported_a_day_later() -> None:
    def stops(seconds: int) -> float | None:
        return 0.95 if seconds < HOUR else None

    run = run_of(lines(stops, LAMBDA, hours=30, every=300), step=300)
    [page] = run.pages
    [incident] = reported(run)
    ended = incident.primary
    assert page.incident.id == incident.id
    assert (incident.state, ended.lost) == ("resolved", True)
    assert ended.observed == pytest.approx(950)  # it never came down to nothing
    assert {incident.verdict for incident in of_levels(run)} == {Verdict.LIMIT}


def test_a_limit_that_is_raised_is_taken_over() -> None:
    early = lines(lambda seconds: 0.95 if seconds < 2 * HOUR else None, LAMBDA, hours=2, every=300)
    high = LAMBDA._replace(limit=2000.0)
    late = lines(lambda seconds: 0.475 if seconds >= 2 * HOUR else None, high, hours=30, every=300)
    run = run_of(early + late[2 * 12 :], step=300)
    [incident] = reported(run)
    assert incident.state == "resolved"
    assert incident.primary.limit == 2000


def test_a_limit_that_is_lowered_is_taken_over() -> None:
    high = LAMBDA._replace(limit=2000.0)
    early = lines(lambda seconds: 0.475 if seconds < 2 * HOUR else None, high, hours=2)
    late = lines(lambda seconds: 0.95 if seconds >= 2 * HOUR else None, LAMBDA, hours=4)
    run = run_of(early + late[2 * 60 :])
    [page] = run.pages
    assert page.incident.primary.limit == 1000
    assert page.at - START > 2 * HOUR


def test_a_limit_in_the_settings_counts_where_samples_state_none() -> None:
    limits = LimitsSettings(levels={"lambda.concurrent_executions": 1000})
    [page] = run_of(lines(hill, LAMBDA, hours=4, limited=False), limits=limits).pages
    assert page.incident.primary.limit == 1000
    wins = LimitsSettings(levels={"lambda.concurrent_executions": 960})
    [page] = run_of(lines(hill, LAMBDA, hours=4), limits=wins).pages
    assert page.incident.primary.limit == 1000


def test_samples_that_come_minutes_late_are_judged_all_the_same() -> None:
    def late(records: list[bytes], by: int) -> list[bytes]:
        def arrives(line: bytes) -> float:
            fields = json.loads(line)
            return float(fields["ts"]) + (by if "kind" in fields else 0)

        return sorted(records, key=arrives)

    [page] = run_of(late(lines(hill, LAMBDA, hours=4), 8 * MINUTE)).pages
    assert page.incident.primary.measure.level == "lambda.concurrent_executions"


def test_growth_that_will_reach_the_limit_is_in_the_digest() -> None:
    def rises(seconds: int) -> float:
        return 0.2 * math.pow(1.06, seconds / DAY) * (1 + 0.1 * math.sin(seconds * 2 * math.pi / DAY))

    run = run_of(lines(rises, LAMBDA, hours=15 * 24, every=1200), step=1200)
    limits = [incident for incident in reported(run) if incident.verdict is Verdict.LIMIT]
    assert [incident.sent for incident in limits] == ["digest"]
    growth = limits[0].primary.growth
    assert growth is not None
    assert growth.days_to_limit is not None
    assert "it reaches the limit of 1,000 in" in limits[0].primary.sentence
    assert run.pages == []


def daily(seconds: int) -> float:
    """Return a level that rises and falls with the day, with ripples of its own."""
    wave = 0.3 + 0.1 * math.sin(seconds * 2 * math.pi / DAY)
    return wave * (1 + 0.02 * math.sin(seconds / 977) + 0.02 * math.sin(seconds / 389))


def test_a_level_without_a_limit_is_judged_by_its_own_past() -> None:
    def leaps(seconds: int) -> float:
        return daily(seconds) * (4 if KNOWN <= seconds < KNOWN + HOUR else 1)

    run = run_of(lines(leaps, LAMBDA, hours=DAYS * 24, every=600, limited=False), step=600, young=2 * DAY)
    [incident] = reported(run)
    assert (incident.verdict, incident.primary.callers) == (Verdict.SPIKE, [])
    assert incident.primary.limit is None
    assert "of account 1 averaged 1,240 over 60 minutes, 4 times the 312 " in incident.primary.sentence


def test_a_level_without_a_limit_may_fall() -> None:
    def falls(seconds: int) -> float:
        return daily(seconds) * (0.1 if KNOWN <= seconds < KNOWN + HOUR else 1)

    run = run_of(lines(falls, LAMBDA, hours=DAYS * 24, every=600, limited=False), step=600, young=2 * DAY)
    assert [incident.verdict for incident in reported(run)] == [Verdict.DROP]


def test_a_restart_changes_nothing_of_a_level_without_a_limit() -> None:
    def leaps(seconds: int) -> float:
        return daily(seconds) * (4 if KNOWN <= seconds < KNOWN + HOUR else 1)

    records = lines(leaps, LAMBDA, hours=DAYS * 24, every=600, limited=False)
    whole = run_of(records, step=600, young=2 * DAY, keep=[0.79])
    assert whole.restarted(0.79).findings == whole.findings
    assert Verdict.SPIKE in {finding.verdict for finding in whole.findings}


def test_what_is_not_stated_is_no_fall() -> None:
    def pauses(seconds: int) -> float | None:
        return None if KNOWN <= seconds < KNOWN + 6 * HOUR else daily(seconds)

    run = run_of(lines(pauses, LAMBDA, hours=DAYS * 24, every=600, limited=False), step=600, young=2 * DAY)
    assert reported(run) == []


def test_a_level_with_a_limit_is_judged_against_its_limit_alone() -> None:
    def leaps(seconds: int) -> float:
        return daily(seconds) * 0.2 * (4 if KNOWN <= seconds < KNOWN + HOUR else 1)

    assert reported(run_of(lines(leaps, LAMBDA, hours=DAYS * 24, every=600), step=600, young=2 * DAY)) == []


@pytest.mark.release
def test_levels_beyond_the_series_of_a_shard_are_left_out() -> None:
    records = []
    for minute in range(2 * 60):
        ts = START + minute * MINUTE
        records.append({"ts": ts, "service": "shop", "account": "1", "cloud": "aws"})
        records += [
            {"kind": "sample", "ts": ts, "value": 99, "limit": 100, "of": {"kind": "account", "name": "1"}}
            | {"name": f"level {number:03}"}
            for number in range(150)
        ]
    lines_of = [json.dumps(alone).encode() for alone in records]
    found = {incident.measure for incident in of_levels(run_of(lines_of, most=100))}
    assert 50 < len(found) < 100
    assert Measure("level:level 000") in found
    again = run_of(lines_of, most=100, restart=0.5)
    assert {incident.measure for incident in of_levels(again)} == found
