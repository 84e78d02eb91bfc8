"""The checkpoints topic for a command without an event loop."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from config.settings import KafkaSettings
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.checkpoints.hanging_transactions import HangingTransactions
from streams.engine.stages.checkpoint import Checkpoint

_T = TypeVar("_T")


class BlockingCheckpoints:
    """Loads and saves under keys of its own; a context manager.

    Another command that loads the same key takes it over: ``save`` then raises ``FencedError``.

    Parameters
    ----------
    kafka
        Where the topic is.
    topic, partitions
        The checkpoints topic.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, partitions: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)  # a fenced producer leaves futures behind
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._owned: set[str] = set()
        records = FencedStore(topic, partitions, aiokafka_options(kafka), hanging=HangingTransactions(kafka))
        self._checkpoints = KafkaCheckpoints(records)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait_for(self._checkpoints.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def load(self, stage: str) -> Checkpoint | None:
        """Take a key over, and return the newest checkpoint under it.

        Raises
        ------
        detectors.state.state.StateError
            When it cannot be read.
        aiokafka.errors.KafkaError
            When Kafka does not answer.
        """
        self._owned.add(stage)
        return self._wait_for(self._checkpoints.load(stage))

    def look(self, stage: str) -> Checkpoint | None:
        """Return what ``load`` would, and leave the key to its owner."""
        return self._wait_for(self._checkpoints.look(stage))

    def save(self, stage: str, checkpoint: Checkpoint) -> None:
        """Write a checkpoint under a key, which is taken over first; durable when this returns.

        Raises
        ------
        streams.drivers.kafka.checkpoints.fenced_store.FencedError
            When another command has taken it over since.
        aiokafka.errors.KafkaError
            When Kafka does not answer.
        """
        if stage not in self._owned:
            self.load(stage)
        self._wait_for(self._checkpoints.save(stage, checkpoint))

    def _wait_for(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
