"""The offsets that the group commits are those of checkpoints."""

from faust.types import TP

from tests.streams.drivers.kafka.hosting import hosting


async def test_a_group_that_somebody_set_beyond_the_end_is_set_back_to_where_it_reads() -> None:
    consumer, tp = hosting().clients.consumer, TP("requests", 0)
    consumer._committed_offset[tp] = 10_000  # as Kafka says when the partition is assigned
    consumer.release(tp, 50)
    assert consumer._filter_committable_offsets([tp]) == {tp: 50}
    consumer._committed_offset[tp] = 50
    assert consumer._filter_committable_offsets([tp]) == {}
    consumer.release(tp, 60)
    assert consumer._filter_committable_offsets([tp]) == {tp: 60}
