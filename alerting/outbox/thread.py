"""One subject at one destination: its message, and the rows that wait for it."""

from collections import deque
from typing import Final

from alerting.messages.message import Message
from alerting.outbox.row import OutboxRow, Picture, Send, SentAs

MESSAGE: Final = "message"
LINES: Final = "lines"
ATTACHMENTS: Final = "beside"
_QUEUE: Final = {
    Send.POST: MESSAGE,
    Send.EDIT: MESSAGE,
    Send.LINE: LINES,
    Send.CHART: ATTACHMENTS,
    Send.FILE: ATTACHMENTS,
    Send.LINK: ATTACHMENTS,
}


class Thread:
    """A message with its thread. Each queue is ordered: only its first row may be sent."""

    def __init__(self) -> None:
        self.place: SentAs | None = None
        self.picture: Picture | None = None  # that its message shows
        self.shown: Message | None = None  # as last sent, until its chart is uploaded
        self.key = ""  # identifies the subject to its receiver, as of its newest content
        self.edited = float("-inf")  # when its message was last sent, wall time
        self.commands = 0  # how many actions by people its newest row shows
        self.newest = 0.0  # when its newest row was created
        self.done: list[OutboxRow] = []  # sent or merged rows
        self.queues: dict[str, deque[OutboxRow]] = {MESSAGE: deque(), LINES: deque(), ATTACHMENTS: deque()}

    def queue(self, row: OutboxRow) -> deque[OutboxRow]:
        """Return the queue of ``row``."""
        return self.queues[_QUEUE[row.send]]

    def open(self) -> list[OutboxRow]:
        """Return the rows that are neither sent nor merged."""
        return [row for queue in self.queues.values() for row in queue]

    def first(self) -> list[OutboxRow]:
        """Return the rows that may be sent: replies and attachments wait for their message."""
        names = (MESSAGE, LINES, ATTACHMENTS) if self.place is not None else (MESSAGE,)
        return [self.queues[name][0] for name in names if self.queues[name]]
