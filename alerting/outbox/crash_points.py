"""Where a process may die on the way from a notice to a message, by name: tests kill it at each."""

from enum import StrEnum


class DeliveryCrashPoint(StrEnum):
    """A place in ``outbox/courier.py`` or ``outbox/outbox.py``, and what a death there leaves behind."""

    DECIDED = "put: decided, nothing written"  # the engine tells it again: nothing is known of it yet
    WRITTEN = "put: written, not yet on its way"  # rows and the pipeline's state are there, both or neither
    CHOSEN = "deliver: chosen, not marked"  # as if it had not been chosen
    MARKED = "deliver: marked, not sent"  # in doubt: looked for, not found, sent
    SENT = "deliver: sent, not settled"  # in doubt: looked for, found, not sent again
    SETTLED = "deliver: settled"  # done
    MOVED = "fallback: its own channel refused, not yet settled"  # refused again, and moved again
    LOADED = "load: read, not taken up"  # nothing was changed
    PRUNED = "load: what is long done is dropped"  # dropped or not: nothing refers to it


def nothing(_: DeliveryCrashPoint) -> None:
    """Go on living."""
