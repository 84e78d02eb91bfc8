"""Contradictions within the notify section: what never ends, is never reached, or leads nowhere."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from config.settings import MaintenanceSettings, MatchSettings, NotifySettings

_DAYS: Final = 7
_PERIODS: Final = {"day": timedelta(days=1), "week": timedelta(days=7)}
_DATE: Final = len("2026-11-27")


class Mistake(NamedTuple):
    """A value that contradicts another: its path, what is wrong and, after ``;``, the remedy."""

    path: tuple[str | int, ...]
    value: object
    message: str


def mistakes(notify: "NotifySettings") -> Iterator[Mistake]:
    """Yield the contradictions between values each of which is valid alone."""
    yield from _held_for_ever(notify)
    yield from _named_twice(notify)
    yield from _routes(notify)


def names_nothing(match: "MatchSettings") -> bool:
    """Return whether no condition is given."""
    return not (match.accounts or match.services or match.scopes or match.verdicts or match.measures)


def takes_all(match: "MatchSettings") -> bool:
    """Return whether every incident matches."""
    return not (match.services or match.scopes or match.verdicts) and all(
        not patterns or any(not pattern.strip("*") for pattern in patterns)
        for patterns in (match.accounts, match.measures)
    )


def _held_for_ever(notify: "NotifySettings") -> Iterator[Mistake]:
    for number, silence in enumerate(notify.silences):
        if names_nothing(silence.match):
            yield Mistake(
                ("silences", number, "match"),
                {},
                "has no condition and would silence everything; add one, or write accounts: ['*'] "
                "to silence everything",
            )
    for number, hours in enumerate(notify.quiet_hours):
        if hours.start == hours.end and len(set(hours.days) or range(_DAYS)) == _DAYS:
            yield Mistake(
                ("quiet_hours", number, "end"),
                hours.end,
                "equal to start on every day, so that quiet hours never end; write another time, or list "
                "the days that are quiet as a whole",
            )
    for number, work in enumerate(notify.maintenance):
        if work.every is not None and _length(work) >= _PERIODS[work.every]:
            yield Mistake(
                ("maintenance", number, "every"),
                work.every,
                "repeats before it has ended, so that it never ends; write an earlier end, or remove every",
            )


def _length(work: "MaintenanceSettings") -> timedelta:
    first, last = datetime.fromisoformat(work.start), datetime.fromisoformat(work.end)
    return last - first + timedelta(days=len(work.end) == _DATE)  # a date is included as a whole


def _named_twice(notify: "NotifySettings") -> Iterator[Mistake]:
    named = {
        "webhooks": [webhook.name for webhook in notify.webhooks],
        "alertmanagers": [alertmanager.name for alertmanager in notify.alertmanagers],
    }
    for section, names in named.items():
        for number, name in enumerate(names):
            if (first := names.index(name)) != number:
                yield Mistake(
                    (section, number, "name"),
                    name,
                    f"also the name of notify.{section}.{first}; choose another name",
                )


def _routes(notify: "NotifySettings") -> Iterator[Mistake]:
    known = {f"webhook:{webhook.name}" for webhook in notify.webhooks}
    known |= {f"alertmanager:{alertmanager.name}" for alertmanager in notify.alertmanagers}
    before: int | None = None
    for number, route in enumerate(notify.routes):
        if before is not None:
            yield Mistake(
                ("routes", number),
                {},
                f"is never reached: notify.routes.{before} matches everything, and the first match decides; "
                "swap them",
            )
        elif takes_all(route.match):
            before = number
        seen: set[str] = set()
        for place, to in enumerate(route.to):
            path = ("routes", number, "to", place)
            if to.partition(":")[0] in ("webhook", "alertmanager") and to not in known:
                yield Mistake(path, to, f"not configured; configured: {', '.join(sorted(known)) or 'none'}")
            name = to.removeprefix("slack:")
            if name in seen:
                yield Mistake(path, to, "listed twice; remove one")
            seen.add(name)
