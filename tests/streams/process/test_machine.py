import os
import subprocess
import sys

import pytest

from streams.process.machine import SECONDS, Heap, give_back

PROGRAM = """
import os
import numpy as np
from streams.process.machine import give_back, keep_freed

def used():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

keep_freed()
before = used()
arrays = [np.ones(2**17) for _ in range(100)]
above = np.ones(2**17)  # stays, so that the heap cannot just become shorter
del arrays
kept = used() - before
give_back()
print(kept, used() - before)
"""

FETCHES = """
import resource, sys
from streams.process.machine import keep_freed

if sys.argv[1] == "kept":
    assert keep_freed()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(300):
    pieces = [bytes(2**20 + 4096 * number) for number in range(4)]
    del pieces
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""

needs_glibc = pytest.mark.skipif(sys.platform != "linux" or not give_back(), reason="not glibc")


def printed(program: str, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout


@needs_glibc
def test_what_was_freed_below_objects_that_stay_goes_back_to_the_system() -> None:
    kept, left = map(float, printed(PROGRAM).split())
    assert kept > 50
    assert left < 5


@needs_glibc
def test_pieces_that_come_and_go_are_not_cleared_by_the_kernel_each_time() -> None:
    assert int(printed(FETCHES, "kept")) < int(printed(FETCHES, "as it is")) / 10


@needs_glibc
def test_it_is_given_back_once_a_minute() -> None:
    now = 100.0
    heap = Heap(lambda: now)
    assert heap.give_back()
    now += SECONDS - 1
    assert not heap.give_back()
    now += 1
    assert heap.give_back()
