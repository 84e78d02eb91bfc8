"""Every named crash point, how it is reached, and at which of its passings a process dies there."""

from typing import Final, NamedTuple

from streams.process.crash_points import CrashPoint


class Where(NamedTuple):
    """A crash point of the stages whose key begins so; the process dies at the n-th passing."""

    point: CrashPoint
    key: str
    times: int


AT_WORK: Final = (
    Where(CrashPoint.FED, "rollup", 3),
    Where(CrashPoint.EMITTED, "rollup", 4),
    Where(CrashPoint.ACKNOWLEDGED, "rollup", 2),
    Where(CrashPoint.WRITING, "rollup", 2),
    Where(CrashPoint.DURABLE, "rollup", 2),
    Where(CrashPoint.RELEASED, "rollup", 2),
    Where(CrashPoint.FED, "detect", 2),
    Where(CrashPoint.EMITTED, "detect", 2),
    Where(CrashPoint.WRITING, "detect", 2),
    Where(CrashPoint.DURABLE, "detect", 2),
    Where(CrashPoint.EMITTED, "incidents", 2),
    Where(CrashPoint.WRITING, "incidents", 1),
    Where(CrashPoint.DURABLE, "incidents", 1),
    Where(CrashPoint.WRITING, "outbox", 2),
    Where(CrashPoint.COMMITTED, "", 2),
)
"""A worker that reads passes these."""

AT_A_START: Final = (
    Where(CrashPoint.ASSIGNED, "detect", 1),
    Where(CrashPoint.FENCED, "rollup", 2),
    Where(CrashPoint.FENCED, "detect", 1),
    Where(CrashPoint.LOADED, "rollup", 3),
    Where(CrashPoint.LOADED, "detect", 1),
    Where(CrashPoint.LOADED, "incidents", 1),
)
"""A worker that is started passes these, whatever there is to read."""

AT_A_REBALANCE: Final = (
    Where(CrashPoint.REVOKED, "rollup", 2),
    Where(CrashPoint.REVOKED, "detect", 1),
    Where(CrashPoint.CLOSED, "rollup", 1),
    Where(CrashPoint.CLOSED, "detect", 1),
)
"""A worker passes these when another joins."""

AT_THE_END: Final = (
    Where(CrashPoint.IDLE, "rollup", 1),
    Where(CrashPoint.IDLE_SAVED, "rollup", 1),
    Where(CrashPoint.RESTORED, "rollup", 1),
)
"""A worker passes these when a partition falls silent, in this order: what one leaves, the next finds."""

BEHIND_THE_END: Final = (Where(CrashPoint.IDLE_EMITTED, "rollup", 1),)
"""A worker passes this when the first partition falls silent: after the deaths above none may be left."""

LOCAL: Final = (
    Where(CrashPoint.APPENDING, "", 1),
    Where(CrashPoint.APPENDED, "", 1),
    Where(CrashPoint.JUDGED, "", 4),
    Where(CrashPoint.REPORTED, "", 4),
    Where(CrashPoint.SAVING, "", 2),
    Where(CrashPoint.SAVED, "", 2),
    Where(CrashPoint.READ, "", 1),
)
