"""The result of one check."""

import os
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from alerting.commands.local_time import moment, shown
from alerting.words.mrkdwn import clean
from config.sections.money import PriceList
from config.settings import MoneySettings, Settings, is_date
from streams.process.web.listen_address import AddressError, door_of
from streams.record.history.history_files import HistoryFolder, place_trouble


class CheckResult(NamedTuple):
    """A line of ``uneri check``; ``ok`` is None for a note."""

    ok: bool | None
    text: str


def check_door(
    settings: Settings, environment: Mapping[str, str] = os.environ, *, intake: bool | None = None
) -> Iterator[CheckResult]:
    """Check the tokens and the certificate, and say who can ask for what; ``intake`` as for ``door_of``."""
    try:
        door = door_of(settings, environment, intake=intake)
    except AddressError as error:
        yield CheckResult(False, str(error))
        return
    if note := door.note():
        yield CheckResult(None, note)
    if door.tokens.count:
        scopes = ", ".join(door.tokens.scopes)
        yield CheckResult(
            True, f"{door.section}.listen {door.listen}: requests need a token; some allow {scopes}"
        )
    for scope in door.unused():
        yield CheckResult(None, f"tokens: none allows {scope}, so nobody can; make one with `uneri token`")
    if door.certificates is not None:
        yield CheckResult(True, f"{door.section}.tls: the certificate and its key belong together")


def check_history(settings: Settings) -> Iterator[CheckResult]:
    """Write a file into the place of the history and delete it, if one is configured."""
    history = settings.history
    if not history.keep or history.place is None:
        return
    try:
        HistoryFolder(history.place).probe()
    except (OSError, pa.ArrowException) as error:
        yield CheckResult(False, f"history: {history.place} cannot be written: {place_trouble(error)}")
        return
    yield CheckResult(True, f"history: {history.place} can be written")


FAR: Final = 50.0
"""How many times the list price, or what part of it, nobody pays: regions and contracts differ by less."""


def check_prices(settings: Settings, now: float) -> Iterator[CheckResult]:
    """Note what the settings state of prices that is far from the list prices at ``now`` (epoch seconds)."""
    shipped = PriceList(MoneySettings())
    for number, one in enumerate(settings.money.prices):
        listed = shipped.price(one.item, at=int(now))
        if one.price and not listed / FAR < one.price < listed * FAR:
            yield CheckResult(
                None,
                f"money: prices.{number} is {_plain(one.price)} USD for one unit of {one.item}, "
                f"the list price is {_plain(listed)}; a price is of one unit, not of a million",
            )


def _plain(amount: float) -> str:
    """Return an amount without an exponent.

    Examples
    --------
    >>> [_plain(amount) for amount in (0.2, 2e-7, 1.66667e-5, 3.0)]
    ['0.2', '0.0000002', '0.0000166667', '3']
    """
    return f"{amount:.12f}".rstrip("0").rstrip(".")


_DAY: Final = 86400


def check_expired(settings: Settings, now: float) -> Iterator[CheckResult]:
    """Find silences, maintenance and planned events that ended before ``now`` (epoch seconds)."""
    zone, calendar = ZoneInfo(settings.digest.timezone), ZoneInfo(settings.calendar.timezone)
    ends = [
        (f"notify.silences.{number}", moment(one.until, zone), one.why, zone)
        for number, one in enumerate(settings.notify.silences)
    ]
    ends += [
        (f"notify.maintenance.{number}", _end(one.end, zone), one.name, zone)
        for number, one in enumerate(settings.notify.maintenance)
        if one.every is None
    ]
    ends += [
        (f"calendar.planned.{number}", _end(one.end, calendar), one.name, calendar)
        for number, one in enumerate(settings.calendar.planned)
    ]
    for where, end, name, of in ends:
        if end <= now:
            yield CheckResult(
                None, f"{where} ({clean(name)}) ended on {shown(end, of)} and has no effect; remove it"
            )


def _end(text: str, zone: ZoneInfo) -> int:
    return moment(text, zone) + _DAY * is_date(text)  # a date includes the whole day
