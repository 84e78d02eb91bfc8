"""Generated events to a Kafka topic."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError as ProducerError
from aiokafka.errors import TopicAuthorizationFailedError as ProducerAuthorizationError
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import AuthorizationError, KafkaError, TopicAlreadyExistsError

from config.settings import KafkaSettings
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.connections.client import client_options, open_client
from streams.drivers.kafka.connections.probe import why_unusable
from streams.offline.simulate.event_writer import WriteError

BATCH: Final = 512 * 1024  # bytes


class KafkaWriter:
    """Writes records to the partitions of a topic in turn, with their arrival as the timestamp.

    So the contents of each partition depend on the scenario alone, and all partitions reach the same event
    time together. Batches are built here: sending records one by one is several times slower.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, partitions: int) -> None:
        self._kafka = kafka.model_copy(update={"app": "uneri-simulate"})
        self._broker = ", ".join(kafka.brokers)
        self._topic = topic
        self._wanted = partitions
        self._partitions = 0
        self._written = 0
        self._runner = asyncio.Runner()
        self._producer: Any = None
        self._kept: int | None = None  # milliseconds of wall time after which the broker deletes a record

    def __enter__(self) -> Self:
        try:
            self._prepare()
            self._runner.run(self._start())
        except (AuthorizationError, ProducerAuthorizationError):
            self.__exit__()
            raise WriteError(
                f"Kafka does not allow this user to create {self._topic} or write to it; grant it, or create "
                "the topic first"
            ) from None
        except (KafkaError, ProducerError) as error:
            self.__exit__()
            raise WriteError(why_unusable(self._kafka, error)) from None
        return self

    def _prepare(self) -> None:
        # the default retention would delete events of past weeks within minutes
        wanted = {"num_partitions": self._wanted, "replication_factor": -1, "configs": {"retention.ms": "-1"}}
        with open_client(KafkaAdminClient, **client_options(self._kafka)) as admin:
            (found,) = admin.describe_topics([self._topic])
            if found["error_code"]:  # one that is there takes no right to create topics
                with contextlib.suppress(TopicAlreadyExistsError):
                    admin.create_topics({self._topic: wanted}, wait_for_metadata=True)
                return
            resources = [ConfigResource(ConfigResourceType.TOPIC, self._topic)]
            described = admin.describe_configs(resources, config_filter="all")
            config = described.get("topic", {}).get(self._topic, {})
            if config:  # this user may know it
                kept = int(config["retention.ms"]["value"])
                deletes = "delete" in config["cleanup.policy"]["value"]
                self._kept = kept if deletes and kept >= 0 else None

    async def _start(self) -> None:
        self._producer = AIOKafkaProducer(**aiokafka_options(self._kafka), acks="all", max_batch_size=BATCH)
        await self._producer.start()
        self._partitions = len(await self._producer.partitions_for(self._topic))

    def write(self, lines: Sequence[bytes], arrivals: Sequence[int]) -> None:
        """Send the records; returns when the broker has them."""
        if arrivals and self._kept is not None and arrivals[0] < time.time() * 1000 - self._kept:
            raise WriteError(
                f"topic {self._topic} would delete these events at once, as they are older than its "
                "retention.ms: set retention.ms=-1, use another topic, or move the scenario with --now"
            )
        try:
            self._runner.run(self._send(lines, arrivals))
        except ProducerError as error:
            raise WriteError(
                f"Kafka at {self._broker} did not accept the events: {error}; check the topic"
            ) from None

    async def _send(self, lines: Sequence[bytes], arrivals: Sequence[int]) -> None:
        sent = []
        for partition in range(self._partitions):
            first = (partition - self._written) % self._partitions
            batch = self._producer.create_batch()
            for line, arrival in zip(
                lines[first :: self._partitions], arrivals[first :: self._partitions], strict=True
            ):
                if batch.append(key=None, value=line, timestamp=arrival) is None:
                    sent.append(await self._producer.send_batch(batch, self._topic, partition=partition))
                    batch = self._producer.create_batch()
                    batch.append(key=None, value=line, timestamp=arrival)
            if batch.record_count():
                sent.append(await self._producer.send_batch(batch, self._topic, partition=partition))
        self._written += len(lines)
        await asyncio.gather(*sent)

    def __exit__(self, *_: object) -> None:
        if self._producer is not None:
            self._runner.run(self._producer.stop())
        self._runner.close()
