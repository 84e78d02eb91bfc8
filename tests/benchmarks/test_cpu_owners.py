"""Owners of CPU time are named, and the entry points of the profile are where the code is."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SPEND = """
import asyncio, json, sys, time
from benchmarks.harness import cpu_owners
import streams.drivers.kafka.stage_host  # as the daemon has it

def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

class Work:
    def called(self): burn(0.06)
    def stepped(self):
        burn(0.02)
        got = yield 1
        burn(0.02)
        return got
    async def awaited(self):
        burn(0.03)
        await asyncio.sleep(0.01)
        burn(0.03)
        self.called()

owners = cpu_owners.CpuOwners()
for owner in ("called", "stepped", "awaited"):
    setattr(Work, owner, owners._timed(getattr(Work, owner), owner))

async def main():
    owners.start()
    work = Work()
    assert list(work.stepped()) == [1]
    await asyncio.create_task(work.awaited())
    owners.stop()
    return owners.shares()

spent = asyncio.run(main())
print(json.dumps([spent, owners.absent]))
"""


def test_parts_own_what_they_spend_themselves_and_every_entry_point_is_found() -> None:
    done = subprocess.run(  # it wraps the event loop, which no other test may see
        [sys.executable, "-c", SPEND], cwd=ROOT, capture_output=True, text=True, check=True
    )
    spent, absent = json.loads(done.stdout)
    assert absent == []
    whole = spent["called"] + spent["stepped"] + spent["awaited"]
    assert 0.9 < whole <= 1.02
    for owner, seconds in (("called", 6), ("awaited", 6), ("stepped", 4)):
        assert abs(spent[owner] / whole - seconds / 16) < 0.05, owner
