"""Offsets of partitions, queried by a client of its own because the consumer may be what hangs."""

import asyncio
import contextlib
from collections.abc import Collection
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.drivers.kafka.stage import Bounds

PATIENCE: Final = 5.0  # seconds


class PartitionEnds:
    """Queries the bounds of partitions with a client that is created when it is first needed.

    Parameters
    ----------
    options
        Keyword arguments of every aiokafka client.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._client: AIOKafkaConsumer | None = None

    async def of(self, tps: Collection[TP]) -> dict[TP, Bounds] | None:
        """Return the readable bounds, None if no broker answers."""
        places = [TopicPartition(*tp) for tp in tps]
        try:
            async with asyncio.timeout(PATIENCE):
                if self._client is None:
                    self._client = client = AIOKafkaConsumer(
                        enable_auto_commit=False, isolation_level="read_committed", **self._options
                    )
                    await client.start()
                first = await self._client.beginning_offsets(places)
                end = await self._client.end_offsets(places)
        except (KafkaError, OSError, TimeoutError):
            await self.close()
            return None
        return {TP(*place): Bounds(first[place], end[place]) for place in places}

    async def close(self) -> None:
        """Close the client; the next query creates another."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await client.stop()
