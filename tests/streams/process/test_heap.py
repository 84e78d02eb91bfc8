import os
import subprocess
import sys

import pytest

from streams.process.heap import SECONDS, Heap, give_back

PROGRAM = """
import os
import numpy as np
from streams.process.heap import give_back

def used():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

np.ones(2**21)  # glibc keeps from now on whatever is smaller
before = used()
arrays, small = [], []
for _ in range(100):
    arrays.append(np.ones(2**17))
    small.append(bytes(1000))
del arrays
kept = used() - before
give_back()
print(kept, used() - before)
"""

needs_glibc = pytest.mark.skipif(sys.platform != "linux" or not give_back(), reason="not glibc")


@needs_glibc
def test_what_was_freed_between_small_objects_goes_back_to_the_system() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment
    )
    kept, left = map(float, done.stdout.split())
    assert kept > 50
    assert left < 5


@needs_glibc
def test_it_is_given_back_once_a_minute() -> None:
    now = 100.0
    heap = Heap(lambda: now)
    assert heap.give_back()
    now += SECONDS - 1
    assert not heap.give_back()
    now += 1
    assert heap.give_back()
