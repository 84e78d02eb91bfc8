"""Prices by item and day: those shipped, and those of the configuration."""

import functools
import json
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from config import settings
from config.yaml_tree import read_tree

_DEFAULT: Final = settings.FunctionCost(match="*")


class PriceList:
    """The prices, and what is known of functions, routes and tables that are billed.

    Examples
    --------
    >>> prices = PriceList(settings.MoneySettings())
    >>> [1e6 * prices.price("dynamodb_write_unit", at=_midnight(day)) for day in ("2024-10-31", "2024-11-01")]
    [1.25, 0.625]
    """

    def __init__(self, money: settings.MoneySettings) -> None:
        self._money = money
        # the last that fits counts: those for all first, yours behind the shipped, in the order of days
        self._prices: dict[str, list[settings.PriceSettings]] = {}
        ranked = [(False, shipped_price) for shipped_price in shipped_prices()] + [
            (True, one) for one in money.prices
        ]
        for _, one in sorted(ranked, key=lambda each: (*_precedence(*each), _begin(each[1]))):
            self._prices.setdefault(one.item, []).append(one)
        self._changes = sorted({_begin(one) for ones in self._prices.values() for one in ones} - {0})

    def era(self, at: int) -> int:
        """Return a number that differs between two moments (epoch seconds) if a price changed in between."""
        return bisect_right(self._changes, at)

    def changed(self, at: int) -> int:
        """Return when a price last changed, up to a time (epoch seconds); 0 without a change."""
        era = self.era(at)
        return self._changes[era - 1] if era else 0

    @property
    def pricing(self) -> str:
        """What costs are made of, as a text that differs if any of it does, but for the sources of prices."""
        told = self._money.model_dump(exclude={"prices"})
        prices = [one.model_dump(exclude={"source"}) for ones in self._prices.values() for one in ones]
        return sha256(json.dumps([told, prices]).encode()).hexdigest()

    def price(self, item: str, account: str = "", region: str = "", *, at: int) -> float:
        """Return what one unit costs at a time (epoch seconds); 0 without a price."""
        fitting = [
            one.price
            for one in self._prices.get(item, ())
            if one.account in (None, account) and one.region in (None, region) and _begin(one) <= at
        ]
        return fitting[-1] if fitting else 0.0

    def function(self, account: str, name: str) -> settings.FunctionCost:
        """Return what is known of a function."""
        return next((one for one in self._money.functions if _fits(one.match, account, name)), _DEFAULT)

    def gateway(self, account: str, service: str) -> str:
        """Return what stands in front of the routes of a service on AWS: ``http``, ``rest`` or ``none``."""
        found = (one.kind for one in self._money.gateways if _fits(one.match, account, service))
        return next(found, "http")

    def provisioned(self, account: str, region: str, table: str) -> settings.ProvisionedTable | None:
        """Return the capacity that a table is billed for; None on demand. No region may be any."""
        found = self._money.tables.get(f"{account}/{table}")
        return found if found is not None and (not region or found.region in (None, region)) else None


@functools.cache
def shipped_prices() -> Sequence[settings.PriceSettings]:
    """Return the prices of ``config/prices.yaml``."""
    text = resources.files("config").joinpath("prices.yaml").read_text(encoding="utf-8")
    written: Any = read_tree(text).data
    return settings.MoneySettings(prices=written).prices


def _precedence(own: bool, one: settings.PriceSettings) -> tuple[bool, int]:
    return own, 2 * (one.account is not None) + (one.region is not None)


def _begin(one: settings.PriceSettings) -> int:
    return _midnight(one.since) if one.since is not None else 0


def _midnight(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def _fits(pattern: str, account: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(f"{account}/{name}", pattern)
