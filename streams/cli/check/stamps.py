"""Checks the time stamps that Kafka has of records: they say when a record arrived."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from config.settings import KafkaSettings, SourcesSettings
from detectors.model.array_types import Floats
from streams.cli.check.settings_checks import CheckResult, remark, wrong
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.connections.client import client_options, open_client
from streams.engine.decode.parse import parse, stamp_of
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.batch_consumer.chunk_reader import ChunkReader, ReadingError
from streams.ingest.formats.envelopes.confluent import SchemasNeededError
from streams.ingest.formats.inputs import Input, Inputs, converted

NEWEST: Final = 100  # records of a partition that are read
PARTITIONS: Final = 4  # of a topic
SECONDS: Final = 5.0  # for which a topic is waited for


def check_stamps(
    kafka: KafkaSettings, sources: SourcesSettings, topics: Collection[str], future: float
) -> Iterator[CheckResult]:
    """Compare the newest records of these topics with the time stamps that Kafka has of them.

    ``future`` are the seconds that a record may be ahead of its arrival.
    """
    inputs = Inputs(sources).topics
    for topic in topics:
        try:
            chunks = _newest(kafka, topic, _bounds(kafka, topic))
            why = why_ahead(topic, chunks, inputs.get(topic), future)
        except (KafkaError, SchemasNeededError):
            continue  # whoever may not read it has read that already; what needs schemas is not read
        except ReadingError as error:
            if error.__cause__ is None:
                text = f"kafka: the time stamps of topic {topic} are not checked: {error}"
                yield remark(f"{text}; check again")
            continue
        if why is not None:
            yield wrong(f"kafka: {why}")


def why_ahead(topic: str, chunks: Iterable[Chunk], source: Input | None, future: float) -> str | None:
    """Return that most records of these chunks claim a time after their time stamp in Kafka, and the remedy.

    Raises
    ------
    SchemasNeededError
        When they cannot be read without schemas.
    """
    count, ahead = 0, list[float]()
    for chunk in chunks:
        for records, arrived in _records(chunk, source):
            events, rows, _ = parse(records)
            for event, row in zip(events, rows, strict=True):
                if isinstance(at := stamp_of(event.ts), float):
                    count += 1
                    ahead += [at - arrived[row]] if at - arrived[row] > future else []
    if 2 * len(ahead) <= count:
        return None
    return (
        f"topic {topic}: {len(ahead):,} of the newest {count:,} records claim a time after the time stamp of "
        f"their Kafka record, the last one by {ahead[-1]:,.0f} s, so they become dead letters; set "
        "message.timestamp.type of the topic to LogAppendTime, or have its producers stamp records with "
        "epoch milliseconds; if the brokers stamp them, set the brokers' clocks"
    )


def _records(chunk: Chunk, source: Input | None) -> Iterator[tuple[Sequence[bytes], Floats]]:
    if chunk.arrived is None:
        return
    if source is None:
        yield list(chunk.values), chunk.arrived
        return
    for run in converted(source, chunk.values):
        if (arrived := run.arrived(chunk.arrived)) is not None:
            yield run.records, arrived


def _bounds(kafka: KafkaSettings, topic: str) -> Mapping[int, tuple[int, int]]:
    with open_client(KafkaConsumer, **client_options(kafka), isolation_level="read_committed") as consumer:
        numbers = sorted(consumer.partitions_for_topic(topic) or ())
        places = [TopicPartition(topic, number) for number in numbers]
        first, end = consumer.beginning_offsets(places), consumer.end_offsets(places)
    held = {place.partition: (max(first[place], end[place] - NEWEST), end[place]) for place in places}
    filled = [number for number, (begin, stop) in held.items() if stop > begin]
    return {number: held[number] for number in filled[:PARTITIONS]}


def _newest(kafka: KafkaSettings, topic: str, bounds: Mapping[int, tuple[int, int]]) -> Iterator[Chunk]:
    if not bounds:
        return
    reader = ChunkReader(topic, bounds, aiokafka_options(kafka), SECONDS)
    try:
        for number, (_, end) in bounds.items():
            at = -1
            while at < end:
                chunk = reader.next_chunk(number)
                at = chunk.end
                yield chunk
    finally:
        reader.close()
