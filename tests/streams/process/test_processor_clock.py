"""The clock by which a process is stuck, on a host that has no processor for it."""

import time

import pytest

from streams.process.processor_clock import ProcessorClock


def test_time_in_which_a_thread_waits_for_a_processor_does_not_count() -> None:
    now, waited = [100.0], {"1": 5, "2": 7}
    clock = ProcessorClock(lambda: now[0], lambda: dict(waited))
    now[0], waited["1"] = 102.0, 1_500_000_005
    assert clock() == pytest.approx(100.5)
    now[0], waited["3"] = 104.0, 9_000_000_000  # a thread that has begun meanwhile
    assert clock() == pytest.approx(102.5)
    now[0], waited["3"] = 105.0, 19_000_000_000  # for longer than the time that has passed
    assert clock() == pytest.approx(102.6)
    now[0] = 107.0
    assert clock() == pytest.approx(104.6)


def test_the_clock_of_a_process_goes_on() -> None:
    clock = ProcessorClock()
    begun = clock()
    time.sleep(0.2)
    assert begun <= clock() <= time.monotonic()
