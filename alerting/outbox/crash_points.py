"""Named crash points between a notice and a message: tests kill the process at each."""

from enum import StrEnum


class DeliveryCrashPoint(StrEnum):
    """A point in ``outbox/courier.py`` or ``outbox/outbox.py``, and what a crash there leaves behind."""

    DECIDED = "put: decided, nothing written"  # the engine emits it again: nothing is stored yet
    WRITTEN = "put: written, not yet on its way"  # rows and the pipeline's state are stored, both or neither
    CHOSEN = "deliver: chosen, not marked"  # as if not chosen
    MARKED = "deliver: marked, not sent"  # in doubt: searched for, not found, sent
    SENT = "deliver: sent, not settled"  # in doubt: searched for, found, not sent again
    SETTLED = "deliver: settled"  # done
    MOVED = "fallback: its own channel refused, not yet settled"  # refused again, and moved again
    LOADED = "load: read, not taken up"  # nothing was changed
    PRUNED = "load: what is long done is dropped"  # dropped or not: nothing refers to it


def nothing(_: DeliveryCrashPoint) -> None:
    """Do nothing."""
