"""Ports of 127.0.0.1 for servers of tests, each handed out once."""

import os
import random
import socket
from typing import Final

_FIRST: Final = 12_000
_WORKERS: Final = 10
_EACH: Final = 2_000  # all below 32,768, from where on Linux takes those of connections that go out
_given: Final[set[int]] = set()


def free_port() -> int:
    """Return a TCP port that nobody listens on, and that no other test of this run was given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    ours = range(_FIRST + worker * _EACH, _FIRST + (worker + 1) * _EACH)
    for port in random.SystemRandom().sample(ours, _EACH):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise AssertionError("no port is free")
