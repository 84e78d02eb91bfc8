"""Named places where a process may die between reading a record and its checkpoint; tests kill it at each."""

from collections.abc import Callable
from enum import StrEnum


class CrashPoint(StrEnum):
    """A place in the drivers; the comment is what the next start does after a death there."""

    # The Kafka driver: stage.py, fenced_store.py, stage_host.py, chunk_lane.py
    FED = "feed: fed, nothing emitted"  # reads the records again
    EMITTED = "feed: emitted, no checkpoint"  # emits the same again; duplicates are dropped downstream
    ACKNOWLEDGED = "checkpoint: emitted records acknowledged, nothing written"  # the same
    WRITING = "checkpoint: in its transaction, not committed"  # loads the checkpoint before it
    DURABLE = "checkpoint: durable, nothing released"  # resumes from the checkpoint, not from the commit
    RELEASED = "checkpoint: released for commit"  # the same
    COMMITTED = "commit: done"  # repeats nothing
    FENCED = "restore: predecessor fenced, nothing read"  # starts from the beginning
    LOADED = "restore: loaded, stage not restored"  # starts from the beginning
    RESTORED = "restore: restored, pending output not emitted"  # emits it
    IDLE = "idle: detected, nothing written"  # detects it again
    IDLE_SAVED = "idle: in a checkpoint, not emitted"  # emits it
    IDLE_EMITTED = "idle: emitted, still pending in the checkpoint"  # emits it again
    ASSIGNED = "rebalance: assigned, nothing opened"  # the next owner opens it
    REVOKED = "rebalance: revoked, no last checkpoint"  # the next owner resumes from the checkpoint before
    CLOSED = "rebalance: revoked, last checkpoint durable"  # the next owner resumes from it

    # The local driver: sqlite_store.py, local/daemon.py
    APPENDING = "append: in its transaction, not committed"  # the sender got no answer and sends again
    APPENDED = "append: durable, not answered"  # the sender sends again; duplicate ids are dropped
    JUDGED = "judge: judged, nothing reported"  # judges again from the checkpoint
    REPORTED = "judge: reported, no checkpoint"  # reports again, with the same ids
    SAVING = "save: in its transaction, not committed"  # loads the checkpoint before it, and its log
    SAVED = "save: durable"  # repeats nothing
    READ = "restore: read, not restored"  # starts from the beginning
    JUDGED_ANEW = "take over: judged anew, nothing written"  # judges anew once more
    TAKEN_OVER = "take over: in a checkpoint, the history still there"  # takes it up again: nothing changes
    MIGRATING = "migrate: in its transaction, not committed"  # finds the old format, and migrates it


CrashHook = Callable[[CrashPoint, str], None]
"""Called at each point with the key of its stage."""


def no_crash(_: CrashPoint, __: str) -> None:
    """Continue."""
