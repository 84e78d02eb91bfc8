"""Limits and their age, as lines for people."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from alerting.words.mrkdwn import clean
from config.capacity import KnownLimit, ReadLimits, ReadPart
from config.settings import LimitsSettings

_ORDER: Final = ("account", "table", "index", "function", "api", "quota")
_UNITS: Final = {"rate": "requests/s", "burst": "requests at once", "quota": ""}
_SPANS: Final = ((172800, 86400, "days"), (7200, 3600, "h"), (120, 60, "min"), (0, 1, "s"))


def age(seconds: float) -> str:
    """Return how long ago something was.

    Examples
    --------
    >>> age(59), age(3 * 3600), age(50 * 3600)
    ('59 s ago', '3 h ago', '2 days ago')
    """
    seconds = max(0.0, seconds)
    _, unit, name = next(span for span in _SPANS if seconds >= span[0])
    return f"{seconds // unit:.0f} {name} ago"


def by_hand(limits: LimitsSettings) -> int:
    """Return how many limits are written in the configuration."""
    tables = sum((table.rcu is not None) + (table.wcu is not None) for table in limits.tables.values())
    return tables + len(limits.functions) + len(limits.accounts) + len(limits.levels)


def summary(limits: LimitsSettings, read: ReadLimits, now: float) -> list[str]:
    """Return the known limits with their age, then the unreadable ones; nothing without any limit."""
    lines = []
    if count := by_hand(limits):
        lines.append(f"{count} by hand")
    present = sum(limit.value is not None for limit in read.limits)
    if read.oldest is not None:
        lines.append(f"{present:,} read from AWS, {age(now - read.oldest)}")
    elif limits.file is not None:
        lines.append("none read from AWS yet")
    return lines + trouble(read, now)


def trouble(read: ReadLimits, now: float) -> list[str]:
    """Return the failures of the newest attempt: a line for each account and reason."""
    reasons: dict[tuple[str, str], list[ReadPart]] = {}
    for part in read.parts:
        if part.error:
            reasons.setdefault((part.account, part.error), []).append(part)
    lines = []
    for (account, error), parts in reasons.items():
        regions = ", ".join(sorted({part.region for part in parts}))
        services = ", ".join(sorted({part.service for part in parts}))
        reads = [part.read for part in parts if part.read is not None]
        last = f"last read {age(now - min(reads))}" if len(reads) == len(parts) else "never read"
        lines.append(f"{account} {regions} {services}: {clean(error)}; {last}")
    return lines


def listing(limits: LimitsSettings, read: ReadLimits) -> Iterator[str]:
    """Yield every limit: those by hand first, then those read, by account, region and kind."""
    if count := by_hand(limits):
        yield f"by hand ({count}; they win):"
        yield from _hand_written(limits)
    ordered = sorted(read.limits, key=_place)
    for (account, region), of_region in groupby(ordered, key=lambda limit: (limit.account, limit.region)):
        yield f"{account} {region}:"
        for (kind, name), found in groupby(of_region, key=lambda limit: (limit.kind, limit.name)):
            shown = _values(limits, found)
            if shown:
                yield f"  {kind:<9}{clean(name)}  {shown}"


def _place(limit: KnownLimit) -> tuple[str, str, int, str, str]:
    return limit.account, limit.region, _ORDER.index(limit.kind), limit.name, limit.measure


def _values(limits: LimitsSettings, found: Iterable[KnownLimit]) -> str:
    shown = []
    for limit in found:
        if limit.value is None:
            continue
        unit = _UNITS.get(limit.measure, limit.measure)
        source = f" ({clean(limit.source)})" if limit.source and limit.source != "None" else ""
        hand = " overridden by hand" if _overridden(limits, limit) else ""
        shown.append(f"{limit.value:,.10g} {unit}".rstrip() + source + hand)
    return ", ".join(shown)


def _overridden(limits: LimitsSettings, limit: KnownLimit) -> bool:
    if limit.kind != "table":
        return False
    keys = (f"{limit.account}/{limit.name}", limit.name)
    tables = [limits.tables[key] for key in keys if key in limits.tables]
    return any(getattr(table, limit.measure) is not None for table in tables)


def _hand_written(limits: LimitsSettings) -> Iterator[str]:
    for name, table in limits.tables.items():
        parts = [
            f"{value:,.10g} {key}"
            for key, value in (("rcu", table.rcu), ("wcu", table.wcu))
            if value is not None
        ]
        yield f"  table    {clean(name)}  {', '.join(parts)}"
    for kind, found in (("function", limits.functions), ("account", limits.accounts)):
        for name, value in found.items():
            yield f"  {kind:<9}{clean(name)}  {value:,.10g} concurrency"
    for name, value in limits.levels.items():
        yield f"  level    {clean(name)}  {value:,.10g}"
