"""The known capacity of a table, function or account: written by hand, or else read from a cloud.

The file of limits that were read holds their values over time, and how old the reading is.
"""

import math
from bisect import bisect_right
from pathlib import Path
from typing import Final

import msgspec

from config import settings
from config.bounded_read import read_bounded
from config.load import ConfigError
from config.settings import Settings
from config.yaml_tree import Place, Problem

MOST_BYTES: Final = 64 << 20
FORMAT: Final = 1


class KnownLimit(msgspec.Struct, kw_only=True, frozen=True):
    """One limit of one account and region, and how it changed.

    ``values`` holds pairs of the epoch second from which a value is in force and the value, None when there
    is no such limit any more; ascending. The first value also holds for the time before it.
    """

    account: str
    region: str
    kind: str  # table, index, function, account, api or quota
    name: str
    measure: str  # rcu and wcu: units/s; concurrency; rate: requests/s; burst: requests; quota: its own unit
    source: str = ""  # where the cloud has it, such as provisioned or autoscaling
    values: tuple[tuple[int, float | None], ...]

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """Where the limit applies."""
        return self.account, self.region, self.kind, self.name, self.measure

    @property
    def value(self) -> float | None:
        """The newest value."""
        return self.values[-1][1]

    def at(self, time: float) -> float | None:
        """Return the value in force at an epoch second.

        Examples
        --------
        >>> raised = KnownLimit(account="1", region="eu-west-1", kind="table", name="items", measure="wcu",
        ...                     values=((1000, 50.0), (2000, 80.0)))
        >>> raised.at(0), raised.at(1999), raised.at(2000)
        (50.0, 50.0, 80.0)
        """
        value = self.values[0][1]
        for since, newer in self.values:
            if since <= time:
                value = newer
        return value


class ReadPart(msgspec.Struct, kw_only=True, frozen=True):
    """When the limits of one service in one account and region were read. Times are epoch seconds."""

    account: str
    region: str
    service: str
    read: int | None = None  # None: never
    tried: int
    error: str = ""  # why the newest attempt failed; its limits are those of ``read``

    @property
    def key(self) -> tuple[str, str, str]:
        """The identity of the part."""
        return self.account, self.region, self.service


class ReadLimits(msgspec.Struct, kw_only=True, frozen=True):
    """The whole file."""

    format: int = FORMAT
    parts: tuple[ReadPart, ...] = ()
    limits: tuple[KnownLimit, ...] = ()

    @property
    def oldest(self) -> int | None:
        """When the part that was read longest ago was read; None without one."""
        return min((part.read for part in self.parts if part.read is not None), default=None)

    @property
    def tried(self) -> int:
        """When the newest attempt was made; 0 without one."""
        return max((part.tried for part in self.parts), default=0)


NO_LIMITS: Final = ReadLimits()


def read_limits_of(settings: Settings) -> ReadLimits:
    """Load the file of ``limits.file``; nothing when there is no such setting.

    A file that is missing because the daemon is yet to write it (``limits.aws.daily``) holds nothing. Errors
    are those of ``load_read_limits``.
    """
    limits = settings.limits
    if limits.file is None:
        return NO_LIMITS
    path = Path(limits.file)
    if limits.aws is not None and limits.aws.daily and not path.exists():
        return NO_LIMITS
    return load_read_limits(path)


def load_read_limits(path: Path) -> ReadLimits:
    """Load a file of limits.

    Raises
    ------
    ConfigError
        When it cannot be read or is no such file.
    """
    again = f"write it with: uneri limits --aws --write {path}"
    try:
        data = read_bounded(path, MOST_BYTES)
    except FileNotFoundError:
        raise _error(path, "does not exist", f"{again}, or remove limits.file") from None
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise _error(path, message, "check the path and its permissions") from None
    try:
        found = msgspec.json.decode(data, type=ReadLimits)
    except (ValueError, RecursionError) as error:
        raise _error(path, f"is not a file of limits ({error})", f"move it away, then {again}") from None
    if found.format != FORMAT:
        raise _error(
            path,
            f"is a file of limits of format {found.format}; this version reads format {FORMAT}",
            f"use the version of uneri that wrote it, or move it away, then {again}",
        )
    for limit in found.limits:
        values = [value for _, value in limit.values if value is not None]
        if not limit.values or not all(math.isfinite(value) and value >= 0 for value in values):
            raise _error(path, f"has no usable value of {'/'.join(limit.key)}", f"correct it, or {again}")
    return found


def _error(path: Path, message: str, remedy: str) -> ConfigError:
    return ConfigError(str(path), [Problem(Place(1, 1), message, remedy)])


_OF_TABLES: Final = ("rcu", "wcu")
_LEVEL: Final = "level:"


class Capacity:
    """The known limits, by scope and measure.

    What was read counts for tables only, and only where nothing is written by hand.

    Examples
    --------
    >>> capacity = Capacity(settings.LimitsSettings(tables={"items": settings.TableLimit(wcu=100.0)}))
    >>> capacity.limit_of("table", "1", "items", "wcu")
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

    def limit_of(
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
                known
                for known in self._read.get((name, measure), ())
                if account in ("", known.account) and region in ("", known.region)
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
