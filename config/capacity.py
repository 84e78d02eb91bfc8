"""The known capacity of a table, function or account: written by hand, or else read from a cloud."""

from bisect import bisect_right
from typing import Final

from config import settings
from config.read_limits import NO_LIMITS, KnownLimit, ReadLimits

_OF_TABLES: Final = ("rcu", "wcu")
_LEVEL: Final = "level:"


class Capacity:
    """The known limits, by scope and measure.

    What was read counts for tables only, and only where nothing is written by hand.

    Examples
    --------
    >>> capacity = Capacity(settings.LimitsSettings(tables={"items": settings.TableLimit(wcu=100.0)}))
    >>> capacity.of("table", "1", "items", "wcu")
    100.0
    """

    def __init__(self, limits: settings.LimitsSettings, read: ReadLimits = NO_LIMITS) -> None:
        self._limits = limits
        self._read: dict[tuple[str, str], list[KnownLimit]] = {}  # by table and measure
        for limit in read.limits:
            if limit.kind == "table":
                self._read.setdefault((limit.name, limit.measure), []).append(limit)
        # the first value also holds before its time
        moments = {
            since for limits in self._read.values() for limit in limits for since, _ in limit.values[1:]
        }
        self._changes = sorted(moments)

    def era(self, at: int) -> int:
        """Return a number that differs between two moments (epoch seconds) if a limit changed in between."""
        return bisect_right(self._changes, at)

    def of(
        self, kind: str, account: str, name: str, measure: str, *, region: str = "", at: float = 0
    ) -> float | None:
        """Return the limit of a measure per second, or None when none is known.

        Units per second for ``rcu`` and ``wcu`` of a table; for ``busy`` of a function or account,
        concurrency, which is busy seconds per second; for a level (``level:`` and its name), the level. A
        limit for ``account/name`` precedes one for ``name``; both precede what was read. An empty account or
        region stands for any, as long as only one table that was read fits. ``at`` is in epoch seconds.
        """
        if kind == "table" and measure in _OF_TABLES:
            for key in (f"{account}/{name}", name):
                table = self._limits.tables.get(key)
                limit = getattr(table, measure) if table else None
                if limit is not None:
                    return float(limit)
            fitting = [
                one
                for one in self._read.get((name, measure), ())
                if account in ("", one.account) and region in ("", one.region)
            ]
            return fitting[0].at(at) or None if len(fitting) == 1 else None
        if measure.startswith(_LEVEL):
            level = measure[len(_LEVEL) :].partition("[")[0]  # without its unit
            levels = self._limits.levels
            return levels.get(f"{account}/{level}", levels.get(level))
        if measure != "busy":
            return None
        if kind == "function":
            functions = self._limits.functions
            return functions.get(f"{account}/{name}", functions.get(name))
        return self._limits.accounts.get(account) if kind == "account" else None
