"""The configured capacity of a table, function or account."""

from typing import Final

from config import settings

_OF_TABLES: Final = ("rcu", "wcu")


class Capacity:
    """The known limits, by scope and measure.

    Examples
    --------
    >>> capacity = Capacity(settings.LimitsSettings(tables={"items": settings.TableLimit(wcu=100.0)}))
    >>> capacity.of("table", "1", "items", "wcu")
    100.0
    """

    def __init__(self, limits: settings.LimitsSettings) -> None:
        self._limits = limits

    def of(self, kind: str, account: str, name: str, measure: str) -> float | None:
        """Return the limit of a measure per second, or None when none is known.

        Units per second for ``rcu`` and ``wcu`` of a table; for ``busy`` of a function or account,
        concurrency, which is busy seconds per second. A limit for ``account/name`` precedes one for
        ``name``.
        """
        if kind == "table" and measure in _OF_TABLES:
            for key in (f"{account}/{name}", name):
                table = self._limits.tables.get(key)
                limit = getattr(table, measure) if table else None
                if limit is not None:
                    return float(limit)
            return None
        if measure != "busy":
            return None
        if kind == "function":
            functions = self._limits.functions
            return functions.get(f"{account}/{name}", functions.get(name))
        return self._limits.accounts.get(account) if kind == "account" else None
