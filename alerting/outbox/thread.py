"""What the outbox knows of one subject at one destination: its message, and what waits for it."""

from collections import deque
from typing import Final

from alerting.outbox.row import OutboxRow, Send, SentAs

MESSAGE: Final = "message"
LINES: Final = "lines"
BESIDE: Final = "beside"
_QUEUE: Final = {
    Send.POST: MESSAGE,
    Send.EDIT: MESSAGE,
    Send.LINE: LINES,
    Send.CHART: BESIDE,
    Send.FILE: BESIDE,
    Send.LINK: BESIDE,
}


class Thread:
    """One message with its thread. Rows of a queue keep their order: only the first of each may go."""

    def __init__(self) -> None:
        self.place: SentAs | None = None
        self.key = ""  # what its receiver knows it by, from its first content on
        self.edited = float("-inf")  # when its message was last sent, wall time
        self.commands = 0  # how many doings of people its newest row shows
        self.newest = 0.0  # when its newest row was made
        self.done: list[OutboxRow] = []  # rows that are out or merged
        self.queues: dict[str, deque[OutboxRow]] = {MESSAGE: deque(), LINES: deque(), BESIDE: deque()}

    def queue(self, row: OutboxRow) -> deque[OutboxRow]:
        """Return the queue that ``row`` stands in."""
        return self.queues[_QUEUE[row.send]]

    def open(self) -> list[OutboxRow]:
        """Return the rows that are neither out nor merged."""
        return [row for queue in self.queues.values() for row in queue]

    def first(self) -> list[OutboxRow]:
        """Return the rows that may go: what belongs into a thread waits for its message."""
        names = (MESSAGE, LINES, BESIDE) if self.place is not None else (MESSAGE,)
        return [self.queues[name][0] for name in names if self.queues[name]]
