"""The stage that drops what was given before: the engine tells again what a crash may have cut off."""

from typing import Final

from alerting.incidents.notice import Action, Notice
from alerting.pipeline.tracked_incident import TrackedIncident

REMEMBERED: Final = 10_000
"""Ids of commands that are remembered, oldest forgotten first: a button is pressed twice within seconds."""

DIGESTS: Final = 60
"""Ids of digests that are remembered: two months of them."""


class Dedupe:
    """Recognises notices by incident and revision, digests and commands by their ids."""

    name: Final = "dedupe"

    def __init__(self) -> None:
        self._commands: dict[str, None] = {}  # oldest first
        self._digests: dict[str, None] = {}

    def repeats(self, notice: Notice, story: TrackedIncident | None) -> bool:
        """Tell whether a notice was given before; a digest is remembered from now on."""
        if notice.action is Action.DIGEST:
            return not _remember(self._digests, notice.id, DIGESTS)
        return story is not None and notice.incident.revision <= story.incident.revision

    def knows(self, command: str) -> bool:
        """Tell whether the command with this id was taken before."""
        return command in self._commands

    def remember(self, command: str) -> None:
        """Remember that the command with this id was taken."""
        _remember(self._commands, command, REMEMBERED)

    def state(self) -> tuple[list[str], list[str]]:
        """Return the ids of commands and of digests."""
        return list(self._commands), list(self._digests)

    def restore(self, commands: list[str], digests: list[str]) -> None:
        """Take up what ``state`` returned."""
        self._commands, self._digests = dict.fromkeys(commands), dict.fromkeys(digests)


def _remember(known: dict[str, None], key: str, most: int) -> bool:
    if key in known:
        return False
    known[key] = None
    while len(known) > most:
        del known[next(iter(known))]
    return True
