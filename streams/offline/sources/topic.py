"""Recorded events in a Kafka topic, between two timestamps; no consumer group is involved."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.errors import CorruptRecordException
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from alerting.commands.local_time import rfc3339
from config.secret import SecretError
from config.settings import KafkaSettings
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.connections.client import client_options, open_client
from streams.drivers.kafka.connections.probe import silent_client, why_unusable
from streams.drivers.kafka.topics import Topic, TopicError, existing_topics
from streams.ingest.batch_consumer.chunk import Chunk, merged, pieces
from streams.ingest.batch_consumer.chunk_reader import ChunkReader, ReadingError
from streams.ingest.formats.inputs import Input, converted
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import Piece

PATIENCE: Final = 30.0  # seconds without a record before reading fails
AHEAD: Final = 60  # seconds of event time a partition may be ahead of the slowest
RECORDS: Final = 4_000  # of a piece at most
FEWEST: Final = 500  # of a piece, even if they span more than AHEAD: smaller pieces cost too much
END: Final = "end"  # the place of a partition whose end was yielded
PAYLOAD_BYTES: Final = 256 * 1024  # of an input, converted together
NAMED: Final = 4  # partitions named in a note
GAP: Final = 60_000  # milliseconds between --from and the first record that need no note


@dataclass(slots=True)
class _Partition:
    """The unread rest of one partition."""

    name: str
    number: int
    first: int  # next offset
    last: int  # offset to stop before
    ended: bool = False  # its end was yielded
    reached: float = 0.0  # record time, epoch seconds
    rest: Chunk | None = None  # fetched, but not yielded yet
    size: int = FEWEST  # records of the next piece: in a quiet topic, a chunk spans hours


class TopicSource:
    """All partitions of a topic, each in offset order, merged by event time.

    Parameters
    ----------
    topic
        The topic, with one event per record, or one payload of ``input_``.
    start, end
        Record timestamps (epoch seconds): from the first record at or after ``start`` up to the first at or
        after ``end``. None means the start or end of the topic, fixed on opening.

    Raises
    ------
    ReplayError
        When the broker does not answer, or the topic does not exist. An empty range is reported only on
        reading, since a resumed replay has a more precise explanation.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        start: float | None = None,
        end: float | None = None,
        input_: Input | None = None,
    ) -> None:
        self._kafka = kafka
        self._input = input_
        self._topic = topic
        self.notes: list[str] = []
        with _consumer(kafka) as consumer:
            there = _found(kafka, topic)
            if there is None:
                raise ReplayError(
                    f"Kafka at {', '.join(kafka.brokers)} has no topic {topic!r}; check its spelling"
                )
            tps = [TopicPartition(topic, number) for number in range(there.partitions)]
            begin, finish = consumer.beginning_offsets(tps), consumer.end_offsets(tps)
            first = begin if start is None else _offsets_at(consumer, start, finish)
            last = finish if end is None else _offsets_at(consumer, end, finish)
            if start is not None:
                self._note_deleted(consumer, start, first, begin)
        self._id = there.id
        self._partitions = [
            _Partition(f"{topic}/{tp.partition}", tp.partition, first[tp], max(first[tp], last[tp]))
            for tp in tps
        ]
        empty = [partition.name for partition in self._partitions if partition.last <= partition.first]
        self._nothing = f"topic {topic!r} has no records" + (
            " between --from and --to, going by record timestamps" if start or end else ""
        )
        if 0 < len(empty) < len(self._partitions):
            self.notes.append(f"no records in {_named(empty)}")
        self._total = sum(partition.last - partition.first for partition in self._partitions)
        self._done = 0
        self.partitions = tuple(partition.name for partition in self._partitions)
        self._fixed = {partition.name: [partition.first, partition.last] for partition in self._partitions}

    def _note_deleted(
        self,
        consumer: KafkaConsumer,
        start: float,
        first: Mapping[TopicPartition, int],
        begin: Mapping[TopicPartition, int],
    ) -> None:
        found = consumer.offsets_for_times(dict.fromkeys(first, math.ceil(start * 1000)))
        for tp in first:
            if not begin[tp] or first[tp] != begin[tp] or not found.get(tp):
                continue
            earliest = found[tp].timestamp
            if earliest > start * 1000 + GAP:
                self.notes.append(
                    f"{tp.topic}/{tp.partition} starts at {rfc3339(earliest / 1000)}, after --from: Kafka "
                    "has deleted earlier records, which shortens the baselines"
                )

    @property
    def bounds(self) -> dict[str, Any]:
        """The topic, its id, and the offsets of each partition."""
        return {"topic": self._topic, "id": self._id, "offsets": self._fixed}

    def resume(self, bounds: Mapping[str, Any], places: Mapping[str, Any]) -> None:
        """Resume an earlier replay; ``ReplayError`` if the topic was recreated, or lost the next records."""
        if (bounds["topic"], bounds["id"]) != (self._topic, self._id) or set(bounds["offsets"]) != set(
            self.partitions
        ):
            raise ReplayError(
                f"topic {self._topic!r} was recreated or changed since the replay started; "
                "start over with --restart"
            )
        self._fixed = dict(bounds["offsets"])
        self._total = sum(last - first for first, last in self._fixed.values())
        for partition in self._partitions:
            first, partition.last = self._fixed[partition.name]
            place = places.get(partition.name, first)
            partition.ended = place == END
            partition.first = partition.last if place == END else place
            self._done += partition.first - first
        self._check_remaining()

    def _check_remaining(self) -> None:
        """Raise if the next records no longer exist."""
        there = _found(self._kafka, self._topic)
        if there is None or there.id != self._id:
            raise ReplayError(
                f"topic {self._topic!r} was {'recreated' if there else 'deleted'} since the replay started; "
                "start over with --restart"
            )
        tps = {
            partition.name: TopicPartition(self._topic, partition.number) for partition in self._partitions
        }
        with _consumer(self._kafka) as consumer:
            held = consumer.beginning_offsets(list(tps.values()))
        for partition in self._partitions:
            begin = held[tps[partition.name]]
            if partition.first < partition.last and begin > partition.first:
                raise ReplayError(
                    f"{partition.name} now starts at offset {begin:,}, but the replay would resume at "
                    f"{partition.first:,}: Kafka has deleted the records in between; start over with "
                    "--restart"
                )

    def pieces(self, level: Callable[[str], int] | None = None) -> Iterator[Piece]:
        """Yield consecutive records; a partition ahead of the slowest waits for it.

        ``ReplayError`` when there are no records, or reading fails.
        """
        if not self._total:
            raise ReplayError(self._nothing)
        left = [partition for partition in self._partitions if not partition.ended]
        bounds = {partition.number: (partition.first, partition.last) for partition in left}
        with silent_client():
            reader = ChunkReader(self._topic, bounds, aiokafka_options(self._kafka), PATIENCE)
            try:
                while left:
                    partition = self._next(left, reader, level)
                    if partition.first < partition.last:
                        before = _level(partition, level)
                        most = RECORDS if len(left) == 1 else partition.size
                        yield from self._pieces_of(partition, reader, most)
                        partition.size = _size(partition.size, _level(partition, level) - before)
                        continue
                    left.remove(partition)
                    partition.ended = True
                    if not left:
                        self._check_not_recreated()
                    yield Piece(partition.name, None, self._share, END)
            except ReadingError as error:
                where = f"{self._topic} at {', '.join(self._kafka.brokers)}"
                if isinstance(error.__cause__, CorruptRecordException):
                    raise ReplayError(f"{where}: {error}; use --from and --to to read around it") from error
                self._check_remaining()  # the more precise error, if the next records are gone
                raise ReplayError(f"{where}: {error}; run the same command again to resume") from error
            finally:
                reader.close()

    def _check_not_recreated(self) -> None:
        """Raise if the topic was recreated while it was read, since the records are then of two topics."""
        try:
            there = _found(self._kafka, self._topic)
        except ReplayError:
            return  # the broker is gone, but all records have been read
        if there is not None and there.id != self._id:
            raise ReplayError(
                f"topic {self._topic!r} was recreated while it was read; start over with --restart"
            )

    @property
    def _share(self) -> float:
        return self._done / max(self._total, 1)

    def _next(
        self, left: list[_Partition], reader: ChunkReader, level: Callable[[str], int] | None
    ) -> _Partition:
        """Return the partition to read next: of those not ahead, preferably one with fetched records."""
        levels = {partition.name: _level(partition, level) for partition in left}
        order = sorted(left, key=lambda partition: (levels[partition.name], partition.number))
        slowest = levels[order[0].name]
        for partition in order:
            if levels[partition.name] > slowest + AHEAD:
                break
            if (
                partition.first >= partition.last
                or partition.rest is not None
                or reader.ready(partition.number)
            ):
                return partition
        return order[0]

    def _pieces_of(self, partition: _Partition, reader: ChunkReader, most: int) -> Iterator[Piece]:
        chunk = partition.rest if partition.rest is not None else reader.next_chunk(partition.number)
        partition.rest = None
        if len(chunk) > most:
            cut = chunk.offsets[most]
            partition.rest, chunk = chunk.since(cut), chunk.until(cut)
        if self._input is not None:
            small = next(pieces(chunk, PAYLOAD_BYTES))
            if small.end < chunk.end:
                rest = chunk.since(small.end)
                partition.rest = rest if partition.rest is None else merged([rest, partition.rest])
                chunk = small
        self._done += chunk.end - partition.first
        partition.first = chunk.end
        partition.reached = max(partition.reached, chunk.timestamp / 1000)
        if self._input is None:
            yield Piece(partition.name, chunk.values, self._share, chunk.end, chunk.offsets, chunk.arrived)
            return
        for run in converted(self._input, chunk.values):
            last = run.payloads == len(chunk)
            yield Piece(
                partition.name,
                run.records,
                self._share,
                chunk.end if last else chunk.offsets[run.payloads],
                [chunk.offsets[payload] for payload in run.of],
                run.arrived(chunk.arrived),
                run,
            )


def _offsets_at(
    consumer: KafkaConsumer, time: float, ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Return the offsets of the first records at ``time`` or after; where all are older, the ends."""
    found = consumer.offsets_for_times(dict.fromkeys(ends, math.ceil(time * 1000)))
    return {tp: found[tp].offset if found.get(tp) else end for tp, end in ends.items()}


def _level(partition: _Partition, level: Callable[[str], int] | None) -> float:
    return level(partition.name) if level else partition.reached


def _size(now: int, span: float) -> int:
    """Return the size of the next piece, given that ``now`` records spanned ``span`` seconds.

    Examples
    --------
    >>> _size(1000, 120), _size(1000, 0), _size(3000, 10), _size(1000, 36000)
    (500, 2000, 4000, 500)
    """
    fitting = 2 * now if span <= AHEAD / 2 else int(now * AHEAD / span)
    return min(max(fitting, FEWEST), RECORDS)


def _named(partitions: Sequence[str]) -> str:
    """Return the first few names, and the number of others.

    Examples
    --------
    >>> _named(["r/0", "r/2"]), _named([f"r/{n}" for n in range(1, 63)])
    ('r/0, r/2', 'r/1, r/2, r/3, r/4 and 58 more')
    """
    more = len(partitions) - NAMED
    if more <= 1:
        return ", ".join(partitions)
    return f"{', '.join(partitions[:NAMED])} and {more} more"


@contextlib.contextmanager
def _consumer(kafka: KafkaSettings) -> Iterator[KafkaConsumer]:
    """Open a client for offsets, of committed records only."""
    try:
        with open_client(
            KafkaConsumer,
            **client_options(kafka),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
        ) as consumer:
            yield consumer
    except SecretError as error:
        raise ReplayError(str(error)) from error
    except KafkaError as error:
        raise ReplayError(why_unusable(kafka, error)) from error


def _found(kafka: KafkaSettings, topic: str) -> Topic | None:
    try:
        return existing_topics(kafka, [topic]).get(topic)
    except TopicError as error:
        raise ReplayError(str(error)) from error
