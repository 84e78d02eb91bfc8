"""The broker of a benchmark: one of its own, or the one that ``UNERI_TEST_KAFKA`` names."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.kafka.broker import Broker, BrokerUnavailableError


class BenchBroker(NamedTuple):
    """Where it is, and the seconds of a processor that it has taken; NaN if it is somebody else's."""

    address: str
    seconds: Callable[[], float]


@contextmanager
def bench_broker() -> Iterator[BenchBroker]:
    """Start a broker whose code is optimised, and end it; without one there is nothing to measure."""
    if given := os.environ.get("UNERI_TEST_KAFKA"):
        yield BenchBroker(given, lambda: float("nan"))
        return
    try:
        with Broker(heap="1g", options=()) as broker:
            yield BenchBroker(broker.address, lambda: broker.seconds)
    except BrokerUnavailableError as error:
        raise SystemExit(str(error)) from error
