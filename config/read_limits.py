"""The file of limits that were read from a cloud: their values over time, and how old the reading is."""

import math
from pathlib import Path
from typing import Final

import msgspec

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
    source: str = ""  # where the cloud has it: provisioned, autoscaling, on-demand maximum, …
    values: tuple[tuple[int, float | None], ...]

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What the limit is about."""
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
    """The limits of one service in one account and region: when they were read. Times are epoch seconds."""

    account: str
    region: str
    service: str
    read: int | None = None  # None: never
    tried: int
    error: str = ""  # why the newest attempt failed; its limits are those of ``read``

    @property
    def key(self) -> tuple[str, str, str]:
        """Which part it is."""
        return self.account, self.region, self.service


class ReadLimits(msgspec.Struct, kw_only=True, frozen=True):
    """Everything that was read."""

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
    """Return what the file of ``limits.file`` holds; nothing when there is no such setting.

    A file that is missing because the daemon is yet to write it (``limits.aws.daily``) holds nothing.

    Raises
    ------
    ConfigError
        When it is missing, cannot be read or is no such file.
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
    except msgspec.MsgspecError as error:
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
