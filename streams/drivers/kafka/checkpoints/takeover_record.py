"""The record among blocks by which a backfill asks a shard to take up what it learnt."""

from typing import Final

import msgspec

from streams.engine.stages.checkpoint import Checkpoint

UNTIL: Final = "until"
_NAME: Final = "name"
_BEGINS: Final = b"UNERI-TAKEOVER "


def learnt_key(shard: int) -> str:
    """Return the key of the checkpoint in which a backfill leaves what it learnt for a shard."""
    return f"learnt/{shard}"


class LearntShard(msgspec.Struct, frozen=True):
    """The past that the judge of a shard is to know."""

    name: str  # of this backfill
    parts: dict[str, bytes]  # of ``streams.engine.detect.detect.Detect``; without any there is no past
    until: int  # its end, epoch seconds

    def to_checkpoint(self) -> Checkpoint:
        """Return it as it is stored."""
        return Checkpoint({UNTIL: self.until}, {**self.parts, _NAME: self.name.encode()})

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "LearntShard":
        """Return what ``to_checkpoint`` was called on."""
        parts = dict(checkpoint.parts)
        return cls(parts.pop(_NAME).decode(), parts, checkpoint.offsets[UNTIL])


def takeover_record(name: str) -> bytes:
    """Return the record that asks for the backfill of that name.

    Examples
    --------
    >>> asked_for(takeover_record("4f2a")), asked_for(b"UNE1...")
    ('4f2a', None)
    """
    return _BEGINS + name.encode()


def asked_for(record: bytes) -> str | None:
    """Return the backfill that a record asks for; None if it is a block."""
    return record.removeprefix(_BEGINS).decode() if record.startswith(_BEGINS) else None
