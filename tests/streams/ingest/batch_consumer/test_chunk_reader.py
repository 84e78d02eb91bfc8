"""Reading chunks of a topic outside of Faust."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from aiokafka.consumer import fetcher
from aiokafka.structs import TopicPartition

from streams.ingest.batch_consumer.chunk_reader import ChunkReader, ReadingError
from streams.ingest.batch_consumer.chunk_records import ChunkRecords, FetchedRecords
from tests.streams.ingest.batch_consumer.test_chunk_records import batch

TOPIC = "requests"


@pytest.fixture
def reader() -> Iterator[ChunkReader]:
    """A reader whose broker is down."""
    with closing(ChunkReader(TOPIC, {0: (0, 1)}, {"bootstrap_servers": "127.0.0.1:1"}, 60.0)) as reader:
        yield reader


@pytest.mark.usefixtures("reader")
def test_another_consumer_of_the_same_topic_and_process_gets_records() -> None:
    fetched = FetchedRecords(batch([0]))
    (record,) = ChunkRecords(
        TopicPartition(TOPIC, 0), fetched, None, 0, None, None, True, fetcher.READ_COMMITTED
    )
    assert (record.offset, record.value) == (0, b"v0")


def test_a_broker_that_cannot_be_reached_is_an_error_in_one_line(reader: ChunkReader) -> None:
    with pytest.raises(ReadingError, match="bootstrap") as raised:
        reader.next_chunk(0)
    assert "\n" not in str(raised.value)
