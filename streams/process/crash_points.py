"""Where a process may die on the way of a record to a checkpoint, by name: tests kill it at each."""

from collections.abc import Callable
from enum import StrEnum


class CrashPoint(StrEnum):
    """A place in the drivers, and what a death there leaves behind."""

    # The Kafka driver: stage.py, owned_records.py, stage_host.py, chunk_lane.py
    FED = "feed: taken in, nothing emitted"  # as if it had not been read
    EMITTED = "feed: emitted, no checkpoint"  # emitted again, the same, and dropped by who has it
    ACKNOWLEDGED = "checkpoint: what was emitted is acknowledged, nothing is written"  # the same
    WRITING = "checkpoint: in its transaction, not committed"  # the checkpoint before it is the newest
    DURABLE = "checkpoint: durable, nothing released"  # read from the checkpoint, not from the commit
    RELEASED = "checkpoint: released for commit"  # the same
    COMMITTED = "commit: done"  # nothing to do again
    OWNED = "restore: the predecessor is fenced, nothing is read"  # as before the start
    LOADED = "restore: loaded, the stage is not restored"  # as before the start
    RESTORED = "restore: restored, what was pending is not emitted"  # emitted at the next start
    SILENT = "idle: said, nothing written"  # said again when it is silent again
    PENDING = "idle: in a checkpoint, not emitted"  # emitted at the next start
    SAID = "idle: emitted, still pending in the checkpoint"  # emitted again at the next start
    ASSIGNED = "rebalance: assigned, nothing opened"  # whoever gets it next opens it
    REVOKED = "rebalance: revoked, no last checkpoint"  # whoever gets it reads from the checkpoint before
    CLOSED = "rebalance: revoked, the last checkpoint is durable"  # whoever gets it goes on from there

    # The local driver: sqlite_store.py, local_daemon.py
    APPENDING = "append: in its transaction, not committed"  # the sender has no answer, and sends again
    APPENDED = "append: durable, not answered"  # the sender has no answer; ids tell that it is the same
    JUDGED = "judge: judged, nothing told"  # judged again from the checkpoint
    TOLD = "judge: told, no checkpoint"  # told again, under the same ids
    SAVING = "save: in its transaction, not committed"  # the checkpoint before it is there, and its log
    SAVED = "save: durable"  # nothing to do again
    FOUND = "restore: read, not taken up"  # as before the start


At = Callable[[CrashPoint, str], None]
"""Called at each point with the key of the stage that is there."""


def nothing(_: CrashPoint, __: str) -> None:
    """Go on living."""
