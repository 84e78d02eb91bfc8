"""Records of the notices topic: from the incidents stage, which decides, to the notify stage."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from alerting.incidents.notice import Notice
from alerting.incidents.preceding import RecentChanges
from detectors.model.stated import StatedChange
from detectors.state.declared import Held, Owned, Stateful, StatePart
from detectors.watch.rankings import Hot
from streams.drivers.kafka.stage import Stage
from streams.ingest.batch_consumer.chunk import Chunk

PART_BYTES: Final = 1024 * 1024  # of notices per record: a flood of thousands takes several
PART_CHANGES: Final = 200  # per record: one whose texts are all as long as can be takes about two kilobytes


class NoticesPart(msgspec.Struct, array_like=True):
    """A part of the notices of one step. The last part advances the watermark."""

    watermark: int  # end of the step, epoch seconds
    part: int  # counted from 0
    last: bool
    notices: list[Notice]
    leaders: list[Hot]  # new leaders that no digest has shown yet; in the last part
    changes: list[StatedChange] = []  # that became known with the step; in any of its parts
    look: int = 0
    """The number of the early evaluation, in place of a step; ``watermark`` is where it ends."""


class NoticesOfStep(NamedTuple):
    """The notices up to an event time, epoch seconds; there may be none."""

    notices: list[Notice]
    watermark: int


def notices_parts(
    notices: Sequence[Notice],
    leaders: Iterable[Hot],
    watermark: int,
    changes: Sequence[StatedChange] = (),
    *,
    early: int = 0,
) -> Iterator[bytes]:
    """Yield the records of a step, at least one, which advances the watermark; or of an ``early`` one."""
    parts: list[list[Notice]] = [[]]
    room = PART_BYTES
    for notice in notices:
        size = len(msgspec.msgpack.encode(notice))
        if size > room and parts[-1]:
            parts.append([])
            room = PART_BYTES
        parts[-1].append(notice)
        room -= size
    stated = [list(changes[at : at + PART_CHANGES]) for at in range(0, len(changes), PART_CHANGES)]
    while len(parts) < len(stated):
        parts.append([])
    for number, part in enumerate(parts):
        last = number + 1 == len(parts)
        became_known = stated[number] if number < len(stated) else []
        shown = list(leaders) if last else []
        yield msgspec.msgpack.encode(NoticesPart(watermark, number, last, part, shown, became_known, early))


class _Meta(msgspec.Struct, array_like=True):
    watermark: int
    held: list[Notice]
    parts: int
    leaders: list[Hot]
    looks: int = 0


_STATE: Final = StatePart("notify", _Meta)


class NotifyStage(Stateful, Stage):
    """The one partition of the notices topic: passes complete steps on to delivery.

    Parts that the incidents stage emits again after a crash are recognised by step and number.
    """

    STATE = (Held(_STATE, "_watermark", "_held", "_parts", "leaders", "_early"), Owned("_recent"))

    def __init__(self) -> None:
        self._watermark = 0
        self.leaders: Sequence[Hot] = ()  # replaced, never changed
        self._recent = RecentChanges()
        self._held: list[Notice] = []  # of the step whose last part has not arrived
        self._parts = 0  # of that step that have arrived
        self._early = 0  # the number of the newest early evaluation
        self._decode = msgspec.msgpack.Decoder(NoticesPart).decode

    @property
    def watermark(self) -> int:
        """The end of the newest step of which all notices have come."""
        return self._watermark

    @property
    def changes(self) -> tuple[StatedChange, ...]:
        """The changes of the last days, oldest first."""
        return self._recent.all

    def feed(self, chunk: Chunk) -> Iterable[NoticesOfStep]:
        """Assemble parts; return the notices of all complete steps with the newest watermark."""
        notices: list[Notice] = []
        before = self._watermark, self._early
        reached = 0
        for part in map(self._decode, chunk.values):
            known = part.look <= self._early if part.look else part.watermark <= self._watermark
            if known or part.part < self._parts:
                continue
            self._held += part.notices
            self._recent.add(part.changes, part.watermark)
            self._parts = part.part + 1
            if part.last:
                notices += self._held
                self._held, self._parts = [], 0
                reached = max(reached, part.watermark)
                if part.look:
                    self._early = part.look
                    continue
                self._watermark, self.leaders = part.watermark, part.leaders
        return [NoticesOfStep(notices, reached)] if (self._watermark, self._early) != before else []
