"""What requests cost: prices of your own, and what a record does not say of its function, route or table."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from config.sections.section import Mistake, Section, refuse
from config.sections.value_types import Amount, AmountOrZero, Day

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
"""What a cloud bills by; ``config/prices.yaml`` has the price of each."""

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

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> Self:
        refuse(self, [*self._twice(), *self._not_provisioned()])
        return self

    def _twice(self) -> Iterator[Mistake]:
        seen: dict[object, int] = {}
        for number, one in enumerate(self.prices):
            before = seen.setdefault((one.item, one.account, one.region, one.since), number)
            if before != number:
                wrong = f"is also what prices.{before} is of, for the same account, region and day; keep one"
                yield ("prices", number, "item"), one.item, wrong

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
