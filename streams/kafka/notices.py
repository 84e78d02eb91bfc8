"""What goes over the notices topic: from who decides that something is to be told to who tells it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from alerting.incidents.notice import Notice
from detectors.state.state import pack, unpack
from detectors.watch.hottest import Hot
from streams.kafka.stage import Emission
from streams.lane.chunk import Chunk

PART_BYTES: Final = 1024 * 1024  # of notices in one record: a flood of thousands takes several


class NoticesPart(msgspec.Struct, array_like=True):
    """A part of what incidents have to tell of one step. The last part lets time pass."""

    watermark: int  # end of the step, epoch seconds
    part: int  # 0, 1 …
    last: bool
    notices: list[Notice]
    leaders: list[Hot]  # who took the lead and was not told in a digest yet; in the last part


class NoticesOfStep(NamedTuple):
    """What incidents have to tell up to an event time, epoch seconds: there may be nothing."""

    notices: list[Notice]
    watermark: int


def told(notices: Sequence[Notice], leaders: Iterable[Hot], watermark: int) -> Iterator[bytes]:
    """Yield the records of one step: always at least one, because time passes too."""
    parts: list[list[Notice]] = [[]]
    room = PART_BYTES
    for notice in notices:
        size = len(msgspec.msgpack.encode(notice))
        if size > room and parts[-1]:
            parts.append([])
            room = PART_BYTES
        parts[-1].append(notice)
        room -= size
    for number, part in enumerate(parts):
        last = number + 1 == len(parts)
        one = NoticesPart(watermark, number, last, part, list(leaders) if last else [])
        yield msgspec.msgpack.encode(one)


class _Meta(msgspec.Struct, array_like=True):
    watermark: int
    held: list[Notice]
    parts: int
    leaders: list[Hot]


class NotifyStage:
    """The one partition of the notices topic: gives whole steps to whoever tells.

    What incidents told again after a crash is recognised by its step and part.
    """

    VERSION = 1

    def __init__(self) -> None:
        self.watermark = 0
        self.leaders: tuple[Hot, ...] = ()
        self._held: list[Notice] = []  # of the step whose last part has not come
        self._parts = 0  # of that step that have
        self._decode = msgspec.msgpack.Decoder(NoticesPart).decode

    def feed(self, chunk: Chunk) -> Iterable[NoticesOfStep]:
        """Put parts together; give what is to be told of all whole steps, and how far time went."""
        notices: list[Notice] = []
        before = self.watermark
        for one in map(self._decode, chunk.values):
            if one.watermark <= self.watermark or one.part < self._parts:
                continue
            self._held += one.notices
            self._parts = one.part + 1
            if one.last:
                notices += self._held
                self._held, self._parts = [], 0
                self.watermark, self.leaders = one.watermark, tuple(one.leaders)
        return [NoticesOfStep(notices, self.watermark)] if self.watermark != before else []

    def idle(self) -> Iterable[Emission]:
        """Do nothing: time is told by the steps."""
        return ()

    def snapshot(self) -> dict[str, bytes]:
        """Return how far it is, and the parts of a step that is not whole."""
        meta = _Meta(self.watermark, self._held, self._parts, list(self.leaders))
        return {"notify": pack("notify", self.VERSION, meta, {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        meta, _ = unpack(parts["notify"], "notify", self.VERSION, _Meta)
        self.watermark, self.leaders = meta.watermark, tuple(meta.leaders)
        self._held, self._parts = meta.held, meta.parts
