"""When records arrive whose senders are prompt."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streams.engine.decode.parse import parse, stamp_of


def prompt(bodies: Sequence[bytes]) -> NDArray[np.float64]:
    """Return when each record arrives, epoch seconds: no earlier than any stamp up to it."""
    stamps = np.full(len(bodies), -np.inf)
    events, rows, _ = parse(bodies)
    for event, row in zip(events, rows, strict=True):
        stamp = stamp_of(event.ts)
        if isinstance(stamp, float):
            stamps[row] = stamp
    arrived: NDArray[np.float64] = np.maximum.accumulate(stamps)
    known = arrived[np.isfinite(arrived)]
    return np.where(np.isfinite(arrived), arrived, known[0] if len(known) else 0.0)
