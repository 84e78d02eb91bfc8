"""What was in a history in which there was nothing to judge, and what to do about it."""

from collections.abc import Mapping
from typing import Final

from streams.replay.text_table import counted

CHECK_TIMES: Final = "check the source and its times"
TRY: Final = "`uneri try` shows what is wrong with a record"


def nothing_read(records: int, bad: Mapping[str, int], *, between: bool = False) -> str:
    """Return what was read and the remedy: the rest of a line that says that there was nothing.

    Parameters
    ----------
    records
        How many were read, the bad ones included.
    bad
        Bad records by reason.
    between
        Whether only some of the history was asked for: what is bad has no time, and is read all the same.

    Examples
    --------
    >>> nothing_read(0, {})
    '(0 records); check the source and its times'
    >>> nothing_read(72, {"no_ts": 70, "not_json": 2})
    '(72 records, all bad: 70 no_ts, 2 not_json); `uneri try` shows what is wrong with a record'
    >>> nothing_read(9, {"no_ts": 2})
    '(9 records, 2 bad: 2 no_ts); check the source and its times'
    """
    count = sum(bad.values())
    if not count:
        return f"({counted(records, 'record')}); {CHECK_TIMES}"
    reasons = ", ".join(f"{number:,} {why}" for why, number in sorted(bad.items(), key=lambda one: -one[1]))
    only = count == records
    how_many = "all" if only else f"{count:,}"
    remedy = TRY if only and not between else CHECK_TIMES
    return f"({counted(records, 'record')}, {how_many} bad: {reasons}); {remedy}"
