"""SIGKILL on the local driver: at random moments, and at every named crash point."""

import random
from pathlib import Path

from tests.faults.daemons import Nursery
from tests.faults.local_run import LocalInput, LocalRun
from tests.faults.passes import named_deaths, random_deaths
from tests.faults.points import LOCAL


def test_a_daemon_killed_at_random_counts_everything_once_and_finds_the_same(
    nursery: Nursery, followed: LocalInput, tmp_path: Path
) -> None:
    report = random_deaths(LocalRun(followed, nursery, tmp_path / "run"), random.Random(7), 14)  # noqa: S311 - a seed, no secret
    assert report.wrong == []
    assert report.kills >= 12


def test_a_death_at_any_crash_point_of_the_local_driver_changes_nothing(
    nursery: Nursery, followed: LocalInput, tmp_path: Path
) -> None:
    report = named_deaths(LocalRun(followed, nursery, tmp_path / "run"), LOCAL)
    assert report.wrong == []
    assert report.kills == len(LOCAL)
