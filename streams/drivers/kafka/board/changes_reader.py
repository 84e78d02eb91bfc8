"""What was deployed or configured in the last days, as the process that notifies is told of it."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from alerting.incidents.recent_changes import KEPT_SECONDS, RecentChanges
from detectors.model.stated import StatedChange
from streams.drivers.kafka.notices import NoticesPart
from streams.drivers.kafka.reading import reading, some

RETRY_SECONDS: Final = 5.0

log = structlog.get_logger("uneri.board")


class ChangesReader:
    """Reads the changes that came with the notices of the last days.

    Parameters
    ----------
    topic
        The notices topic, of one partition.
    options
        Keyword arguments of every aiokafka client.
    """

    def __init__(self, topic: str, options: dict[str, Any]) -> None:
        self._place = TopicPartition(topic, 0)
        self._options = options
        self._recent = RecentChanges()
        self._decode = msgspec.msgpack.Decoder(NoticesPart).decode

    @property
    def changes(self) -> Sequence[StatedChange]:
        """The changes of the last days, oldest first."""
        return self._recent.all

    async def run(self) -> None:
        """Read until cancelled; while Kafka is away, go on trying."""
        while True:
            try:
                async with reading(self._place, self._options) as consumer:
                    consumer.seek(self._place, await self._begin(consumer))
                    while True:
                        for record in await some(consumer, self._place):
                            part = self._decode(record.value)
                            self._recent.add(part.changes, part.watermark)
            except KafkaError as error:
                log.debug("changes cannot be read", reason=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _begin(self, consumer: AIOKafkaConsumer) -> int:
        """Return the offset of the first record of the last days, by the clock of the brokers."""
        since = int((time.time() - KEPT_SECONDS) * 1000)
        found = (await consumer.offsets_for_times({self._place: since})).get(self._place)
        if found is not None:
            return int(found.offset)
        return int((await consumer.end_offsets([self._place]))[self._place])
