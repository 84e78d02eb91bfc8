"""A checkpoint: the state of one stage and the source offsets that this state includes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

BACKFILL: Final = "backfill"
"""The key under which an unfinished backfill keeps its state."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One consistent cut. ``offsets`` holds, by source, the first offset that it does not include."""

    offsets: dict[str, int] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)


class Checkpoints(Protocol):
    """Stores checkpoints by the key of a stage and its partition: ``rollup/3``, ``detect/0``."""

    async def load(self, key: str) -> Checkpoint | None:
        """Return the newest complete checkpoint under ``key``, None if there is none.

        Raises
        ------
        detectors.state.state.StateError
            When the stored checkpoint is damaged.
        """

    async def save(self, key: str, checkpoint: Checkpoint, once: Sequence[Any] = ()) -> None:
        """Write the checkpoint and the records ``once`` for elsewhere, all or nothing; durable on return.

        Parts that equal those of the newest checkpoint under ``key`` are not written again.
        """
