"""History in a Kafka topic, between two timestamps, never touching a consumer group."""

from collections.abc import Iterator
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from config.settings import Kafka
from streams.kafka_client import client_options
from streams.replay_source import Piece, ReplayError

PATIENCE = 30.0  # seconds without a record before the broker counts as gone


class KafkaHistory:
    """All partitions of a topic, each in offset order, kept about level with one another.

    Parameters
    ----------
    kafka
        Brokers and credentials.
    topic
        The topic with one event a record.
    start, end
        Record timestamps (epoch seconds) between which to read: from the first record at or after ``start``
        up to the first at or after ``end``; None for the topic's own ends, fixed when replay begins.

    Raises
    ------
    ReplayError
        When the broker does not answer, the topic does not exist, or the range holds no record.
    """

    def __init__(
        self, kafka: Kafka, topic: str, start: float | None = None, end: float | None = None
    ) -> None:
        try:
            self._consumer = KafkaConsumer(
                **client_options(kafka),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_poll_records=20_000,
                fetch_max_bytes=16 * 1024 * 1024,
                max_partition_fetch_bytes=4 * 1024 * 1024,
                check_crcs=True,
            )
            numbers = self._consumer.partitions_for_topic(topic)
        except KafkaError as error:
            raise ReplayError(
                f"Kafka at {', '.join(kafka.brokers)} does not answer ({type(error).__name__}); is it up?"
            ) from error
        if not numbers:
            self._consumer.close()
            raise ReplayError(f"Kafka at {', '.join(kafka.brokers)} has no topic {topic!r}")
        self._tps = [TopicPartition(topic, number) for number in sorted(numbers)]
        self._first = self._offsets_at(start, self._consumer.beginning_offsets(self._tps))
        self._last = self._offsets_at(end, self._consumer.end_offsets(self._tps))
        if not any(self._last[tp] > self._first[tp] for tp in self._tps):
            self._consumer.close()
            raise ReplayError(f"topic {topic!r} has no record in the range asked for")
        self.partitions = tuple(_name(tp) for tp in self._tps)

    def _offsets_at(
        self, time: float | None, default: dict[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        if time is None:
            return default
        found = self._consumer.offsets_for_times(dict.fromkeys(self._tps, int(time * 1000)))
        ends = self._consumer.end_offsets(self._tps)  # where nothing is that new
        return {tp: found[tp].offset if found.get(tp) else ends[tp] for tp in self._tps}

    def pieces(self) -> Iterator[Piece]:
        """Yield runs of records; a partition that runs ahead in record time waits for the others."""
        total = sum(max(self._last[tp] - self._first[tp], 0) for tp in self._tps)
        read = 0
        consumer = self._consumer
        try:
            consumer.assign(self._tps)
            for tp in self._tps:
                consumer.seek(tp, self._first[tp])
            left = {tp for tp in self._tps if self._last[tp] > self._first[tp]}
            for tp in self._tps:
                if tp not in left:
                    consumer.pause(tp)
                    yield Piece(_name(tp), None, 0.0)
            newest = dict.fromkeys(left, 0)  # record time, ms
            while left:
                polled: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms=int(PATIENCE * 1000))
                if not polled:
                    raise ReplayError(
                        f"nothing came for {PATIENCE:.0f} s from {len(left)} partitions; is the broker up?"
                    )
                for tp, records in polled.items():
                    wanted = [record for record in records if record.offset < self._last[tp]]
                    if wanted:
                        read += len(wanted)
                        newest[tp] = wanted[-1].timestamp
                        yield Piece(_name(tp), [record.value for record in wanted], read / total)
                    if consumer.position(tp) >= self._last[tp]:
                        left.discard(tp)
                        newest.pop(tp, None)
                        consumer.pause(tp)
                        yield Piece(_name(tp), None, read / total)
                self._keep_level(left, newest)
        finally:
            consumer.close()

    def _keep_level(self, left: set[TopicPartition], newest: dict[TopicPartition, int]) -> None:
        """Pause who is more than a minute of record time ahead of the last: open buckets stay few."""
        slowest = min(newest.values(), default=0)
        for tp in left:
            if newest[tp] > slowest + 60_000:
                self._consumer.pause(tp)
            else:
                self._consumer.resume(tp)


def _name(tp: TopicPartition) -> str:
    return f"{tp.topic}/{tp.partition}"
