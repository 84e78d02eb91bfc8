"""Checks of the settings: the web server's address, the history's place, prices, expired entries."""

import os
from collections.abc import Iterator
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from alerting.commands.local_time import moment, shown
from alerting.words.mrkdwn import clean
from config.sections.money import PriceList
from config.settings import MoneySettings, Settings, is_date
from streams.process.web.listen_address import AddressError, listen_address_of
from streams.record.history.history_files import HistoryFolder, place_trouble

FAR: Final = 50.0
"""Nobody pays this many times the list price, or this part of it: regions and contracts differ by less."""

_DAY: Final = 86400


class CheckResult(NamedTuple):
    """A line of ``uneri check``; ``ok`` is None for a note."""

    ok: bool | None
    text: str


def right(text: str) -> CheckResult:
    """Return the line of a check that passed."""
    return CheckResult(True, text)


def wrong(text: str) -> CheckResult:
    """Return the line of a check that failed."""
    return CheckResult(False, text)


def remark(text: str) -> CheckResult:
    """Return a note."""
    return CheckResult(None, text)


def check_http_address(settings: Settings, *, intake: bool | None) -> Iterator[CheckResult]:
    """Check the tokens and the certificate, and note their scopes; ``intake`` as in ``listen_address_of``."""
    try:
        address = listen_address_of(settings, os.environ, intake=intake)
    except AddressError as error:
        yield wrong(str(error))
        return
    if note := address.warning():
        yield remark(note)
    if address.tokens.count:
        scopes = ", ".join(address.tokens.scopes)
        yield right(f"{address.section}.listen {address.listen}: requests need a token; some allow {scopes}")
    for scope in address.unused():
        yield remark(f"tokens: none allows {scope}, so nobody can; make one with `uneri token`")
    if address.certificates is not None:
        yield right(f"{address.section}.tls: the certificate and its key belong together")


def check_history(settings: Settings) -> Iterator[CheckResult]:
    """Write a file into the place of the history and delete it, if one is configured."""
    history = settings.history
    if not history.keep or history.place is None:
        return
    try:
        HistoryFolder(history.place).probe()
    except (OSError, pa.ArrowException) as error:
        yield wrong(f"history: {history.place} cannot be written: {place_trouble(error)}")
        return
    yield right(f"history: {history.place} can be written")


def check_prices(settings: Settings, now: float) -> Iterator[CheckResult]:
    """Note prices far from those of the list at ``now`` (epoch seconds): of a million units, for example."""
    shipped = PriceList(MoneySettings())
    for number, own in enumerate(settings.money.prices):
        listed = shipped.price(own.item, at=int(now))
        if own.price and not listed / FAR < own.price < listed * FAR:
            yield remark(
                f"money: prices.{number} is {_plain(own.price)} USD for one unit of {own.item}, "
                f"the list price is {_plain(listed)}; a price is of one unit, not of a million"
            )


def _plain(amount: float) -> str:
    """Return an amount without an exponent.

    Examples
    --------
    >>> [_plain(amount) for amount in (0.2, 2e-7, 1.66667e-5, 3.0)]
    ['0.2', '0.0000002', '0.0000166667', '3']
    """
    return f"{amount:.12f}".rstrip("0").rstrip(".")


def check_expired(settings: Settings, now: float) -> Iterator[CheckResult]:
    """Find silences, maintenance and planned events that ended before ``now`` (epoch seconds)."""
    zone, calendar = ZoneInfo(settings.digest.timezone), ZoneInfo(settings.calendar.timezone)
    ends = [
        (f"notify.silences.{number}", moment(silence.until, zone), silence.why, zone)
        for number, silence in enumerate(settings.notify.silences)
    ]
    ends += [
        (f"notify.maintenance.{number}", _end(window.end, zone), window.name, zone)
        for number, window in enumerate(settings.notify.maintenance)
        if window.every is None
    ]
    ends += [
        (f"calendar.planned.{number}", _end(event.end, calendar), event.name, calendar)
        for number, event in enumerate(settings.calendar.planned)
    ]
    for where, end, name, of in ends:
        if end <= now:
            yield remark(f"{where} ({clean(name)}) ended on {shown(end, of)} and has no effect; remove it")


def _end(text: str, zone: ZoneInfo) -> int:
    return moment(text, zone) + _DAY * is_date(text)  # a date includes the whole day
