"""The chart of a message: uploaded into its thread, then shown in the message itself where Slack allows it.

Slack shows a file in a block once it has processed it, about a second after the upload, and refuses the whole
message until then. So a page never waits for its chart: it is posted without one, the chart follows, and an
edit puts it into the message. If Slack keeps refusing, the chart stays in the thread alone. When the incident
is over, its chart is drawn once more: the first one shows how it began.
"""

from collections.abc import Callable
from typing import Final

from alerting.incidents.notice import identify
from alerting.outbox.ports import DeliveryOutcome
from alerting.outbox.row import MESSAGE, URGENCY, OutboxRow, Send, Thread

APPEARS: Final = 2.0  # seconds that a file gets to be processed
TRIES: Final = 4  # of a message with a picture, before it is sent without

_SHOWING: Final = (Send.POST, Send.EDIT)


def put_into(row: OutboxRow, thread: Thread) -> None:
    """Give a message that is about to be sent the picture of its thread."""
    if row.send in _SHOWING:
        row.picture = thread.picture


def needs_chart(row: OutboxRow) -> bool:
    """Return whether a chart follows a message: a new one, or one that shows its chart and is over."""
    is_over = row.send is Send.EDIT and row.message is not None and row.message.look == "over"
    return row.send is Send.POST or (is_over and row.picture is not None)


def after(
    row: OutboxRow, outcome: DeliveryOutcome, thread: Thread, number: Callable[[], int], now: float
) -> list[OutboxRow]:
    """Return the edit that puts the chart ``row``, now in the thread, into the message.

    Nothing for any other row, without a picture, or if a waiting edit will show it anyway.
    """
    if row.send is not Send.CHART:
        return []
    shown, thread.shown = thread.shown, None
    row.picture = thread.picture = outcome.picture
    if row.picture is None or shown is None or thread.queues[MESSAGE]:
        return []
    edit = OutboxRow(
        id=identify(row.id, "shown"),
        destination=row.destination,
        subject=row.subject,
        send=Send.EDIT,
        urgency=URGENCY[Send.EDIT],
        sequence=number(),
        created=now,
        message=shown,
        not_before=now + APPEARS,
    )
    return [edit]


def refused(row: OutboxRow, thread: Thread, now: float) -> list[OutboxRow]:
    """Let a refused message wait, or drop its picture after some tries; return the rows that changed."""
    row.attempts += 1
    if row.attempts < TRIES:
        row.not_before = now + 2.0**row.attempts
        return [row]
    row.picture, row.attempts, row.not_before = None, 0, 0.0
    return [row, *drop(thread)]


def drop(thread: Thread) -> list[OutboxRow]:
    """Forget the picture of a thread; return the rows that changed."""
    thread.picture = None
    charts = [row for row in thread.done if row.send is Send.CHART and row.picture is not None]
    for chart in charts:
        chart.picture = None
    return charts
