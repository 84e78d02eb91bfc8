"""A host's clock that leaps."""

from structlog.testing import capture_logs

from streams.process.guarded_clock import LASTS_SECONDS, LEAP_SECONDS, GuardedClock

NOW = 1_760_000_000.0


class Host:
    def __init__(self) -> None:
        self.passed = 0.0
        self.ahead = 0.0
        self.clock = GuardedClock(lambda: NOW + self.passed + self.ahead, lambda: self.passed)

    def after(self, seconds: float) -> float:
        """Return how far ahead the time is that the clock gives after some seconds."""
        self.passed += seconds
        return self.clock() - NOW - self.passed


def test_a_leap_that_is_set_back_within_a_minute_never_counts() -> None:
    host = Host()
    with capture_logs() as logs:
        for ahead in (7200.0, 0.0, -7200.0, 0.0, 30 * 86400.0, 0.0):
            host.ahead = ahead
            assert [host.after(1) for _ in range(int(LASTS_SECONDS))] == [0.0] * int(LASTS_SECONDS)
    assert [line["seconds"] for line in logs] == [7200, -7200, 30 * 86400]


def test_one_that_lasts_counts_from_then_on() -> None:
    host = Host()
    host.ahead = 7200.0
    assert host.after(1) == 0.0
    assert host.after(LASTS_SECONDS) == 7200.0
    host.ahead += LEAP_SECONDS
    assert host.after(1) == 7200.0 + LEAP_SECONDS, "a slow clock that is set right bit by bit is followed"


def test_a_clock_that_leaps_again_and_again_is_not_followed() -> None:
    host = Host()
    for minute in range(20):
        host.ahead = 3600.0 * (minute % 2 + 1)
        assert host.after(0.9 * LASTS_SECONDS) == 0.0
