"""SIGKILL on the Kafka driver: at random moments, and at every named crash point."""

import random
from pathlib import Path

import pytest

from tests.faults.crash_sites import (
    AT_A_REBALANCE,
    AT_A_START,
    AT_THE_END,
    AT_WORK,
    BEHIND_THE_END,
    CrashSite,
)
from tests.faults.daemons import Supervisor
from tests.faults.kafka_run import Input, KafkaRun
from tests.faults.kill_passes import crash_point_kills, random_kills, rebalances


def test_a_worker_killed_at_random_counts_everything_once_and_finds_the_same(
    supervisor: Supervisor, given: Input, tmp_path: Path
) -> None:
    report = random_kills(KafkaRun(given, supervisor, tmp_path), random.Random(7), 8)  # noqa: S311 - a seed, no secret
    assert report.wrong == []
    assert report.kills >= 7


@pytest.mark.release
def test_a_death_at_any_crash_point_of_a_stage_changes_nothing(
    supervisor: Supervisor, given: Input, tmp_path: Path
) -> None:
    # One a point; `make faults` has every point of every stage, each in a run of its own.
    places = [
        *AT_WORK[1:5],
        AT_WORK[9],
        AT_WORK[13],
        AT_A_START[1],
        AT_A_START[4],
        AT_A_REBALANCE[0],
    ]
    report = crash_point_kills(KafkaRun(given, supervisor, tmp_path), places)
    assert report.wrong == []
    assert report.kills == len(places)


@pytest.mark.release
@pytest.mark.parametrize("places", [AT_THE_END, BEHIND_THE_END], ids=["saying", "said"])
def test_a_death_at_any_crash_point_of_a_silent_partition_changes_nothing(
    supervisor: Supervisor, given: Input, tmp_path: Path, places: tuple[CrashSite, ...]
) -> None:
    # Runs of their own: a worker that is killed elsewhere may have said already that all is silent.
    report = crash_point_kills(KafkaRun(given, supervisor, tmp_path), places)
    assert report.wrong == []
    assert report.kills == len(places)


@pytest.mark.release
def test_three_workers_that_come_and_go_every_few_seconds_lose_and_double_nothing(
    supervisor: Supervisor, given: Input, tmp_path: Path
) -> None:
    report = rebalances(KafkaRun(given, supervisor, tmp_path), random.Random(7), 5)  # noqa: S311 - a seed
    assert report.wrong == []
