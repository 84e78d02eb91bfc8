import hashlib
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher
from faust.transport import consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.lane import version_guard
from streams.lane.chunk_lane import ChunkConsumer
from streams.lane.chunk_records import ChunkRecords

# What the lane was read against. When one of these differs, read the new source, run the kill test, and
# only then write the new sum here.
READ = {
    driver.Consumer.getmany: "4b168d84882a70d6",
    driver.Consumer._wait_next_records: "6218e1969a636b3f",
    driver.Consumer._commit_tps: "a20e230b05ae8b15",
    driver.Consumer._filter_committable_offsets: "dc5e9baf5d994485",
    driver.Consumer._filter_tps_with_pending_acks: "f6f9239774234e7e",
    driver.Consumer._should_commit: "5ce941793947ad42",
    driver.Consumer._drain_messages: "44a2500309e83c63",
    driver.Consumer.perform_seek: "0e8c130ff4b0afd8",
    driver.Consumer.on_partitions_assigned: "29ce96596f05a18c",
    driver.Consumer.on_partitions_revoked: "d04b7ae72c6fc206",
    driver.AIOKafkaConsumerThread._create_worker_consumer: "c2701bfc3e6f6cad",
    ChunkRecords.__mro__[1]._unpack_records: "b803e6d46480732c",
    fetcher.FetchResult.getall: "3e717e30de5068d5",
    fetcher.Fetcher.fetched_records: "be4348896b9b66af",
}


@pytest.mark.parametrize("function", READ, ids=lambda function: function.__qualname__)
def test_the_source_that_the_lane_relies_on_has_not_changed(function: Callable[..., Any]) -> None:
    assert hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16] == READ[function]


async def test_the_next_offset_is_the_position_that_aiokafka_fetches_from() -> None:
    tp, other = TP("requests", 0), TP("requests", 1)
    client = AIOKafkaConsumer()
    lane: Any = SimpleNamespace(_thread=SimpleNamespace(_consumer=client))
    assert ChunkConsumer.next_offset(lane, tp) is None, "not assigned"
    client.assign([TopicPartition(*tp)])
    assert ChunkConsumer.next_offset(lane, tp) is None, "no position yet"
    state = client._subscription.subscription.assignment.state_value(TopicPartition(*tp))
    state.seek(42)
    assert ChunkConsumer.next_offset(lane, tp) == await client.position(TopicPartition(*tp)) == 42
    state.consumed_to(50)
    assert ChunkConsumer.next_offset(lane, tp) == await client.position(TopicPartition(*tp)) == 50
    assert ChunkConsumer.next_offset(lane, other) is None, "another's"
    assert "_consumer" in driver.AIOKafkaConsumerThread.__annotations__
    await client.stop()


def test_the_lane_is_what_aiokafka_uses() -> None:
    assert fetcher.PartitionRecords is ChunkRecords
    assert issubclass(ChunkConsumer, consumer.Consumer)


def test_another_version_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(version_guard.VERSIONS, "aiokafka", "0.1.0")
    with pytest.raises(
        version_guard.UnknownVersionError, match=r"aiokafka .* is installed.* requires 0\.1\.0"
    ):
        version_guard.check()


def test_another_signature_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(version_guard.SHAPES, driver.Consumer._new_offset, "self tp generation")
    with pytest.raises(version_guard.UnknownVersionError, match=r"_new_offset\(self tp\) has changed"):
        version_guard.check()
