"""Costs of early evaluation beside a step: a shard with weeks behind, as in ``benchmarks/history_cost.py``.

    python -m benchmarks.early_cost [series of scopes]

Times are milliseconds of a core. A minute has six early evaluations and a step.
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
    early_times, steps = list[float](), list[float]()
    for number in range(STEPS):
        blocks = shard.blocks()
        for block in blocks:
            early = dataclasses.replace(block, early=True, sequence=block.sequence - 1, tags=[])
            began = time.process_time()
            judged = shard.detect.feed([early])
            if judged and number > 1:
                early_times.append(1000 * (time.process_time() - began))
        began = time.process_time()
        shard.detect.feed(blocks)
        if number > 1:  # the first ones make room
            steps.append(1000 * (time.process_time() - began))
    least, middle, most = np.percentile(early_times, (0, 50, 100))
    print(f"{shard.scopes:,} series of scopes, with edges {shard.detect.series:,}")
    print(
        f"an early evaluation {middle:.0f} ms ({least:.0f} to {most:.0f}), a step {np.median(steps):.0f} ms"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
