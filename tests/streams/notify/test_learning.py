"""A daemon that learns from history shows that, how far it is, and when it is done."""

from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from streams.notify.pipeline_status import Learning
from tests.hand_clock import HandClock

NOW = 1_764_158_400
WEEK = 7 * 86400


def test_learning_is_announced_shown_with_its_remaining_time_and_ended() -> None:
    clock = HandClock()
    learning = Learning(ZoneInfo("UTC"), clock)
    with capture_logs() as logs:
        learning.observe(NOW - 2 * WEEK, NOW)
        clock.now = 10
        learning.observe(NOW - 3 * WEEK // 2, NOW)
        assert learning.progress == "25% of the history, at 2025-11-16 00:00 UTC, 0:00:30 left"
        clock.now = 40
        learning.observe(NOW - WEEK // 2, NOW)
        clock.now = 50
        learning.observe(NOW, NOW)
        learning.observe(NOW + 60, NOW)
    assert learning.progress is None
    assert [line["event"].partition(":")[0] for line in logs] == [
        "learning from history",
        "learning from history",
        "the history is learnt",
    ]
    assert logs[1]["progress"].startswith("75% of the history")
    assert logs[2]["seconds"] == 50


@pytest.mark.parametrize("behind", [60, -60], ids=["as usual", "no history"])
def test_what_is_only_a_little_behind_is_no_history(behind: int) -> None:
    learning = Learning(ZoneInfo("UTC"), HandClock())
    with capture_logs() as logs:
        learning.observe(0, NOW)
        learning.observe(NOW - behind, NOW)
    assert (learning.progress, logs) == (None, [])
