"""What was in a history in which there was nothing to judge, and what to do about it."""

from collections import Counter

from streams.offline.replay.text_table import by_name, counted


def nothing_read(records: int, bad: Counter[str], *, between: bool = False) -> str:
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
    >>> nothing_read(0, Counter())
    '(0 records); check the source and its times'
    >>> nothing_read(72, Counter(no_ts=70, not_json=2))
    '(72 records, all bad: 70 no_ts, 2 not_json); `uneri try` shows what is wrong with a record'
    >>> nothing_read(9, Counter(no_ts=2))
    '(9 records, 2 bad: 2 no_ts); check the source and its times'
    """
    count = bad.total()
    only_bad = 0 < count == records
    how_many = "all" if only_bad else f"{count:,}"
    reasons = f", {how_many} bad: {by_name(bad)}" if bad else ""
    return f"({counted(records, 'record')}{reasons}); {remedy(only_bad=only_bad, between=between)}"


def remedy(*, only_bad: bool, between: bool) -> str:
    """Return what to do where there was nothing, or only what is bad, perhaps in a part of a history."""
    if only_bad and not between:
        return "`uneri try` shows what is wrong with a record"
    return "check the source and its times"
