"""The answers of a benchmark are compared with what the events say, and one missing event is noticed."""

import json
from typing import Any

import pytest

from benchmarks import roster
from benchmarks.contest_table import TABLE, Row, Run, cells, markdown, owners, placed
from benchmarks.request_events import PARTITIONS, START, Answer, answer, events, partitioned
from benchmarks.totals import WINDOW, Totals, Verdict, compare

COUNT = 500


@pytest.fixture(scope="module")
def made() -> list[bytes]:
    return events(COUNT)


@pytest.fixture(scope="module")
def right(made: list[bytes]) -> Answer:
    return answer(partitioned(made))


def counted(made: list[bytes]) -> Totals:
    """Count with nothing of what the benchmark counts with but its result type."""
    totals = Totals()
    for line in made:
        event = json.loads(line)
        start = int(event["ts"]) // 10 * 10
        amount = event["ms"]["total"]
        totals.add_cell((event["service"], event["function"], start), 1, amount, amount)
    return totals


def test_the_answer_is_what_the_events_say(made: list[bytes], right: Answer) -> None:
    assert right.records == COUNT
    assert right.totals.cells == counted(made).cells
    assert sum(right.buckets.values()) == COUNT
    assert {partition for partition, _ in right.buckets} == set(range(PARTITIONS))


def test_sums_do_not_depend_on_the_order(made: list[bytes], right: Answer) -> None:
    assert compare(counted(made[::-1]).cells, right.totals.cells).exact


def test_an_answer_survives_json(right: Answer) -> None:
    reported = json.loads(json.dumps({"totals": right.totals.rows()}))
    assert roster.check_windows(reported, right) == Verdict()


def test_one_missing_event_is_noticed(made: list[bytes], right: Answer) -> None:
    verdict = roster.check_windows({"totals": counted(made[:-1]).rows()}, right)
    assert verdict == Verdict(missing=1)
    assert not verdict.exact
    assert str(verdict) == "NO: 1 missing"


def test_one_event_too_many_is_noticed(made: list[bytes], right: Answer) -> None:
    assert roster.check_windows({"totals": counted([*made, made[0]]).rows()}, right) == Verdict(extra=1)


@pytest.mark.parametrize("place", [4, 5])
def test_a_wrong_sum_or_maximum_is_noticed(right: Answer, place: int) -> None:
    rows = right.totals.rows()
    rows[0][place] += 0.125
    assert roster.check_windows({"totals": rows}, right) == Verdict(wrong=1)


def test_an_event_in_the_window_beside_its_own_is_missing_here_and_too_many_there(right: Answer) -> None:
    rows = right.totals.rows()
    rows[0][2] += WINDOW
    moved = int(rows[0][3])
    assert roster.check_windows({"totals": rows}, right) == Verdict(missing=moved, extra=moved)


def test_counts_of_the_plain_agent_are_compared_by_function(right: Answer) -> None:
    counts: dict[tuple[str, str], int] = {}
    for (service, function, _), cell in right.totals.cells.items():
        counts[service, function] = counts.get((service, function), 0) + int(cell[0])
    reported: dict[str, list[list[Any]]] = {"counts": [[*name, number] for name, number in counts.items()]}
    assert roster.check_counts(reported, right).exact
    reported["counts"][0][2] -= 1
    assert roster.check_counts(reported, right) == Verdict(missing=1)


def test_closed_buckets_are_compared_and_open_ones_are_not_asked_for() -> None:
    made = events(60_000)  # twelve seconds: one bucket is over
    there = answer(partitioned(made))
    watermarks = {str(number): START + WINDOW for number in range(PARTITIONS)}
    buckets = [[partition, START, 6250] for partition in range(PARTITIONS)]
    reported = {"records": 60_000, "watermarks": watermarks, "buckets": buckets}
    assert roster.check_closed(reported, there).exact
    buckets[3][2] -= 1
    assert roster.check_closed(reported, there) == Verdict(missing=1)
    assert not roster.check_closed(reported | {"watermarks": {}, "buckets": []}, there).exact
    assert roster.check_closed(reported | {"records": 59_999}, there) == Verdict(missing=1)


def test_the_table_shows_what_is_wrong_and_what_did_not_run() -> None:
    named = {contestant.name: contestant for contestant in roster.CONTESTANTS}
    faust, dsl, ours, quix = (
        Row(named[name]) for name in ("faust", "streams-dsl", roster.PLAIN_UNERI, "quix")
    )
    faust.runs = {turn: Run(100, 8.0, 2.0, 10.0, Verdict()) for turn in range(3)}
    ours.runs = {turn: Run(1000, 2.0, 0.0, 2.0, Verdict(), 7) for turn in range(3)}
    dsl.runs = {0: Run(1000, 4.0, 1.0, 4.0, Verdict()), 1: Run(1000, 3.0, 1.0, 4.0, Verdict(missing=7))}
    quix.failure = "uv: no network"
    shown = cells([faust, dsl, ours, quix])
    assert [line[-2] for line in shown] == ["yes", "NO: 7 missing", "yes", ""]
    assert shown[1][6:8] == ("22x", "2.25x")  # medians of the two rounds that it has
    assert shown[0][2:6] == ("8.0", "2.0", "10.0", "0.0")
    assert shown[2][-1].endswith("checkpoints (7 of each partition)")
    assert shown[3][-1] == "not run: uv: no network"
    page = placed(
        "before\n<!-- table -->\nold\n<!-- /table -->\nafter\n", TABLE, markdown([faust, dsl, ours, quix])
    )
    assert "old" not in page
    assert page.startswith("before\n")
    assert page.endswith("<!-- /table -->\nafter\n")
    assert "NO: 7 missing" in page


def test_owners_of_the_cpu_time_are_listed_with_the_share_that_nobody_owns() -> None:
    reported = owners({"decode": 0.6, "send": 0.3, "tiny": 0.001}, ["streams.gone:Gone.feed"], 250_000, 0.1)
    assert "| decode | 60.0% | 2.400 |" in reported
    assert "| smaller ones | 0.1% |" in reported
    assert "| **no owner** | 9.9% |" in reported
    assert "Entry points that were not found: streams.gone:Gone.feed." in reported
