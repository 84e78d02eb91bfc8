"""A read-only copy of the pipeline of the process that notifies.

Its state is in the checkpoints topic, in parts, and each change is one transaction of the one process that
owns it (docs/adr/0035). A reader of the parts has the incidents, silences, labels and memos of that moment.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.state.state import StateError, Writer, refuse_newer
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.outbox import KEY, part_named
from streams.drivers.kafka.partition_consumer import next_records, open_partition
from streams.process.logs import Recurring

RETRY_SECONDS: Final = 5.0

log = structlog.get_logger("uneri.board")


class PipelineCopy:
    """Follows the parts of the pipeline's state; nothing is ever executed here."""

    def __init__(
        self,
        records: FencedStore,
        options: dict[str, Any],
        *,
        settings: Callable[[], Settings],
        on_change: Callable[[], None],
    ) -> None:
        self._records = records
        self._options = options
        self._settings = settings
        self._on_change = on_change
        self._recurring = Recurring()
        self._parts: dict[str, bytes] = {}
        self._writer: bytes | None = None
        self.pipeline: Pipeline | None = None
        """As it was after the newest change; None before any was read."""
        self.trouble: str | None = "the incidents have not been read yet"
        """Why the newest state is not known."""

    async def run(self) -> None:
        """Follow until cancelled; while Kafka is away, go on trying."""
        while True:
            try:
                await self._follow()
            except KafkaError as error:
                self._fails(f"Kafka does not answer ({type(error).__name__})")
            except (StateError, KeyError) as error:
                self._fails(f"the incidents cannot be read: {error}")
            await asyncio.sleep(RETRY_SECONDS)

    def _fails(self, reason: str) -> None:
        self.trouble = reason
        if self._recurring.happened() is not None:
            log.warning("the board does not get the newest incidents; it goes on trying", reason=reason)

    async def _follow(self) -> None:
        self._parts, self._writer = {}, None
        place = await self._records.place(KEY)
        async with open_partition(place, self._options, committed=True) as consumer:
            await consumer.seek_to_beginning(place)
            changed = True  # from nothing, too: an app that has notified of nothing yet
            while True:
                for record in await next_records(consumer, place):
                    changed |= self._keep(record.key.decode(), record.value)
                if changed and await _is_whole(consumer, place):
                    await self._renew()
                    changed = False

    def _keep(self, key: str, value: bytes | None) -> bool:
        """Keep the newest of each part; return whether one has changed."""
        if key == KEY:
            self._writer = value
            return True
        if (name := part_named(key)) is None:
            return False
        if value is None:
            self._parts.pop(name, None)
        else:
            self._parts[name] = value
        return True

    async def _renew(self) -> None:
        if self._writer is not None:
            refuse_newer(msgspec.msgpack.decode(self._writer, type=Writer), "the outbox")
        if self._parts:
            self.pipeline = await asyncio.to_thread(_restored, self._settings(), dict(self._parts))
        if self.trouble:
            self.trouble = None
        self._on_change()


async def _is_whole(consumer: AIOKafkaConsumer, place: TopicPartition) -> bool:
    """Return whether the records read so far end with a transaction, and not within one."""
    stable = consumer.last_stable_offset(place)
    return stable is not None and await consumer.position(place) >= stable


def _restored(settings: Settings, parts: Mapping[str, bytes]) -> Pipeline:
    pipeline = Pipeline(settings)
    pipeline.restore(parts)
    return pipeline
