"""When records arrive whose senders are prompt."""

from collections.abc import Sequence

import numpy as np

from detectors.model.array_types import Floats
from streams.engine.decode.parse import parse, stamp_of


def prompt(bodies: Sequence[bytes]) -> Floats:
    """Return when each record arrives, epoch seconds: no earlier than any stamp up to it."""
    stamps = np.full(len(bodies), -np.inf)
    events, rows, _ = parse(bodies)
    for event, row in zip(events, rows, strict=True):
        stamp = stamp_of(event.ts)
        if isinstance(stamp, float):
            stamps[row] = stamp
    arrived: Floats = np.maximum.accumulate(stamps)
    known = arrived[np.isfinite(arrived)]
    return np.where(np.isfinite(arrived), arrived, known[0] if len(known) else 0.0)
