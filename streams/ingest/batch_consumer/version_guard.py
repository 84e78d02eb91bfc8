"""The versions of Faust and aiokafka that were read, and their names that are overridden or used privately.

A test finds the names that are used but not listed here.
"""

from typing import Any, Final

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer import fetcher, subscription_state
from aiokafka.record.memory_records import MemoryRecords
from faust.transport.drivers import aiokafka as driver

from streams.process.library_guard import LibraryGuard, UnknownVersionError

VERSIONS: Final = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}

SHAPES: Final[dict[Any, str]] = {
    fetcher.PartitionRecords.__init__: "self tp records aborted_transactions fetch_offset key_deserializer "
    "value_deserializer check_crcs isolation_level",
    fetcher.PartitionRecords._unpack_records: "self",  # noqa: SLF001
    fetcher.PartitionRecords._consume_aborted_up_to: "self batch_offset",  # noqa: SLF001
    fetcher.PartitionRecords._contains_abort_marker: "self next_batch",  # noqa: SLF001
    fetcher.FetchResult.getall: "self max_records",
    driver.Consumer.getmany: "self timeout",
    driver.Consumer._wait_next_records: "self timeout",  # noqa: SLF001
    driver.Consumer._get_active_partitions: "self",  # noqa: SLF001
    driver.Consumer.on_buffer_drop: "self tp",
    driver.Consumer.resume_partitions: "self tps",
    driver.Consumer._new_offset: "self tp",  # noqa: SLF001
    driver.Consumer._add_gap: "self tp offset_from offset_to",  # noqa: SLF001
    driver.Consumer._seek: "self partition offset",  # noqa: SLF001
    driver.Consumer._to_message: "self tp record",  # noqa: SLF001
    driver.Consumer.perform_seek: "self",
    driver.Consumer._filter_tps_with_pending_acks: "self topics",  # noqa: SLF001
    driver.Consumer.commit: "self topics start_new_transaction",
    driver.Consumer._should_commit: "self tp offset",  # noqa: SLF001
    driver.Consumer.on_partitions_assigned: "self assigned generation_id",
    driver.Consumer.on_partitions_revoked: "self revoked",
    driver.Consumer._new_consumer_thread: "self",  # noqa: SLF001
    driver.AIOKafkaConsumerThread._create_worker_consumer: "self transport",  # noqa: SLF001
    driver.AIOKafkaConsumerThread.seek: "self partition offset",
    fetcher.Fetcher.close: "self",
    fetcher.Fetcher._notify: "self future",  # noqa: SLF001
    AIOKafkaClient.force_metadata_update: "self",
    AIOKafkaClient._maybe_wait_metadata: "self",  # noqa: SLF001
    AIOKafkaConnection.authenticator_oauth: "self",
    AIOKafkaConnection.close: "self reason exc",
    AbstractTokenProvider.token: "self",
    AbstractTokenProvider.extensions: "self",
    faust.App._new_transport: "self",  # noqa: SLF001
    faust.Schema.loads_key: "self app message loads serializer",
    faust.Schema.loads_value: "self app message loads serializer",
}

ATTRIBUTES: Final[dict[Any, str]] = {
    driver.Consumer: (
        "_acked _acked_index _buffered_partitions _committed_offset _thread scheduler flow_active highwater"
    ),
    driver.AIOKafkaConsumerThread: "_consumer consumer thread_loop",
    driver.Transport: "Consumer",
    faust.App: "consumer_generation_id",
    AIOKafkaClient: "_md_update_fut _md_update_waiter",
    AIOKafkaConnection: "_writer",
    AIOKafkaProducer: "_closed _sender client",
    AIOKafkaConsumer: "_client _subscription _isolation_level _value_deserializer",
    subscription_state.SubscriptionState: "subscription",
    subscription_state.Subscription: "assignment",
    subscription_state.Assignment: "tps state_value",
    subscription_state.TopicPartitionState: "position has_valid_position highwater lso",
    fetcher.Fetcher: "_closed _fetch_task _fetch_waiters _pending_tasks",
    fetcher.PartitionRecords: "_tp _records _check_crcs _isolation_level _value_deserializer "
    "_aborted_producers next_fetch_offset",
    MemoryRecords: "has_next next_batch size_in_bytes",
}

GUARD: Final = LibraryGuard(VERSIONS, SHAPES, ATTRIBUTES)


def check() -> None:
    """Compare the installed versions with those that were read.

    Raises
    ------
    UnknownVersionError
        When a version, a signature or an attribute differs.
    """
    GUARD.check()
    named = fetcher.Fetcher._proc_fetch_request.__code__.co_names  # noqa: SLF001
    if not {"MemoryRecords", "PartitionRecords"} <= set(named):
        raise UnknownVersionError("aiokafka's fetcher no longer creates the records that Uneri replaces")
    for name in ("isolation_level", "value_deserializer"):
        if f"_{name}" not in AIOKafkaConsumer.start.__code__.co_names:
            raise UnknownVersionError(f"AIOKafkaConsumer no longer takes {name} when it starts")
