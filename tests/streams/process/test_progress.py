"""The progress of long work: amount, current rate, event time and time left."""

import io
import re

import pytest

from streams.process.progress import Progress
from tests.hand_clock import HandClock

AT = 1_760_000_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> HandClock:
    return HandClock(50.0)


def test_a_plain_stream_gets_a_line_every_ten_seconds_with_the_time_left(clock: HandClock) -> None:
    out = io.StringIO()
    with Progress("replay", out, clock) as progress:
        for second in range(31):
            progress.show(second / 100, second * 1000, AT + second * 3600)
            clock.now += 1
    assert out.getvalue().splitlines() == [
        "replay: 10%, 10,000 records, 1,000/s, at 2025-10-09 18:53, 0:01:30 left",
        "replay: 20%, 20,000 records, 1,000/s, at 2025-10-10 04:53, 0:01:20 left",
        "replay: 30%, 30,000 records, 1,000/s, at 2025-10-10 14:53, 0:01:10 left",
    ]


def test_the_work_of_an_earlier_run_counts_neither_for_the_rate_nor_for_the_time_left(
    clock: HandClock,
) -> None:
    out = io.StringIO()
    with Progress("replay", out, clock) as progress:
        for second in range(11):
            progress.show(0.9 + second / 1000, 9_000_000 + second * 50, AT)
            clock.now += 1
    assert out.getvalue() == "replay: 91%, 9,000,500 records, 50/s, at 2025-10-09 08:53, 0:01:30 left\n"


def test_the_rate_covers_the_last_seconds_and_the_time_left_the_last_minute(clock: HandClock) -> None:
    out = io.StringIO()
    with Progress("replay", out, clock) as progress:
        for second in range(241):  # fast at first, then a tenth of it
            work = second if second < 120 else 120 + (second - 120) / 10
            progress.show(work / 200, int(work * 1000), 0)
            clock.now += 1
    last = out.getvalue().splitlines()[-1]
    assert last == "replay: 66%, 132,000 records, 100/s, 0:11:20 left"


def test_a_stall_shows_in_the_rate_and_gives_no_time_left(clock: HandClock) -> None:
    out = io.StringIO()
    with Progress("replay", out, clock) as progress:
        progress.show(0.5, 500, 0)
        clock.now += 100
        progress.show(0.5, 500, 0)
    assert out.getvalue() == "replay: 50%, 500 records, 0/s\n"


def test_a_terminal_gets_a_bar_with_the_same(clock: HandClock) -> None:
    out = Terminal()
    with Progress("replay", out, clock) as progress:
        for second in range(5):
            progress.show(second / 10, second * 1000, AT)
            clock.now += 1
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    for text in ("replay", "40 %", "4,000 records, 1,000/s", "2025-10-09 08:53", "0:00:06 left"):
        assert text in drawn
