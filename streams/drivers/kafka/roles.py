"""The roles of a process of the Kafka driver."""

from collections.abc import Collection
from typing import Final

from config.settings import HistorySettings, KafkaSettings

INTAKE: Final = "intake"
BOARD: Final = "board"
ROLES: Final = frozenset({"rollup", "detect", "incidents", "notify"})
"""The default roles.

``intake``, which opens receivers, and ``board``, which writes the history and shows it, must be named.
"""

KNOWN_ROLES: Final = ROLES | {INTAKE, BOARD}


def mistake(roles: Collection[str], kafka: KafkaSettings, history: HistorySettings) -> str | None:
    """Return why a process cannot have these roles, None if it can.

    Examples
    --------
    >>> mistake(["intake"], KafkaSettings(), HistorySettings())
    >>> mistake(["rollups"], KafkaSettings(), HistorySettings())
    'unknown role rollups: the roles are board, detect, incidents, intake, notify, rollup'
    """
    if unknown := sorted(set(roles) - KNOWN_ROLES):
        return f"unknown role {', '.join(unknown)}: the roles are {', '.join(sorted(KNOWN_ROLES))}"
    if INTAKE in roles and not kafka.requests:
        return "the role intake writes to the topic kafka.requests, which is empty; name a topic there"
    if BOARD in roles and not history.keep:
        return "the role board shows the history, which history.keep: false turns off; remove one of the two"
    if BOARD in roles and history.place is None:
        return (
            "the role board writes the history to history.place, which is not set; set it, for all processes "
            "of kafka.app, to s3://bucket/prefix or a folder"
        )
    return None
