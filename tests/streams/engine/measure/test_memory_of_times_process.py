"""What nobody sent times of takes no memory, in a process of its own: another's memory says nothing."""

import subprocess
import sys

PROGRAM = """
from pathlib import Path
import numpy as np
from detectors.model.measures import Measure
from streams.engine.measure.part_times import PartTimes

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

few, times = PartTimes(Measure.LATENCY, 60), PartTimes(Measure.LATENCY, 60)
sent = np.array([3]), np.array([10]), np.array([5.0])
usual, seen = np.array([50.0]), np.array([60.0])
few.peek(sent, [0] * 4, usual, seen)  # what compiled code takes is none of its own
before, wholes = resident(), [0] * 50_000
for parts in range(5000, len(wholes) + 1, 5000):
    times.peek(sent, wholes[:parts], usual, seen)
print(times._usual.nbytes, resident() - before)
"""


def test_parts_whose_times_nobody_sent_take_no_memory() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    reserved, taken = map(int, done.stdout.split())
    assert reserved > 20 * 2**20
    assert taken < 10 * 2**20
