"""SIGKILL on the local driver: at random moments, and at every named crash point."""

import random
from pathlib import Path

import pytest

from tests.faults.crash_sites import LOCAL
from tests.faults.daemons import Supervisor
from tests.faults.kill_passes import crash_point_kills, random_kills
from tests.faults.local_run import LocalInput, LocalRun


def test_a_daemon_killed_at_random_counts_everything_once_and_finds_the_same(
    supervisor: Supervisor, followed: LocalInput, tmp_path: Path
) -> None:
    report = random_kills(LocalRun(followed, supervisor, tmp_path / "run"), random.Random(7), 14)  # noqa: S311 - a seed, no secret
    assert report.wrong == []
    assert report.kills >= 12


@pytest.mark.release
def test_a_death_at_any_crash_point_of_the_local_driver_changes_nothing(
    supervisor: Supervisor, followed: LocalInput, tmp_path: Path
) -> None:
    report = crash_point_kills(LocalRun(followed, supervisor, tmp_path / "run"), LOCAL)
    assert report.wrong == []
    assert report.kills == len(LOCAL)
