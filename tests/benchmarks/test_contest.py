"""The tables of a contest show what is wrong and what did not run, and stand between the marks of a page."""

import pytest

from benchmarks import contest
from benchmarks.contest import Row, owners, table
from benchmarks.harness.report import placed
from benchmarks.harness.totals import Verdict


def reported(records: int, user: float, system: float, checkpoints: int = 0) -> contest.Reported:
    return {
        "records": records, "user": user, "system": system, "wall": user + system, "checkpoints": checkpoints
    }  # fmt: skip


def test_the_table_shows_what_is_wrong_and_what_did_not_run() -> None:
    named = {contestant.name: contestant for contestant in contest.CONTESTANTS}
    faust, flink, ours, quix = (Row(named[name]) for name in ("faust", "flink", contest.PLAIN, "quix"))
    faust.runs = {turn: (reported(100, 8.0, 2.0), Verdict()) for turn in range(3)}
    ours.runs = {turn: (reported(1000, 2.0, 0.0, 56), Verdict()) for turn in range(3)}
    flink.runs = {0: (reported(1000, 4.0, 1.0), Verdict()), 1: (reported(1000, 3.0, 1.0), Verdict(missing=7))}
    quix.failure = "not run: uv: no network"
    lines = [line.strip("| ").split(" | ") for line in table([faust, flink, ours, quix]).splitlines()[2:6]]
    assert [line[-2] for line in lines[:3]] == ["yes", "7 missing", "yes"]
    assert lines[1][6:8] == ["22x", "2.25x"]  # medians of the two rounds that it has
    assert lines[0][2:6] == ["8.0", "2.0", "10.0", "0.0"]
    assert lines[2][-1].endswith("checkpoints (7 of each partition)")
    assert lines[3][-1].endswith("not run: uv: no network")


def test_owners_of_the_cpu_time_are_listed_with_the_share_that_nobody_owns() -> None:
    shares = {"decode": 0.6, "send": 0.3, "tiny": 0.001}
    shown = owners(reported(250_000, 0.9, 0.1) | {"owners": shares, "absent": ["streams.gone:Gone.feed"]})
    assert "| decode | 60.0% | 2.400 |" in shown
    assert "| smaller ones | 0.1% |" in shown
    assert "| **no owner** | 9.9% |" in shown
    assert "Entry points that were not found: streams.gone:Gone.feed." in shown


def test_a_table_takes_the_place_of_the_one_between_its_marks() -> None:
    page = placed("before\n<!-- table -->\nold\n<!-- /table -->\nafter\n", "table", "new")
    assert page == "before\n<!-- table -->\n\nnew\n\n<!-- /table -->\nafter\n"
    with pytest.raises(SystemExit, match="the page has no <!-- other -->"):
        placed(page, "other", "new")
