"""Tells which transactions Kafka has forgotten: they would hide everything that was written after them.

A transaction ends by a marker that its coordinator has the leader of every partition write. While a partition
has no leader (its only broker is fenced, because it hung for longer than its session with the controller) the
coordinator takes the partition for deleted, leaves the marker out and calls the transaction complete. Its
writer is told that it is committed; the partition holds it open for ever: no timeout ends it, and nobody who
reads committed records gets past it. ``kafka/fenced_store.py`` ends it by the next transaction of the same
producer, as the coordinator had ended it.
"""

from typing import NamedTuple

import structlog
from kafka import TopicPartition
from kafka.admin import AbortTransactionSpec, KafkaAdminClient, TransactionDescription, TransactionState
from kafka.errors import KafkaError

from config.settings import KafkaSettings
from streams.kafka.client import client_options, open_client

log = structlog.get_logger("uneri.kafka")

ENDED = frozenset(
    {
        TransactionState.EMPTY,  # its producer has started anew since
        TransactionState.COMPLETE_COMMIT,
        TransactionState.COMPLETE_ABORT,
        TransactionState.DEAD,
    }
)


class OpenTransaction(NamedTuple):
    """One that a partition holds open."""

    producer: int
    epoch: int
    start: int  # its first offset
    coordinator_epoch: int  # of the marker before it, -1 when there was none


class Seen(NamedTuple):
    """What its coordinator says of an open transaction."""

    transaction: OpenTransaction
    name: str = ""  # the transactional id; empty when no coordinator knows the producer
    state: str = "unknown"
    forgotten: bool = False  # over, says the coordinator: it will not end any more
    committed: bool = False  # so its writer was told

    def __str__(self) -> str:
        """Say it in a line."""
        producer, epoch, start, _ = self.transaction
        return (
            f"{self.name or 'unknown'} (producer {producer}, epoch {epoch}) holds a transaction open from "
            f"offset {start} on, its coordinator says {self.state}"
        )


class HangingTransactions:
    """Looks for open transactions of a partition. Blocks for the length of some requests."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._options = client_options(kafka)

    def open(self, topic: str, partition: int) -> list[Seen] | None:
        """Return the transactions that are open now; None when the brokers cannot say."""
        try:
            with open_client(KafkaAdminClient, **self._options) as admin:
                before = _open(admin, topic, partition)
                if not before:
                    return []
                known = _described(admin, {one.producer for one in before})
                # Still open after its coordinator said that it is over: not one that just ended.
                after = _open(admin, topic, partition)
        except KafkaError as error:
            log.debug("open transactions cannot be looked at", reason=repr(error))
            return None
        return [_seen(one, known.get(one.producer)) for one in sorted(before & after)]

    def abort(self, topic: str, partition: int, hanging: OpenTransaction) -> None:
        """End one by an administrator's command; what it wrote was never said."""
        place = TopicPartition(topic, partition)
        # A leader refuses a marker of an older coordinator than that of the marker before.
        coordinator = max(0, hanging.coordinator_epoch)
        spec = AbortTransactionSpec(place, hanging.producer, hanging.epoch, coordinator)
        said = {"topic": topic, "partition": partition, "producer": hanging.producer, "first": hanging.start}
        try:
            with open_client(KafkaAdminClient, **self._options) as admin:
                admin.abort_transaction(spec)
        except KafkaError as error:
            log.error("a transaction hangs and could not be aborted", reason=repr(error), **said)  # noqa: TRY400 - one line
        else:
            log.warning("aborted a transaction that hung", **said)


def _open(admin: KafkaAdminClient, topic: str, partition: int) -> set[OpenTransaction]:
    place = TopicPartition(topic, partition)
    return {
        OpenTransaction(
            one.producer_id,
            one.producer_epoch,
            one.current_transaction_start_offset,
            one.coordinator_epoch,
        )
        for one in admin.describe_producers([place])[place].active_producers
        if one.current_transaction_start_offset >= 0
    }


def _described(admin: KafkaAdminClient, producers: set[int]) -> dict[int, tuple[str, TransactionDescription]]:
    listed = admin.list_transactions(producer_id_filters=sorted(producers))
    names = {one.transactional_id for several in listed.values() for one in several}
    return {one.producer_id: (name, one) for name, one in admin.describe_transactions(names).items()}


def _seen(transaction: OpenTransaction, known: tuple[str, TransactionDescription] | None) -> Seen:
    if known is None:
        return Seen(transaction)
    name, told = known
    committed = told.state == TransactionState.COMPLETE_COMMIT and told.producer_epoch == transaction.epoch
    return Seen(transaction, name, told.state.value, told.state in ENDED, committed)
