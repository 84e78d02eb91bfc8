"""The check of prices: one that is far from the list price is of a million units, or of another currency."""

from collections.abc import Iterator
from typing import Final

from config.price_list import PriceList
from config.settings import MoneySettings, Settings
from streams.cli.check.result import CheckResult

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
