"""The steps that wait until their hour is complete and written."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from detectors.state.state import StateError, pack, unpack
from streams.engine.detect.step_record import head_of

HOUR: Final = 3600
MOST_HELD: Final = 256 * 1024 * 1024
"""Bytes of complete hours that are held while they cannot be written; beyond it, the oldest are given up."""

RECENT_SECONDS: Final = 5 * HOUR
"""How far ``recent`` reaches back from the newest full hour: further than a wall shows."""

_KIND: Final = "segments"
_VERSION: Final = 1
_STEP: Final = re.compile(r"step/(\d+)/(\d+)")


class Segment(NamedTuple):
    """The steps of an hour, of all shards: ``first <= start < end``, epoch seconds."""

    first: int
    end: int
    bodies: Sequence[bytes]  # by step, then by shard


class _Meta(msgspec.Struct, array_like=True):
    newest: dict[int, int]  # end of the newest step, by shard
    given_up: int = 0


class Segments:
    """Holds each step until its hour is written; a step that comes again after a crash is dropped.

    An hour is complete when each of the ``shards`` has passed it.
    """

    def __init__(self, shards: int) -> None:
        self._newest: dict[int, int] = dict.fromkeys(range(shards), 0)
        self._bodies: dict[tuple[int, int], bytes] = {}  # by start and shard
        self._parts: dict[str, bytes] = {}
        self._written: list[bytes] = []  # since the process started
        self.given_up = 0
        """Steps that could not be written in time, and are in no file."""

    @property
    def until(self) -> int:
        """The event time up to which steps have come from every shard, epoch seconds; 0 before that."""
        return min(self._newest.values())

    @property
    def complete_until(self) -> int:
        """The hour before which nothing is held and nothing will come; 0 until every shard has sent one."""
        held = min((start for start, _ in self._bodies), default=self.until)
        return min(held, self.until) // HOUR * HOUR

    @property
    def held_bytes(self) -> int:
        """The size of what is held."""
        return sum(map(len, self._bodies.values()))

    def feed(self, bodies: Iterable[bytes]) -> None:
        """Add steps, in order for each shard; what is no step of a shard is given up."""
        for body in bodies:
            try:
                head = head_of(body)
                newest = self._newest[head.shard]
            except (StateError, KeyError):
                self.given_up += 1
                continue
            if head.start + head.seconds <= newest:
                continue
            self._newest[head.shard] = head.start + head.seconds
            self._bodies[head.start, head.shard] = body
            self._parts[f"step/{head.start}/{head.shard}"] = body

    def complete(self) -> list[Segment]:
        """Return the hours that every shard has passed, oldest first."""
        return self._segments(self.until // HOUR * HOUR)

    def rest(self) -> list[Segment]:
        """Return all held hours, incomplete ones too."""
        return self._segments(max(self._newest.values()) + HOUR)

    def _segments(self, before: int) -> list[Segment]:
        hours: dict[int, list[bytes]] = {}
        for start, shard in sorted(self._bodies):
            if start < before:
                hours.setdefault(start // HOUR * HOUR, []).append(self._bodies[start, shard])
        return [Segment(hour, hour + HOUR, bodies) for hour, bodies in hours.items()]

    def forget(self, segment: Segment) -> None:
        """Drop the steps of an hour: they are written."""
        self._written = list(segment.bodies)
        self._drop(segment)

    def recent(self) -> list[bytes]:
        """Return the steps of the newest hours that are held, behind those of the hour that was written last.

        While nothing can be written, days may be held: decoding them all would take gigabytes.
        """
        since = max(self._newest.values()) // HOUR * HOUR - RECENT_SECONDS
        written = [body for body in self._written if head_of(body).start >= since]
        return [*written, *(self._bodies[key] for key in sorted(self._bodies) if key[0] >= since)]

    def give_up(self) -> int:
        """Drop the oldest complete hours beyond ``MOST_HELD``; return how many steps were in them."""
        steps = 0
        for segment in self.complete():
            if self.held_bytes <= MOST_HELD:
                break
            steps += self._drop(segment)
        self.given_up += steps
        return steps

    def _drop(self, segment: Segment) -> int:
        gone = [key for key in self._bodies if segment.first <= key[0] < segment.end]
        for start, shard in gone:
            del self._bodies[start, shard], self._parts[f"step/{start}/{shard}"]
        return len(gone)

    def snapshot(self) -> dict[str, bytes]:
        """Return the held steps, a part each, and how far each shard has come."""
        meta = _Meta(self._newest, self.given_up)
        return {"meta": pack(_KIND, _VERSION, meta, {}), **self._parts}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot, or from nothing without one."""
        if "meta" not in parts:
            return
        meta, _ = unpack(parts["meta"], _KIND, _VERSION, _Meta)
        self._newest |= meta.newest
        self.given_up = meta.given_up
        self._bodies, self._parts = {}, {}
        for name, body in parts.items():
            if found := _STEP.fullmatch(name):
                self._bodies[int(found[1]), int(found[2])] = self._parts[name] = body
