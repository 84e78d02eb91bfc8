"""Compiles machine code, or loads it from the cache, before the first event needs it.

Run ``python -m streams.engine.warm`` ahead of time: at set-up, or while building an image.
"""

import gc
from typing import Final

from config.settings import Settings
from streams.decode.decoder import Decoder
from streams.rollup.rollup import Rollup

_EVENT: Final = (
    b'{"ts": %d, "id": "1", "service": "s", "function": "f", "status": 500, "error": "fatal",'
    b'"error_type": "E", "ms": {"total": 1.5}, "tables": [{"name": "t", "op": "GetItem", "rcu": 1}],'
    b'"values": {"v": 1}}'
)
_START: Final = 1_760_000_000

GC_THRESHOLD: Final = 10_000
"""New objects before a garbage collection; Python's default of 700 is reached with one small block."""


def warm() -> None:
    """Process a few events: seconds the first time, a fraction of a second from the cache.

    Modules and machine code stay in memory, so they are exempted from garbage collection, which otherwise
    takes a quarter of the time of a chunk lane.
    """
    decoder = Decoder()
    rollup = Rollup("warm/0", 2, Settings().time, decoder)
    for _ in range(2):  # the second pass knows the names
        rollup.feed(decoder.decode([_EVENT % (_START + second) for second in range(60)])[0])
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])


if __name__ == "__main__":
    warm()
