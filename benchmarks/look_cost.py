"""What a look costs beside a step: a shard with weeks behind it, as in ``benchmarks/history_cost.py``.

    python -m benchmarks.look_cost [series of scopes]

Times are milliseconds of a core. A minute has six looks and a step.
"""

import dataclasses
import sys
import time

import numpy as np

from benchmarks.history_cost import Shard

STEPS = 6


def main() -> int:
    """Measure and print."""
    shard = Shard(int(sys.argv[1]) if len(sys.argv) > 1 else 25_000)
    looks, steps = list[float](), list[float]()
    for number in range(STEPS):
        blocks = shard.blocks()
        for block in blocks:
            early = dataclasses.replace(block, early=True, sequence=block.sequence - 1, tags=[])
            began = time.process_time()
            taken = shard.detect.look([early])
            if taken and number > 1:
                looks.append(1000 * (time.process_time() - began))
        began = time.process_time()
        shard.detect.feed(blocks)
        if number > 1:  # the first ones make room
            steps.append(1000 * (time.process_time() - began))
    least, middle, most = np.percentile(looks, (0, 50, 100))
    print(f"{shard.scopes:,} series of scopes, with edges {shard.detect.series:,}")
    print(f"a look {middle:.0f} ms ({least:.0f} to {most:.0f}), a step {np.median(steps):.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
