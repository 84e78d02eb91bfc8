"""Writes requests to a topic as they happen, by the clock on the wall."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Self

import numpy as np
from kafka import KafkaProducer

TICK: Final = 0.05  # seconds between two looks at what has happened


class LiveRequests:
    """Writes the requests of several services, in a thread of its own.

    Parameters
    ----------
    broker, topic
        Where to.
    begin
        Epoch seconds from which on nothing is written yet.
    rates
        Returns the requests a second of each service at present.
    request
        Returns a request of a service, by its number, at a time in epoch seconds.
    partitions
        Those that services are spread over.
    """

    def __init__(  # noqa: PLR0917
        self,
        broker: str,
        topic: str,
        begin: float,
        rates: Callable[[], Sequence[float]],
        request: Callable[[int, float], bytes],
        partitions: int = 1,
    ) -> None:
        self._producer = KafkaProducer(bootstrap_servers=[broker], linger_ms=5)
        self._topic, self._done, self._partitions = topic, begin, partitions
        self._rates, self._request = rates, request
        self._draw = np.random.default_rng(int(begin))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.close()

    def _write(self) -> None:
        while not self._stop.wait(TICK):
            now = time.time()
            counts = self._draw.poisson(np.array(self._rates()) * (now - self._done))
            for number, count in enumerate(counts.tolist()):
                for at in self._draw.uniform(self._done, now, count).tolist():
                    value = self._request(number, at)
                    self._producer.send(self._topic, value, partition=number % self._partitions)
            self._done = now
