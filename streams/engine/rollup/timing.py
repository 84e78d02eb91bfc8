"""When each record of a run arrived in event time: its bucket, the watermark, and whether it was late."""

from typing import NamedTuple

import numpy as np

from config.settings import TimeSettings
from detectors.model.array_types import Bools, Floats, Ints
from streams.engine.decode.columns import Columns


class Timing(NamedTuple):
    """The n records of a run in event time, which moves on from level to level of the watermark."""

    bucket: Ints  # (n,) start of the bucket that a record belongs to
    watermark: Ints  # (n,) after each record
    level: Ints  # (n,) index into ``levels``: of the watermark after each record
    levels: list[int]  # the watermark before the run, then each value that it advanced to
    late: Bools  # (n,) whose bucket had closed
    known_until: Ints  # (n,) watermark from which on the record's id is forgotten


def timing_of(columns: Columns, watermark: int | None, time: TimeSettings) -> Timing:
    """Return the timing of a run of at least one record.

    The watermark follows the event time reached (``streams.engine.decode.event_time``), less the lateness.

    Parameters
    ----------
    columns
        The run.
    watermark
        Before it; None at the start of a partition.
    time
        Width of a bucket and lateness.
    """
    bucket = bucket_of(columns.ts, time.bucket)
    reached = bucket_of(columns.newest - time.lateness, time.bucket)
    start = int(reached[0]) if watermark is None else watermark
    reached = np.maximum(reached, start)
    advances = reached > np.concatenate(([start], reached[:-1]))
    return Timing(
        bucket,
        reached,
        np.cumsum(advances),
        [start, *reached[advances].tolist()],
        bucket < reached,
        # An id is known until its bucket has closed, and for the lateness after a late record.
        np.maximum(bucket_of(columns.newest, time.bucket), bucket) + time.bucket,
    )


def bucket_of(ts: Floats, width: int) -> Ints:
    """Return the start of the bucket of each stamp, epoch seconds.

    Examples
    --------
    >>> bucket_of(np.array([1015.5]), 10).tolist()
    [1010]
    """
    return np.floor(ts / width).astype(np.int64) * width
