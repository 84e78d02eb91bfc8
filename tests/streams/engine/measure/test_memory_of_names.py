"""What a flood of names leaves takes few bytes of each: the memory of a daemon has a limit."""

import tracemalloc
from pathlib import Path as File

import numpy as np

from detectors.model.measures import Measure
from streams.engine.decode.paths import Path
from streams.engine.measure.fan_out import FanOut
from streams.engine.measure.part_times import PartTimes

NAMES = 4000
PAGE = 4096


def path_of(number: int) -> Path:
    route, function, client = f"POST /orders/{number}", f"order-{number}", f"app-{number}"
    return Path("aws", "1", "eu", f"orders-{number}", route, function, client, "", "")


def resident() -> int:
    return int(File("/proc/self/statm").read_text().split()[1]) * PAGE


def test_what_is_folded_takes_few_bytes_besides_its_names() -> None:
    fan_out = FanOut(0, 1, most=200)
    names = [path_of(number) for number in range(NAMES)]
    fan_out.add(names, np.arange(100), np.ones(100))
    tracemalloc.start()
    try:
        for first in range(100, NAMES, 100):
            fan_out.add(names, np.arange(first, first + 100), np.ones(100))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert fan_out.folded > 9 * NAMES
    assert taken / fan_out.folded < 230


def test_parts_whose_times_nobody_sent_take_no_memory() -> None:
    few, times = PartTimes(Measure.LATENCY, 60), PartTimes(Measure.LATENCY, 60)
    sent = np.array([3]), np.array([10]), np.array([5.0])
    usual, seen = np.array([50.0]), np.array([60.0])
    few.peek(sent, [0] * 4, usual, seen)  # what compiled code takes is none of its own
    before, wholes = resident(), [0] * 50_000
    for parts in range(5000, len(wholes) + 1, 5000):
        times.peek(sent, wholes[:parts], usual, seen)
    assert times._usual.nbytes > 20 * 2**20
    assert resident() - before < 10 * 2**20
