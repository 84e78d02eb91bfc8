"""What the outbox needs of a disk or a topic: SQLite and Kafka give it."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from alerting.outbox.row import OutboxRow


class OutboxStorage(Protocol):
    """Where rows and the pipeline's state are kept.

    What ``write`` was given is durable when it returns, all of it or nothing.
    """

    async def load(self) -> tuple[list[OutboxRow], dict[str, bytes]]:
        """Return all rows, and the parts of the pipeline's state by name."""

    async def write(
        self, rows: Iterable[OutboxRow], parts: Mapping[str, bytes | None], gone: Iterable[str] = ()
    ) -> None:
        """Insert rows and parts or replace those of the same id or name; drop parts that are None.

        ``gone`` are ids of rows to drop.
        """
