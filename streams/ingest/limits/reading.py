"""The result of an attempt to read limits, and how it joins the limits known before."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from config.capacity import NO_LIMITS, KnownLimit, ReadLimits, ReadPart, load_read_limits
from streams.process.files.atomic_file import write_atomic

IN_FORCE_AFTER: Final = 600
"""Seconds from a reading until a changed limit is in force: meanwhile every process has loaded it."""

MOST_VALUES: Final = 50
"""Changes of one limit that are kept."""

_MINUTE: Final = 60


class AwsError(Exception):
    """Nothing can be read from AWS; the message has the reason and the remedy."""


class FoundLimit(msgspec.Struct, frozen=True):
    """A limit as a cloud states it."""

    kind: str
    name: str
    measure: str
    value: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class PartReading:
    """The attempt to read one service of one account and region: its limits, or why there are none."""

    account: str
    region: str
    service: str
    found: tuple[FoundLimit, ...] = ()
    error: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """The account, region and service."""
        return self.account, self.region, self.service


def merged(before: ReadLimits, readings: Iterable[PartReading], now: float) -> ReadLimits:
    """Return the limits known after an attempt at ``now`` (epoch seconds).

    A part that could not be read keeps its limits and their age. A limit that changed is in force from ten
    minutes after ``now``; one that is gone becomes None then. Parts that were not attempted are dropped:
    the configuration no longer names them.
    """
    attempts = {reading.key: reading for reading in readings}
    parts = {part.key: part for part in before.parts}
    in_force = math.ceil((now + IN_FORCE_AFTER) / _MINUTE) * _MINUTE
    of_parts = _by_part(before)
    limits: list[KnownLimit] = []
    for key, attempt in attempts.items():
        known = of_parts.get(key, {})
        limits += known.values() if attempt.error else _updated(known, attempt, int(now), in_force)
    return ReadLimits(
        parts=tuple(_tried(parts.get(key), attempts[key], int(now)) for key in sorted(attempts)),
        limits=tuple(sorted(limits, key=lambda limit: limit.key)),
    )


def _tried(before: ReadPart | None, attempt: PartReading, now: int) -> ReadPart:
    read = now if not attempt.error else before.read if before else None
    return ReadPart(
        account=attempt.account,
        region=attempt.region,
        service=attempt.service,
        read=read,
        tried=now,
        error=attempt.error,
    )


_SERVICE_OF: Final = {"table": "dynamodb", "index": "dynamodb", "function": "lambda", "api": "apigateway"}


def service_of(kind: str, measure: str) -> str:
    """Return the service that a limit was read from."""
    if kind == "account":
        return {"concurrency": "lambda", "rate": "apigateway", "burst": "apigateway"}.get(measure, "dynamodb")
    return _SERVICE_OF.get(kind, "servicequotas")


def _by_part(before: ReadLimits) -> dict[tuple[str, str, str], dict[tuple[str, ...], KnownLimit]]:
    found: dict[tuple[str, str, str], dict[tuple[str, ...], KnownLimit]] = {}
    for limit in before.limits:
        key = (limit.account, limit.region, service_of(limit.kind, limit.measure))
        found.setdefault(key, {})[limit.key] = limit
    return found


def _updated(
    known: Mapping[tuple[str, ...], KnownLimit], attempt: PartReading, now: int, in_force: int
) -> list[KnownLimit]:
    fresh: dict[tuple[str, ...], KnownLimit] = {}
    for found in attempt.found:
        limit = KnownLimit(
            account=attempt.account,
            region=attempt.region,
            kind=found.kind,
            name=found.name,
            measure=found.measure,
            source=found.source,
            values=((now, found.value),),
        )
        old = known.get(limit.key)
        if old is not None:
            values = old.values if old.value == found.value else _then(old, in_force, found.value)
            limit = msgspec.structs.replace(limit, values=values)
        fresh[limit.key] = limit
    for key, old in known.items():
        if key not in fresh:
            gone = old.values if old.value is None else _then(old, in_force, None)
            fresh[key] = msgspec.structs.replace(old, values=gone)
    return list(fresh.values())


def _then(old: KnownLimit, since: int, value: float | None) -> tuple[tuple[int, float | None], ...]:
    before = tuple(change for change in old.values if change[0] < since) or old.values[:1]
    return (*before, (since, value))[-MOST_VALUES:]


def known_limits(path: Path) -> ReadLimits:
    """Load the file to merge into; nothing when it does not exist yet.

    Raises
    ------
    config.load.ConfigError
        When it cannot be read or is no such file.
    """
    return load_read_limits(path) if path.exists() else NO_LIMITS


def save_limits(path: Path, limits: ReadLimits) -> None:
    """Write the file; readers see the old or the new one, never half of one.

    Raises
    ------
    OSError
        When it cannot be written; the old file stays.
    """
    text = msgspec.json.format(msgspec.json.encode(limits), indent=1)
    write_atomic(path, text + b"\n")
