"""The clock of a contestant starts behind a first part of every partition, and stops where it has enough."""

import json

import pytest

from benchmarks.harness.meter import PARTITIONS, Meter


def test_the_clock_starts_when_the_last_partition_has_had_its_first_part(
    capsys: pytest.CaptureFixture[str],
) -> None:
    meter = Meter(expected=PARTITIONS * 10, warm=4)
    meter.took(0, 9)
    assert not meter.running
    for partition in range(1, PARTITIONS):
        meter.took(partition, 4)
    assert meter.running
    before = 9 + 4 * (PARTITIONS - 1)
    assert not meter.took(0, 1)
    for partition in range(1, PARTITIONS):
        meter.took(partition, 6)
    assert meter.over
    meter.report()
    reported = json.loads(capsys.readouterr().out)
    assert reported["records"] == PARTITIONS * 10 - before
    assert reported["read"] == [10] * PARTITIONS


def test_the_clock_stops_when_the_time_is_up() -> None:
    meter = Meter(expected=1000, seconds=0.0)
    assert not meter.over
    assert meter.took(0)
    assert meter.read[0] == 1


def test_a_clock_that_never_started_reports_nothing() -> None:
    meter = Meter(expected=1000, warm=5)
    meter.took(0, 900)
    with pytest.raises(SystemExit, match="no record"):
        meter.stop()


def test_the_words_of_a_command_line_are_records_warm_up_and_seconds() -> None:
    meter = Meter.of(["80", "2"])
    for partition in range(PARTITIONS):
        meter.took(partition, 2)
    assert meter.running
    assert not meter.enough
