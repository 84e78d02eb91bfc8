"""The costs of requests: prices, and facts about functions, routes and tables that records do not hold."""

import functools
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from importlib import resources
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from config.sections.section import Mistake, Section
from config.sections.values import Amount, AmountOrZero, Day
from config.yaml_tree import read_tree

PriceItem = Literal[
    "lambda_request",
    "lambda_gb_second_x86_64",
    "lambda_gb_second_arm64",
    "api_gateway_http_request",
    "api_gateway_rest_request",
    "dynamodb_read_unit",
    "dynamodb_write_unit",
    "dynamodb_rcu_hour",
    "dynamodb_wcu_hour",
    "cloud_run_request",
    "cloud_run_vcpu_second",
    "cloud_run_gib_second",
    "firestore_read",
    "firestore_write",
]
"""The units that a cloud bills by; ``config/prices.yaml`` has the price of each."""

_CAPACITY: Final = ("dynamodb_rcu_hour", "dynamodb_wcu_hour")

NamePattern = Annotated[str, Field(min_length=1, max_length=300)]


class PriceSettings(Section):
    """A price; one for an account or region precedes one for all, and yours precede the shipped ones."""

    item: PriceItem = Field(description="what it is the price of")
    price: AmountOrZero = Field(description="of one unit, in US dollars")
    since: Day | None = Field(None, description="first day (UTC) of the price; always when absent")
    account: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="id of the account, in quotes; every account when absent"
    )
    region: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="region; every region when absent"
    )
    source: str = Field("", max_length=500, description="where the price is from")


class FunctionCost(Section):
    """What records do not say of functions, by name."""

    match: NamePattern = Field(description="name of the function, or account/name; * stands for any text")
    architecture: Literal["x86_64", "arm64"] = Field("x86_64", description="of its processor, on AWS")
    memory_mb: Amount | None = Field(
        None, description="memory in MiB, for records without memory_mb and billed_ms"
    )
    vcpu: Amount = Field(1.0, description="vCPUs of an instance, on Google Cloud")
    concurrency: Annotated[float, Field(ge=1, le=1000)] = Field(
        1.0, description="requests that share an instance at a time, on Google Cloud"
    )


class GatewayCost(Section):
    """What stands in front of the routes of services, by name of the service."""

    match: NamePattern = Field(description="name of the service, or account/name; * stands for any text")
    kind: Literal["http", "rest", "none"] = Field(description="HTTP API, REST API, or nothing that is billed")


class ProvisionedTable(Section):
    """Capacity that a table is billed for, used or not."""

    rcu: AmountOrZero = Field(0.0, description="read capacity units per second")
    wcu: AmountOrZero = Field(0.0, description="write capacity units per second")
    region: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="its region, whose prices count; when absent, every table of this name, at the prices "
        "for all regions",
    )


class MoneySettings(Section):
    """What requests cost (docs/money.md)."""

    count: bool = Field(True, description="count what requests cost")
    prices: list[PriceSettings] = Field(
        default_factory=list, max_length=1000, description="prices of your own"
    )
    functions: list[FunctionCost] = Field(
        default_factory=list, max_length=1000, description="of functions; the first that matches counts"
    )
    gateways: list[GatewayCost] = Field(
        default_factory=list,
        max_length=1000,
        description="in front of services on AWS; the first that matches counts, HTTP API when none does",
    )
    tables: dict[str, ProvisionedTable] = Field(
        default_factory=dict,
        description="provisioned tables, by account/name; others are billed on demand",
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Yield prices that are given twice, and tables that nothing can be billed for."""
        yield from self._twice()
        yield from self._not_provisioned()

    def _twice(self) -> Iterator[Mistake]:
        seen: dict[object, int] = {}
        for number, price in enumerate(self.prices):
            before = seen.setdefault((price.item, price.account, price.region, price.since), number)
            if before != number:
                wrong = f"is also what prices.{before} is of, for the same account, region and day; keep one"
                yield ("prices", number, "item"), price.item, wrong

    def _not_provisioned(self) -> Iterator[Mistake]:
        by_region = any(price.region and price.item in _CAPACITY for price in self.prices)
        for name, table in self.tables.items():
            account, _, rest = name.partition("/")
            if not account or not rest or "/" in rest:
                yield ("tables", name), name, "names no account, which pays for it; write account/name"
            elif not table.rcu and not table.wcu:
                yield ("tables", name), name, "has no capacity; write its rcu and wcu, or leave it out"
            elif by_region and table.region is None:
                yield (
                    ("tables", name),
                    name,
                    "has no region, but prices of capacity differ by it; write its region",
                )


_DEFAULT: Final = FunctionCost(match="*")


class PriceList:
    """The prices by item and day, and what is known of functions, routes and tables that are billed.

    Examples
    --------
    >>> prices = PriceList(MoneySettings())
    >>> [1e6 * prices.price("dynamodb_write_unit", at=_midnight(day)) for day in ("2024-10-31", "2024-11-01")]
    [1.25, 0.625]
    """

    def __init__(self, money: MoneySettings) -> None:
        self._money = money
        # the last that fits counts: those for all first, yours behind the shipped, in the order of days
        self._prices: dict[str, list[PriceSettings]] = {}
        shipped, own = (
            ((False, price) for price in shipped_prices()),
            ((True, price) for price in money.prices),
        )
        ranked = sorted((*shipped, *own), key=lambda item: (*_precedence(*item), _begin(item[1])))
        for _, price in ranked:
            self._prices.setdefault(price.item, []).append(price)
        every = (price for prices in self._prices.values() for price in prices)
        self._changes = sorted({_begin(price) for price in every} - {0})

    def era(self, at: int) -> int:
        """Return a number that differs between two moments (epoch seconds) if a price changed in between."""
        return bisect_right(self._changes, at)

    def changed(self, at: int) -> int:
        """Return when a price last changed, up to a time (epoch seconds); 0 without a change."""
        era = self.era(at)
        return self._changes[era - 1] if era else 0

    @property
    def pricing(self) -> str:
        """A digest of all that costs depend on, which leaves out the sources of prices."""
        settings = self._money.model_dump(exclude={"prices"})
        every = (price for prices in self._prices.values() for price in prices)
        prices = [price.model_dump(exclude={"source"}) for price in every]
        return sha256(json.dumps([settings, prices]).encode()).hexdigest()

    def price(self, item: str, account: str = "", region: str = "", *, at: int) -> float:
        """Return the price of a unit at a time (epoch seconds); 0 without one."""
        fitting = [
            price.price
            for price in self._prices.get(item, ())
            if price.account in (None, account) and price.region in (None, region) and _begin(price) <= at
        ]
        return fitting[-1] if fitting else 0.0

    def function(self, account: str, name: str) -> FunctionCost:
        """Return the settings of the first pattern that a function fits."""
        functions = self._money.functions
        return next((cost for cost in functions if _fits(cost.match, account, name)), _DEFAULT)

    def gateway(self, account: str, service: str) -> str:
        """Return the kind of gateway of a service on AWS: ``http``, ``rest`` or ``none``."""
        found = (gateway.kind for gateway in self._money.gateways if _fits(gateway.match, account, service))
        return next(found, "http")

    def provisioned(self, account: str, region: str, table: str) -> ProvisionedTable | None:
        """Return the capacity that a table is billed for; None on demand. No region may be any."""
        found = self._money.tables.get(f"{account}/{table}")
        return found if found is not None and (not region or found.region in (None, region)) else None


@functools.cache
def shipped_prices() -> Sequence[PriceSettings]:
    """Return the prices of ``config/prices.yaml``."""
    text = resources.files("config").joinpath("prices.yaml").read_text(encoding="utf-8")
    written: Any = read_tree(text).data
    return MoneySettings(prices=written).prices


def _precedence(own: bool, price: PriceSettings) -> tuple[bool, int]:
    return own, 2 * (price.account is not None) + (price.region is not None)


def _begin(price: PriceSettings) -> int:
    return _midnight(price.since) if price.since is not None else 0


def _midnight(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def _fits(pattern: str, account: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(f"{account}/{name}", pattern)
