"""Ends transactions that Kafka has forgotten, which would hide everything that was written after them.

When a broker hangs or is fenced in the middle of a transaction, it can happen that the coordinator thinks it
over while the partition still holds it open: no timeout ends it, and nobody who reads committed records gets
past it. Kafka's remedy is an administrator's command (``kafka-transactions.sh abort``). All transactions of
the daemon's own topics end within seconds, so that the daemon can tell one that hangs, and do it by itself.
"""

import contextlib
from typing import NamedTuple

import structlog
from kafka import TopicPartition
from kafka.admin import AbortTransactionSpec, KafkaAdminClient
from kafka.errors import KafkaError

from config.settings import Kafka
from streams.kafka_client import client_options

log = structlog.get_logger("uneri.kafka")


class OpenTransaction(NamedTuple):
    """One that a partition holds open."""

    producer: int
    epoch: int
    start: int  # its first offset


class HangingTransactions:
    """Looks for open transactions of a partition, and ends them. Blocks for the length of a request."""

    def __init__(self, kafka: Kafka) -> None:
        self._options = client_options(kafka)

    def open(self, topic: str, partition: int) -> frozenset[OpenTransaction]:
        """Return the transactions that are open now; none when the broker cannot say."""
        place = TopicPartition(topic, partition)
        try:
            with contextlib.closing(KafkaAdminClient(**self._options)) as admin:
                producers = admin.describe_producers([place])[place].active_producers
        except KafkaError as error:
            log.debug("open transactions cannot be looked at", reason=repr(error))
            return frozenset()
        return frozenset(
            OpenTransaction(one.producer_id, one.producer_epoch, one.current_transaction_start_offset)
            for one in producers
            if one.current_transaction_start_offset >= 0
        )

    def abort(self, topic: str, partition: int, hanging: OpenTransaction) -> None:
        """End one: what it wrote was never said."""
        place = TopicPartition(topic, partition)
        said = {"topic": topic, "partition": partition, "producer": hanging.producer, "first": hanging.start}
        try:
            with contextlib.closing(KafkaAdminClient(**self._options)) as admin:
                admin.abort_transaction(AbortTransactionSpec(place, hanging.producer, hanging.epoch))
        except KafkaError as error:
            log.error("a transaction hangs and could not be aborted", reason=repr(error), **said)  # noqa: TRY400 - one line
        else:
            log.warning("aborted a transaction that Kafka had forgotten", **said)
