"""A checkpoint: the state of one stage and the source offsets that this state includes."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One consistent cut. ``offsets`` has, by source, the next offset that is not yet included."""

    offsets: dict[str, int] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)


class Checkpoints(Protocol):
    """Where checkpoints are kept. Keys name a stage and its partition: ``rollup/3``, ``detect/0``."""

    async def load(self, key: str) -> Checkpoint | None:
        """Return the newest complete checkpoint under ``key``, None when there is none.

        Raises
        ------
        detectors.state.state.StateError
            When what is stored is damaged.
        """

    async def save(self, key: str, checkpoint: Checkpoint) -> None:
        """Write the checkpoint atomically; it is durable when this returns.

        Parts that are the same as in the newest checkpoint under ``key`` are not written again.
        """
