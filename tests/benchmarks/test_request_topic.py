"""The lines of a topic hold what its answer says, no id comes twice, and one missing event is noticed."""

import json
from collections import Counter

import pytest

from benchmarks import contest
from benchmarks.harness.meter import PARTITIONS
from benchmarks.harness.totals import WINDOW, Totals, Verdict, compare
from benchmarks.inputs.requests import DRAWN, RATE, START, Answer, RequestTopic, check_closed

COUNT = DRAWN + 5_000  # the first bodies come again


@pytest.fixture(scope="module")
def made() -> RequestTopic:
    return RequestTopic(COUNT)


@pytest.fixture(scope="module")
def lines(made: RequestTopic) -> list[bytes]:
    return list(made.lines())


def counted(lines: list[bytes]) -> Answer:
    """Count with nothing of what the benchmark counts with but its result type."""
    totals, buckets = Totals(), Counter[tuple[int, int]]()
    for number, line in enumerate(lines):
        event = json.loads(line)
        start = int(event["ts"]) // WINDOW * WINDOW
        amount = event["ms"]["total"]
        totals.add((event["service"], event["function"], start), 1, amount, amount)
        buckets[number % PARTITIONS, start] += 1
    return Answer(len(lines), totals, buckets)


def hold_alike(one: Answer, other: Answer) -> None:
    assert one.totals.cells == other.totals.cells
    assert (one.records, one.buckets) == (other.records, other.buckets)


def test_the_answer_is_that_to_the_lines_that_are_written(made: RequestTopic, lines: list[bytes]) -> None:
    hold_alike(made.whole, counted(lines))


def test_an_answer_to_a_first_part_of_each_partition_is_that_to_its_lines(
    made: RequestTopic, lines: list[bytes]
) -> None:
    counts = [0, 1, 1_399, 1_400, 1_401, len(lines) // PARTITIONS, 7, 5]
    parts = [lines[number::PARTITIONS][:count] for number, count in enumerate(counts)]
    found = Totals(row for part in parts for row in counted(part).totals.rows())
    answer = made.answer(counts)
    assert answer.totals.cells == found.cells
    assert answer.records == sum(counts)


def test_no_id_comes_twice_and_events_come_at_an_even_pace(lines: list[bytes]) -> None:
    events = [json.loads(line) for line in lines]
    assert len({event["id"] for event in events}) == COUNT
    assert [event["ts"] for event in events] == [round(START + at / RATE, 4) for at in range(COUNT)]


def test_sums_do_not_depend_on_the_order(made: RequestTopic, lines: list[bytes]) -> None:
    assert compare(counted(lines[::-1]).totals.cells, made.whole.totals.cells).exact


def test_an_answer_survives_json(made: RequestTopic) -> None:
    reported = json.loads(json.dumps({"totals": made.whole.totals.rows()}))
    assert contest.check_windows(reported, made.whole) == Verdict()


def test_one_missing_event_is_noticed(made: RequestTopic, lines: list[bytes]) -> None:
    verdict = contest.check_windows({"totals": counted(lines[:-1]).totals.rows()}, made.whole)
    assert verdict == Verdict(missing=1)
    assert not verdict.exact
    assert str(verdict) == "1 missing"


@pytest.mark.parametrize("place", [4, 5])
def test_a_wrong_sum_or_maximum_is_noticed(made: RequestTopic, place: int) -> None:
    rows = made.whole.totals.rows()
    rows[0][place] += 0.125
    assert contest.check_windows({"totals": rows}, made.whole) == Verdict(wrong=1)


def test_an_event_in_the_window_beside_its_own_is_missing_here_and_too_many_there(made: RequestTopic) -> None:
    rows = made.whole.totals.rows()
    rows[0][2] += 1000 * WINDOW
    moved = int(rows[0][3])
    assert contest.check_windows({"totals": rows}, made.whole) == Verdict(missing=moved, extra=moved)


def test_counts_of_the_plain_agent_are_compared_by_function(made: RequestTopic) -> None:
    counts = Counter[tuple[str, str]]()
    for (service, function, _), cell in made.whole.totals.cells.items():
        counts[service, function] += int(cell[0])
    rows = [[*name, number] for name, number in counts.items()]
    assert contest.check_counts({"counts": rows}, made.whole).exact
    rows[0][2] -= 1  # type: ignore[operator]
    assert contest.check_counts({"counts": rows}, made.whole) == Verdict(missing=1)


def test_closed_buckets_are_compared_and_open_ones_are_not_asked_for(made: RequestTopic) -> None:
    watermarks = {str(number): START + WINDOW for number in range(PARTITIONS)}
    buckets = [[partition, START, WINDOW * RATE // PARTITIONS] for partition in range(PARTITIONS)]
    reported = {"read": [COUNT], "watermarks": watermarks, "buckets": buckets}
    assert contest.check_path(reported, made.whole).exact
    buckets[3][2] -= 1
    assert contest.check_path(reported, made.whole) == Verdict(missing=1)
    assert not check_closed({"watermarks": {}, "buckets": []}, made.whole).exact
    assert contest.check_path(reported | {"read": [COUNT - 1]}, made.whole) == Verdict(missing=1)
