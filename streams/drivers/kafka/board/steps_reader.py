"""Reads the steps that are in no file yet, in every process that shows a board.

The one that writes the history owns the partition; all of them read it, without a group, so that each board
has the same steps, whoever writes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any, Final

import pyarrow as pa
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from detectors.state.state import StateError
from streams.drivers.kafka.partition_consumer import next_records, open_partition
from streams.engine.detect.step_record import decode_step, head_of
from streams.process.logs import Recurring
from streams.record.history.history_files import MINUTES, HistoryFolder, place_trouble
from streams.record.history.segments import HOUR, Segments

AT_ONCE: Final = 200  # records of one answer
CHECK_SECONDS: Final = 5.0  # between two checks which hours are written
RETRY_SECONDS: Final = 5.0

log = structlog.get_logger("uneri.board")


class StepsReader:
    """Holds the steps that no file has, behind those of the hour that was written last.

    Parameters
    ----------
    place
        Of the history, for ``HistoryFolder``.
    shards
        Number of shards: each leaves one record a step.
    step
        Seconds of a step.
    """

    def __init__(
        self,
        topic: str,
        options: dict[str, Any],
        place: str,
        *,
        shards: int,
        step: int,
        on_steps: Callable[[], None],
    ) -> None:
        self._place = TopicPartition(topic, 0)
        self._shards = shards
        self._an_hour = max(1, HOUR // step) * shards  # records
        self._folder_place = place
        self._folder: HistoryFolder | None = None
        self._options = options
        self._on_steps = on_steps
        self._recurring = Recurring()
        self._checked_at = 0.0  # by the clock of the event loop
        self._begin_anew()
        self.lag = 0
        """Records that are in the topic and were not read yet."""
        self.trouble: str | None = "the steps have not been read yet"
        """Why the newest steps are not known."""

    def _begin_anew(self) -> None:
        self._segments = Segments(self._shards)
        self._named: set[int] = set()  # shards of which a record that names all series has come
        self._shown = 0
        self.ready = False
        """Whether all steps were read that were there at the begin."""

    @property
    def until(self) -> int:
        """The event time up to which steps have come from every shard, epoch seconds; 0 before that."""
        return self._segments.until

    def recent(self) -> list[bytes]:
        """Return the steps, as ``Segments.recent`` does."""
        return self._segments.recent()

    async def run(self) -> None:
        """Read until cancelled; while Kafka or the place of the history is away, go on trying."""
        while True:
            try:
                await self._read()
            except KafkaError as error:
                self._fails(f"Kafka does not answer ({type(error).__name__})")
            except (OSError, pa.ArrowException) as error:
                self._fails(f"the history cannot be read: {place_trouble(error)}")
            except StateError as error:
                self._fails(str(error))
            await asyncio.sleep(RETRY_SECONDS)

    def _fails(self, reason: str) -> None:
        self.trouble = reason
        if self._recurring.happened() is not None:
            log.warning("the board does not get the newest steps; it goes on trying", reason=reason)

    async def _read(self) -> None:
        self._begin_anew()
        async with open_partition(self._place, self._options) as consumer:
            written = await asyncio.to_thread(self._written)
            consumer.seek(self._place, await self._begin(consumer, written))
            while True:
                await self._keep(await next_records(consumer, self._place, AT_ONCE))
                end = consumer.highwater(self._place)
                self.lag = 0 if end is None else max(0, end - await consumer.position(self._place))
                if self.lag == 0:
                    self.ready, self.trouble = True, None
                    self._notify()

    def _written(self) -> int:
        """Return up to when files hold steps, epoch seconds; 0 if there are none."""
        self._folder = self._folder or HistoryFolder(self._folder_place)
        return max((file.end for file in self._folder.files() if file.resolution == MINUTES), default=0)

    async def _begin(self, consumer: AIOKafkaConsumer, written: int) -> int:
        """Return an offset from which on the topic has all steps that no file has, and an hour before them.

        Steps of one shard are in order, but a shard that caught up by itself left its own long before the
        others: so the search goes backwards, twice as far each time, until each shard begins there.
        """
        first: int = (await consumer.beginning_offsets([self._place]))[self._place]
        end: int = (await consumer.end_offsets([self._place]))[self._place]
        back = 2 * self._an_hour
        while (at := max(first, end - back)) > first:
            consumer.seek(self._place, at)
            begins: dict[int, int] = {}
            while len(begins) < self._shards and (
                found := await next_records(consumer, self._place, AT_ONCE)
            ):
                for record in found:
                    head = head_of(record.value)
                    begins.setdefault(head.shard, head.start)
            if len(begins) >= self._shards and max(begins.values()) <= written - HOUR:
                return at
            back *= 2
        return first

    async def _keep(self, records: Iterable[ConsumerRecord[Any, Any]]) -> None:
        self._segments.feed(self._readable([record.value for record in records]))
        now = asyncio.get_running_loop().time()
        complete = self._segments.complete()
        if not complete or now < self._checked_at + CHECK_SECONDS:
            return
        self._checked_at = now
        written = await asyncio.to_thread(self._written)
        for segment in complete:
            if segment.end <= written:
                self._segments.forget(segment)
        self._segments.give_up()  # steps that are written late leave memory before they are in a file

    def _readable(self, bodies: list[bytes]) -> list[bytes]:
        """Leave out damaged steps, and those whose series are named before the first record that was read."""
        kept = []
        for body in bodies:
            with contextlib.suppress(StateError):
                shard = head_of(body).shard
                if shard not in self._named and decode_step(body).first == (0, 0):
                    self._named.add(shard)
                if shard in self._named:
                    kept.append(body)
        return kept

    def _notify(self) -> None:
        if self._segments.until != self._shown:
            self._shown = self._segments.until
            self._on_steps()
