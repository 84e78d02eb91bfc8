"""What a process of the Kafka driver can be told to do."""

from collections.abc import Collection
from typing import Final

from config.settings import KafkaSettings

INTAKE: Final = "intake"
ROLES: Final = frozenset({"rollup", "detect", "incidents", "notify"})
"""Those of a process that is not told otherwise: ``intake`` opens doors, and is asked for by name."""

KNOWN_ROLES: Final = ROLES | {INTAKE}


def mistake(roles: Collection[str], kafka: KafkaSettings) -> str | None:
    """Return why a process cannot have these roles, None if it can.

    Examples
    --------
    >>> mistake(["intake"], KafkaSettings())
    >>> mistake(["rollups"], KafkaSettings())
    'unknown role rollups: the roles are detect, incidents, intake, notify, rollup'
    """
    if unknown := sorted(set(roles) - KNOWN_ROLES):
        return f"unknown role {', '.join(unknown)}: the roles are {', '.join(sorted(KNOWN_ROLES))}"
    if INTAKE in roles and not kafka.requests:
        return "the role intake writes to the topic kafka.requests, which is empty; name a topic there"
    return None
