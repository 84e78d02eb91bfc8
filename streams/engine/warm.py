"""Compiles machine code, or loads it from the cache, before the first event needs it.

Run ``python -m streams.engine.warm`` ahead of time: at set-up, or while building an image.
"""

import gc
from typing import Final

import numpy as np

from config.settings import Settings
from streams.decode.decoder import Decoder
from streams.engine.engine import Engine
from streams.rollup.rollup import Rollup

_EVENT: Final = (
    b'{"ts": %d, "id": "%d", "service": "s", "function": "f%d", "status": 500, "error": "fatal",'
    b'"error_type": "E", "ms": {"total": 1.5}, "tables": [{"name": "t", "op": "GetItem", "rcu": 1}],'
    b'"values": {"v": 1}}'
)
_START: Final = 1_760_000_000

MINUTES: Final = 10  # so that some are judged before and after a restart

GC_THRESHOLD: Final = 10_000
"""New objects before a garbage collection; Python's default of 700 is reached with one small block."""


def warm() -> None:
    """Judge a few minutes: half a minute the first time, a fraction of a second from the cache.

    Later, a compiler would stop the engine for as long, and the watchdog would take it for stuck.

    Modules and machine code stay in memory, so they are exempted from garbage collection, which otherwise
    takes a quarter of the time of a chunk lane.
    """
    seconds = range(0, MINUTES * 60, 10)
    records = [
        _EVENT % (_START + second, second, second) for second in seconds
    ]  # so many names that tables grow
    arrived = _START + np.array(seconds, np.float64)
    decoder = Decoder()
    Rollup("warm/0", 2, Settings().time, decoder).feed(decoder.decode(records, arrived)[0])
    parts: dict[str, bytes] = {}
    half = len(records) // 2
    for some in (slice(half), slice(half, None)):  # the second knows the names
        engine = Engine(Settings(), ["warm/0"])
        if parts:
            engine.restore(parts)
        engine.feed("warm/0", records[some], arrived[some])
        parts = engine.snapshot()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])


if __name__ == "__main__":
    warm()
