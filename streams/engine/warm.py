"""Compiles what is compiled, or loads it from where it was kept, before the first event waits for it.

``python -m streams.engine.warm`` does it ahead of time: at set-up, or while an image is built.
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

YOUNG: Final = 10_000
"""Objects that are made until the collector looks for cycles among them: Python's 700 are one small block."""


def warm() -> None:
    """Take a few events through decode and rollup; seconds the first time, a fraction of one later.

    What there is then stays, modules and machine code: the garbage collector need not look at it again. A
    quarter of the time of a bare lane went into that.
    """
    decoder = Decoder()
    rollup = Rollup("warm/0", 2, Settings().time, decoder)
    for _ in range(2):  # the second time the names are known
        rollup.feed(decoder.decode([_EVENT % (_START + second) for second in range(60)])[0])
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


if __name__ == "__main__":
    warm()
