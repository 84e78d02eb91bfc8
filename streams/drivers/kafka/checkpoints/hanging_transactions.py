"""Finds transactions that Kafka has forgotten: they would hide everything that was written after them.

A transaction ends with a marker that its coordinator has the leader of every partition write. While a
partition has no leader (its only broker is fenced because it hung for longer than its session with the
controller), the coordinator takes the partition for deleted, omits the marker and calls the transaction
complete. Its writer learns that it is committed, but the partition keeps it open for ever: no timeout ends
it, and readers of committed records never get past it. ``fenced_store`` ends it with the next
transaction of the same producer, with the outcome that the coordinator had recorded.
"""

from typing import NamedTuple

import structlog
from kafka import TopicPartition
from kafka.admin import AbortTransactionSpec, KafkaAdminClient, TransactionDescription, TransactionState
from kafka.errors import KafkaError

from config.settings import KafkaSettings
from streams.drivers.kafka.connections.client import client_options, open_client

log = structlog.get_logger("uneri.kafka")

ENDED = frozenset(
    {
        TransactionState.EMPTY,  # its producer has restarted since
        TransactionState.COMPLETE_COMMIT,
        TransactionState.COMPLETE_ABORT,
        TransactionState.DEAD,
    }
)


class OpenTransaction(NamedTuple):
    """A transaction that a partition holds open."""

    producer: int
    epoch: int
    start: int  # its first offset
    coordinator_epoch: int  # of the previous marker, -1 if there is none


class TransactionStatus(NamedTuple):
    """The state of an open transaction, as its coordinator knows it."""

    transaction: OpenTransaction
    name: str = ""  # the transactional id; empty if no coordinator knows the producer
    state: str = "unknown"
    forgotten: bool = False  # the coordinator counts it as ended, so it will not end it again
    committed: bool = False  # the outcome that its writer received

    def __str__(self) -> str:
        """Return one line for logs and errors."""
        producer, epoch, start, _ = self.transaction
        return (
            f"{self.name or 'unknown'} (producer {producer}, epoch {epoch}) has held a transaction open from "
            f"offset {start}; its coordinator reports {self.state}"
        )


class HangingTransactions:
    """Finds open transactions of a partition. Blocks for a few requests."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._options = client_options(kafka)

    def open(self, topic: str, partition: int) -> list[TransactionStatus] | None:
        """Return the open transactions; None if the brokers cannot list them."""
        try:
            with open_client(KafkaAdminClient, **self._options) as admin:
                before = _open(admin, topic, partition)
                if not before:
                    return []
                known = _described(admin, {transaction.producer for transaction in before})
                # Still open after its coordinator counted it as ended: not one that has just ended.
                after = _open(admin, topic, partition)
        except KafkaError as error:
            log.debug("open transactions cannot be listed", reason=repr(error))
            return None
        return [
            _status(transaction, known.get(transaction.producer)) for transaction in sorted(before & after)
        ]

    def abort(self, topic: str, partition: int, hanging: OpenTransaction) -> None:
        """Abort one by an administrator's command; its outcome was never reported."""
        place = TopicPartition(topic, partition)
        # A leader refuses a marker of an older coordinator than that of the previous marker.
        coordinator = max(0, hanging.coordinator_epoch)
        spec = AbortTransactionSpec(place, hanging.producer, hanging.epoch, coordinator)
        context = {
            "topic": topic,
            "partition": partition,
            "producer": hanging.producer,
            "first": hanging.start,
        }
        try:
            with open_client(KafkaAdminClient, **self._options) as admin:
                admin.abort_transaction(spec)
        except KafkaError as error:
            log.error("a hanging transaction could not be aborted", reason=repr(error), **context)  # noqa: TRY400 - one line
        else:
            log.warning("aborted a hanging transaction", **context)


def _open(admin: KafkaAdminClient, topic: str, partition: int) -> set[OpenTransaction]:
    place = TopicPartition(topic, partition)
    return {
        OpenTransaction(
            active_producer.producer_id,
            active_producer.producer_epoch,
            active_producer.current_transaction_start_offset,
            active_producer.coordinator_epoch,
        )
        for active_producer in admin.describe_producers([place])[place].active_producers
        if active_producer.current_transaction_start_offset >= 0
    }


def _described(admin: KafkaAdminClient, producers: set[int]) -> dict[int, tuple[str, TransactionDescription]]:
    listed = admin.list_transactions(producer_id_filters=sorted(producers))
    names = {transaction.transactional_id for found in listed.values() for transaction in found}
    return {found.producer_id: (name, found) for name, found in admin.describe_transactions(names).items()}


def _status(
    transaction: OpenTransaction, known: tuple[str, TransactionDescription] | None
) -> TransactionStatus:
    if known is None:
        return TransactionStatus(transaction)
    name, described = known
    committed = (
        described.state == TransactionState.COMPLETE_COMMIT and described.producer_epoch == transaction.epoch
    )
    return TransactionStatus(transaction, name, described.state.value, described.state in ENDED, committed)
