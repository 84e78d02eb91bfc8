"""What is logged when most records of a source are not judged, or arrive late."""

import pytest
from structlog.testing import capture_logs

from streams.engine.decode.rejected import Rejected, RejectReason
from streams.engine.stages.late_watch import LateWatch


def test_what_a_receiver_refused_says_nothing_about_clocks() -> None:
    watch = LateWatch("requests/0")
    refused = [Rejected(RejectReason.NOT_JSON, row, "cut off", b"{", received=True) for row in range(200)]
    with capture_logs() as logs:
        watch.feed(200, 0, refused, 0)
    assert not watch.is_ahead
    assert "they cannot be read" in logs[0]["event"]


def test_that_most_records_are_late_is_logged_once_and_once_that_it_is_over() -> None:
    watch = LateWatch("requests/0")
    with capture_logs() as logs:
        for late in (0, 1, 900, 1000, 1000, 400, 0, 0, 0, 0):
            watch.feed(1000, late, [], 0)
    assert [entry["event"].split(".")[0] for entry in logs] == [
        "most records are not judged: they are late",
        "records are judged again",
    ]


def test_that_pages_wait_because_most_records_are_old_is_logged_once_and_once_that_it_is_over() -> None:
    watch = LateWatch("requests/0")
    with capture_logs() as logs:
        for delay in (2.0, 30 * 86400.0, 290.0, 600.0, 900.0, 200.0, 100.0, 2.0):
            watch.note_delay(delay)
    assert [entry["event"].split(",")[0] for entry in logs] == [
        "most records arrive late",
        "most records arrive in time again",
    ]
    assert logs[0]["delay_seconds"] == 600


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (RejectReason.NOT_JSON, "they cannot be read"),
        (RejectReason.FAR_FUTURE, "they claim a time after their arrival"),
    ],
)
def test_why_most_records_are_not_judged_is_logged(reason: RejectReason, why: str) -> None:
    watch = LateWatch("requests/0")
    with capture_logs() as logs:
        watch.feed(1000, 100, [Rejected(reason, index, "the detail", b"") for index in range(600)], 0)
    (line,) = logs
    assert why in line["event"]
    assert (line["share"], line["reason"], line["detail"]) == ("70%", reason.value, "the detail")
    assert watch.is_ahead is (reason is RejectReason.FAR_FUTURE)


def test_a_long_history_hides_for_no_longer_that_nothing_is_judged_any_more() -> None:
    watch = LateWatch("requests/0")
    watch.feed(100_000, 0, [], 0)
    refused = Rejected(RejectReason.FAR_FUTURE, 0, "two hours ahead", b"")
    for _ in range(700):
        watch.feed(1, 0, [refused], 0)
    assert watch.is_ahead


@pytest.mark.parametrize("records", [1, 40])
def test_a_handful_of_late_records_is_not_most_of_them(records: int) -> None:
    watch = LateWatch("requests/0")
    with capture_logs() as logs:
        watch.feed(records, records, [], 0)
    assert logs == []
