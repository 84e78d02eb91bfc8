"""The dedupe stage: drops repeats, since the engine re-emits what a crash may have cut off."""

from typing import Final

from alerting.incidents.notice import Action, Notice
from alerting.pipeline.tracked_incident import TrackedIncident

REMEMBERED: Final = 10_000
"""Command ids remembered, the oldest forgotten first: double presses come within seconds."""

DIGESTS: Final = 60
"""Digest ids remembered: two months."""


class Dedupe:
    """Recognises notices by incident and revision, digests and commands by their ids."""

    name: Final = "dedupe"

    def __init__(self) -> None:
        self._commands: dict[str, None] = {}  # oldest first
        self._digests: dict[str, None] = {}

    def repeats(self, notice: Notice, tracked: TrackedIncident | None) -> bool:
        """Return whether a notice is a repeat; a digest is remembered from now on."""
        if notice.action is Action.DIGEST:
            return not _remember(self._digests, notice.id, DIGESTS)
        return tracked is not None and notice.incident.revision <= tracked.incident.revision

    def knows(self, command: str) -> bool:
        """Return whether the command with this id was carried out."""
        return command in self._commands

    def remember(self, command: str) -> None:
        """Remember that the command with this id was carried out."""
        _remember(self._commands, command, REMEMBERED)

    def state(self) -> tuple[list[str], list[str]]:
        """Return the ids of commands and of digests."""
        return list(self._commands), list(self._digests)

    def restore(self, commands: list[str], digests: list[str]) -> None:
        """Restore what ``state`` returned."""
        self._commands, self._digests = dict.fromkeys(commands), dict.fromkeys(digests)


def _remember(known: dict[str, None], key: str, most: int) -> bool:
    if key in known:
        return False
    known[key] = None
    while len(known) > most:
        del known[next(iter(known))]
    return True
