"""The record among blocks by which a backfill asks a shard to take over the history it learnt."""

from typing import Final

import msgspec

from streams.engine.stages.checkpoint import Checkpoint

UNTIL: Final = "until"
_NAME: Final = "name"
_BEGINS: Final = b"UNERI-TAKEOVER "


def learnt_key(shard: int) -> str:
    """Return the key of the checkpoint with the history that a backfill learnt for a shard."""
    return f"learnt/{shard}"


class LearntShard(msgspec.Struct, frozen=True):
    """The past that the judge of a shard is to know."""

    name: str  # of this backfill
    parts: dict[str, bytes]  # of ``streams.engine.detect.detect.Detect``; without any there is no past
    until: int  # its end, epoch seconds

    def to_checkpoint(self) -> Checkpoint:
        """Return the form in which it is stored."""
        return Checkpoint({UNTIL: self.until}, {**self.parts, _NAME: self.name.encode()})

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> "LearntShard":
        """Undo ``to_checkpoint``."""
        parts = dict(checkpoint.parts)
        return cls(parts.pop(_NAME).decode(), parts, checkpoint.offsets[UNTIL])


def takeover_record(name: str) -> bytes:
    """Return the record that asks for the backfill of that name.

    Examples
    --------
    >>> requested_backfill(takeover_record("4f2a")), requested_backfill(b"UNE1...")
    ('4f2a', None)
    """
    return _BEGINS + name.encode()


def requested_backfill(record: bytes) -> str | None:
    """Return the name of the backfill that a record asks for; None if it is a block."""
    return record.removeprefix(_BEGINS).decode() if record.startswith(_BEGINS) else None
