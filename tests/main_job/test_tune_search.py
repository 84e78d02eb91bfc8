"""``uneri tune`` on a week of simulated incidents: better in validation, whatever it starts from."""

from pathlib import Path

import pytest

from config.load import load_settings
from streams.offline.tune.result import lines, write_tuned
from streams.offline.tune.space import changed
from tests.streams.offline.tune.given_history import DULL, LIVELY, Given, judged_by

pytestmark = pytest.mark.release


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return Given(tmp_path_factory.mktemp("week"), days=7, seed=3)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return Given(tmp_path_factory.mktemp("days"), days=2, seed=4)


def test_too_many_pages_become_few_in_validation(given: Given, tmp_path: Path) -> None:
    tuned = given.tune(judged_by(**LIVELY), trials=8)
    before, after = tuned.present.unseen, tuned.picked.unseen
    assert before.false_pages >= 3
    assert after.false_pages <= before.false_pages / 3
    assert after.found >= before.found - 1
    assert after.f1 >= before.f1 + 0.1
    assert tuned.better
    # each change has its reason, and the proposal is the configuration of the pick
    assert all(change.reason for change in tuned.pick.changes)
    judge = "  young: 86400\n  sensitivity: 2.5  # bold\n  persist: 1\n  recover: 2\n"
    page = "incidents:\n  page: {defect: 1, demand: 1, fall: 1}\n"
    text = f"# ours\ntime:\n  step: 300\njudge:\n{judge}{page}"
    assert "proposed.yaml" in write_tuned(tuned, text, tmp_path)
    proposed = load_settings(tmp_path / "proposed.yaml")
    assert proposed == changed(tuned.space.settings, tuned.space.changes(tuned.pick.choice))
    assert "# ours" in (tmp_path / "proposed.yaml").read_text("utf-8")


def test_a_dull_configuration_finds_more_in_validation(given: Given) -> None:
    tuned = given.tune(judged_by(**DULL), trials=8)
    before, after = tuned.present.unseen, tuned.picked.unseen
    assert after.found >= before.found + 1
    assert after.f1 >= before.f1 + 0.1
    assert tuned.better


def test_without_labels_pages_are_brought_within_the_budget_and_misses_are_called_unknown(
    short: Given,
) -> None:
    tuned = short.tune(judged_by(**LIVELY), trials=9, budget=20)
    assert tuned.present.searched.pages_per_week > 20 >= tuned.picked.searched.pages_per_week
    assert any("missed incidents are unknown" in line for line in lines(tuned))
