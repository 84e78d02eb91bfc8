"""Every named crash point, how it is reached, and at which passing a process crashes there."""

from typing import Final, NamedTuple

from streams.process.crash_points import CrashPoint


class CrashSite(NamedTuple):
    """A crash point of the stages whose key starts with ``key``; the process crashes at the n-th passing."""

    point: CrashPoint
    key: str
    times: int


AT_WORK: Final = (
    CrashSite(CrashPoint.FED, "rollup", 3),
    CrashSite(CrashPoint.EMITTED, "rollup", 4),
    CrashSite(CrashPoint.ACKNOWLEDGED, "rollup", 2),
    CrashSite(CrashPoint.WRITING, "rollup", 2),
    CrashSite(CrashPoint.DURABLE, "rollup", 2),
    CrashSite(CrashPoint.RELEASED, "rollup", 2),
    CrashSite(CrashPoint.FED, "detect", 2),
    CrashSite(CrashPoint.EMITTED, "detect", 2),
    CrashSite(CrashPoint.WRITING, "detect", 2),
    CrashSite(CrashPoint.DURABLE, "detect", 2),
    CrashSite(CrashPoint.EMITTED, "incidents", 2),
    CrashSite(CrashPoint.WRITING, "incidents", 1),
    CrashSite(CrashPoint.DURABLE, "incidents", 1),
    CrashSite(CrashPoint.WRITING, "outbox", 2),
    CrashSite(CrashPoint.COMMITTED, "", 2),
)
"""A worker that reads passes these."""

AT_A_START: Final = (
    CrashSite(CrashPoint.ASSIGNED, "detect", 1),
    CrashSite(CrashPoint.FENCED, "rollup", 2),
    CrashSite(CrashPoint.FENCED, "detect", 1),
    CrashSite(CrashPoint.LOADED, "rollup", 3),
    CrashSite(CrashPoint.LOADED, "detect", 1),
    CrashSite(CrashPoint.LOADED, "incidents", 1),
)
"""A starting worker passes these, whatever there is to read."""

AT_A_REBALANCE: Final = (
    CrashSite(CrashPoint.REVOKED, "rollup", 2),
    CrashSite(CrashPoint.REVOKED, "detect", 1),
    CrashSite(CrashPoint.CLOSED, "rollup", 1),
    CrashSite(CrashPoint.CLOSED, "detect", 1),
)
"""A worker passes these when another joins."""

AT_THE_END: Final = (
    CrashSite(CrashPoint.IDLE, "rollup", 1),
    CrashSite(CrashPoint.IDLE_SAVED, "rollup", 1),
    CrashSite(CrashPoint.RESTORED, "rollup", 1),
)
"""A worker passes these, in this order, when a partition becomes idle: each finds what the last one left."""

BEHIND_THE_END: Final = (CrashSite(CrashPoint.IDLE_EMITTED, "rollup", 1),)
"""A worker passes this when the first partition becomes idle: after the crashes above none may be left."""

LOCAL: Final = (
    CrashSite(CrashPoint.APPENDING, "", 1),
    CrashSite(CrashPoint.APPENDED, "", 1),
    CrashSite(CrashPoint.JUDGED, "", 4),
    CrashSite(CrashPoint.REPORTED, "", 4),
    CrashSite(CrashPoint.SAVING, "", 2),
    CrashSite(CrashPoint.SAVED, "", 2),
    CrashSite(CrashPoint.READ, "", 1),
)
