"""Costs of requests: worked bills, to the cent, and every scope and edge that has a part in them."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from config.sections.money import PriceList, shipped_prices
from config.settings import FunctionCost, GatewayCost, MoneySettings, PriceSettings, ProvisionedTable
from detectors.model.scope import Edge, Scope, ScopeOrEdge
from streams.engine.measure.steps import Steps
from tests.laws.partition import fed

T0 = int(datetime(2026, 11, 2, 12, tzinfo=UTC).timestamp())
AWS = {"cloud": "aws", "account": "1", "region": "us-east-1"}
GOOGLE = {"cloud": "gcp", "account": "p", "region": "us-central1"}
ACCOUNT = Scope("account", "aws", "1", "", "1")


def scope(kind: str, name: str) -> Scope:
    return Scope(kind, "aws", "1", "" if kind == "client" else "us-east-1", name)


def costs_of(
    requests: Sequence[Mapping[str, Any]], money: MoneySettings | None = None, *, shards: int = 1
) -> dict[ScopeOrEdge, float]:
    """Return the costs of requests in all, by scope and edge."""
    money = money or MoneySettings()
    end = {"ts": max(request["ts"] for request in requests) + 600, "service": "clock"}
    bodies = [json.dumps(request).encode() for request in (*requests, end)]
    blocks = fed(bodies, shards=shards, money=money).blocks
    found = defaultdict[ScopeOrEdge, float](float)
    for shard in range(shards):
        steps = Steps(["requests/0"], 60, money=money)
        for step in steps.feed(block for block in blocks if block.shard == shard):
            for about, cost in zip(steps.scopes, step.costs.tolist(), strict=True):
                found[about] += cost
    return {about: cost for about, cost in found.items() if cost}


def many(million: float, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return so many million requests, as sampled ones."""
    return [{**request, "weight": 1_000_000}] * int(million)


def test_the_bill_of_a_shop_on_aws_agrees_to_the_cent() -> None:
    """Work a month out by hand, from the prices shipped.

    REST API: 9 M at 3.50 = 31.50. Lambda on x86, 512 MiB: 5 M at 0.20 = 1.00; 4.9 M of 80 ms and 0.1 M cold
    starts of 80 + 320 ms of init = 4.9 M * 0.04 + 0.1 M * 0.2 = 216,000 GB-s at 0.0000166667 = 3.60. Lambda
    on Arm, 1,024 MiB, 4 M of 50 ms: 0.80 and 200,000 GB-s at 0.0000133334 = 2.67. DynamoDB on demand: 5 M
    calls of 2.5 write units at 0.625 a million = 7.8125; 4 M of 0.5 read units at 0.125 = 0.25.
    """
    money = MoneySettings(
        gateways=[GatewayCost(match="shop", kind="rest")],
        functions=[FunctionCost(match="get-*", architecture="arm64")],
    )
    put = AWS | {
        "ts": T0, "service": "shop", "route": "PUT /items", "function": "put-item", "memory_mb": 512,
        "client": {"name": "ios"}, "tables": [{"name": "items", "op": "UpdateItem", "wcu": 2.5}],
    }  # fmt: skip
    get = AWS | {
        "ts": T0 + 30, "service": "shop", "route": "GET /items", "function": "get-item", "memory_mb": 1024,
        "billed_ms": 50, "client": {"name": "web"}, "tables": [{"name": "items", "op": "Query", "rcu": 0.5}],
    }  # fmt: skip
    warm, cold = put | {"billed_ms": 80}, put | {"billed_ms": 400, "cold_start": True, "weight": 100_000}
    bill = costs_of([*many(4, warm), warm | {"weight": 900_000}, cold, *many(4, get)], money)
    expected: dict[ScopeOrEdge, float] = {
        scope("route", "PUT /items"): 17.50,
        scope("route", "GET /items"): 14.00,
        scope("function", "put-item"): 4.60,
        scope("function", "get-item"): 3.47,
        scope("table", "items"): 8.06,
        scope("client", "ios"): 17.50 + 4.60 + 7.8125,
        scope("client", "web"): 14.00 + 3.4667 + 0.25,
        scope("service", "shop"): 47.63,
        ACCOUNT: 47.63,
        Edge(scope("function", "put-item"), scope("table", "items")): 7.81,
        Edge(scope("client", "web"), scope("table", "items")): 0.25,
        Edge(scope("client", "ios"), scope("function", "put-item")): 4.60,
        Edge(scope("client", "ios"), scope("route", "PUT /items")): 17.50,
        Edge(scope("service", "shop"), ACCOUNT): 47.63,
    }
    assert {about: round(bill[about], 2) for about in expected} == {
        about: round(cost, 2) for about, cost in expected.items()
    }


def test_what_is_billed_does_not_depend_on_the_number_of_shards() -> None:
    requests = [
        AWS | {
            "ts": T0 + number, "service": f"s{number % 3}", "route": f"GET /{number % 4}",
            "function": f"f{number % 5}", "client": {"name": f"c{number % 2}", "tenant": f"t{number % 7}"},
            "memory_mb": 256, "billed_ms": 10 + number,
            "tables": [{"name": f"t{number % 6}", "op": "GetItem", "rcu": 1 + number}],
        }
        for number in range(60)
    ]  # fmt: skip
    money = MoneySettings(tables={"1/t1": ProvisionedTable(wcu=5), "1/unused": ProvisionedTable(rcu=5)})
    assert costs_of(requests, money, shards=4) == costs_of(requests, money)


def test_a_provisioned_table_costs_its_capacity_by_the_hour_and_its_calls_nothing() -> None:
    """100 RCU at 0.00013 and 50 WCU at 0.00065 an hour are 0.0455; 0.000758 of it in a minute."""
    money = MoneySettings(
        tables={"1/items": ProvisionedTable(rcu=100, wcu=50)}, gateways=[GatewayCost(match="*", kind="none")]
    )
    request = AWS | {"service": "shop", "tables": [{"name": "items", "op": "UpdateItem", "wcu": 2.5}]}
    requests = [request | {"ts": T0 + 20 * number} for number in range(151)]
    bill = costs_of(requests, money)
    assert bill == {
        scope("table", "items"): pytest.approx(0.0455, rel=1e-6),
        ACCOUNT: pytest.approx(0.0455, rel=1e-6),
    }


def test_a_table_of_the_same_name_in_another_region_is_billed_on_demand() -> None:
    """60 WCU at 0.00065 an hour are 0.0065 in ten minutes; 1 M write units are 0.625."""
    money = MoneySettings(
        tables={"1/items": ProvisionedTable(wcu=60, region="us-east-1")},
        gateways=[GatewayCost(match="*", kind="none")],
    )
    request = {"service": "shop", "ts": T0, "tables": [{"name": "items", "op": "UpdateItem", "wcu": 1}]}
    bill = costs_of([*many(1, AWS | request), *many(1, AWS | request | {"region": "eu-west-1"})], money)
    by_region = {
        about.region: cost
        for about, cost in bill.items()
        if isinstance(about, Scope) and about.kind == "table"
    }
    assert by_region == {"us-east-1": pytest.approx(0.0065, rel=1e-6), "eu-west-1": pytest.approx(0.625)}
    assert bill[ACCOUNT] == pytest.approx(sum(by_region.values()))


def test_the_bill_of_google_cloud_agrees_to_the_cent() -> None:
    """Cloud Run with one vCPU and 512 MiB: 2 M requests of 100 ms, which read and write a document each.

    Requests 0.80; 200,000 vCPU-seconds at 0.000024 = 4.80; 100,000 GiB-seconds at 0.0000025 = 0.25; 2 M
    reads at 0.03 a hundred thousand = 0.60; writes at 0.09 = 1.80.
    """
    money = MoneySettings(functions=[FunctionCost(match="p/api", memory_mb=512)])
    request = GOOGLE | {
        "ts": T0, "service": "shop", "function": "api", "ms": {"function": 100},
        "tables": [{"name": "items", "op": "runQuery"}, {"name": "items", "op": "Commit"}],
    }  # fmt: skip
    bill = costs_of(many(2, request), money)
    by_kind = {about.kind: round(cost, 2) for about, cost in bill.items()}
    assert by_kind["function"] == 5.85
    assert by_kind["table"] == 2.40
    assert by_kind["account"] == by_kind["service"] == 8.25
    ten_at_a_time = FunctionCost(match="api", memory_mb=512, concurrency=10)
    bill = costs_of(many(2, request), MoneySettings(functions=[ten_at_a_time]))
    assert round(bill[Scope("account", "gcp", "p", "", "p")], 2) == 3.71
    stated = request | {"memory_mb": 512, "billed_ms": 100}
    assert costs_of(many(2, stated), MoneySettings(functions=[ten_at_a_time])) == pytest.approx(
        bill, rel=1e-4
    )


def test_requests_of_cloud_run_are_billed_for_100_ms_at_least() -> None:
    """1 M requests of 20 ms: 0.40, and 100,000 vCPU-seconds at 0.000024 = 2.40, which 80 at a time share."""
    request = GOOGLE | {"ts": T0, "service": "shop", "function": "api", "ms": {"function": 20}}
    function = Scope("function", "gcp", "p", "us-central1", "api")
    assert round(costs_of(many(1, request))[function], 2) == 2.80
    shared = MoneySettings(functions=[FunctionCost(match="api", concurrency=80)])
    assert round(costs_of(many(1, request), shared)[function], 2) == 0.43


def test_a_price_that_changes_on_a_date_changes_from_that_date_on() -> None:
    """The price of on-demand writes was halved on 2024-11-01, from 1.25 to 0.625 a million."""
    midnight = int(datetime(2024, 11, 1, tzinfo=UTC).timestamp())
    request = AWS | {"service": "shop", "tables": [{"name": "items", "op": "PutItem", "wcu": 1}]}
    none = MoneySettings(gateways=[GatewayCost(match="*", kind="none")])
    for ts, price in ((midnight - 1, 1.25), (midnight, 0.625), (midnight + 86400, 0.625)):
        bill = costs_of(many(1, request | {"ts": ts}), none)
        assert bill[scope("table", "items")] == pytest.approx(price), ts


def test_prices_of_ones_own_precede_those_shipped_for_an_account_or_a_region() -> None:
    money = MoneySettings(
        prices=[
            PriceSettings(item="lambda_request", price=1e-7),
            PriceSettings(item="lambda_request", price=3e-7, region="eu-west-1"),
            PriceSettings(item="lambda_request", price=5e-7, account="2", since="2026-01-01"),
        ]
    )
    prices = PriceList(money)
    assert prices.price("lambda_request", "1", "us-east-1", at=T0) == 1e-7
    assert prices.price("lambda_request", "1", "eu-west-1", at=T0) == 3e-7
    assert prices.price("lambda_request", "2", "eu-west-1", at=T0) == 5e-7
    assert prices.price("lambda_request", "2", "eu-west-1", at=T0 - 365 * 86400) == 3e-7


def test_nothing_costs_where_costs_are_not_counted_or_the_cloud_has_no_prices() -> None:
    request = {"ts": T0, "service": "shop", "function": "put", "memory_mb": 512, "billed_ms": 80}
    assert costs_of(many(1, AWS | request), MoneySettings(count=False)) == {}
    assert costs_of(many(1, request)) == {}
    assert costs_of(many(1, request | {"cloud": "azure", "account": "1"})) == {}


def test_a_function_without_memory_in_its_records_costs_what_its_settings_say() -> None:
    request = AWS | {"ts": T0, "service": "shop", "function": "put", "ms": {"function": 80}}
    money = MoneySettings(functions=[FunctionCost(match="1/put", memory_mb=512)])
    assert round(costs_of(many(1, request))[scope("function", "put")], 2) == 0.20
    assert round(costs_of(many(1, request), money)[scope("function", "put")], 2) == 0.87


def test_a_record_without_billed_time_is_billed_for_its_time_in_the_function_rounded_up() -> None:
    """1 M requests of 79.2 ms at 512 MiB: 0.20, and 40,000 GB-s at 0.0000166667 = 0.67."""
    request = {"ts": T0, "service": "shop", "function": "put", "ms": {"function": 79.2}, "memory_mb": 512}
    assert round(costs_of(many(1, AWS | request))[scope("function", "put")], 2) == 0.87
    known = costs_of(many(1, AWS | request | {"billed_ms": 160}))
    assert round(known[scope("function", "put")], 2) == 1.53
    function = Scope("function", "gcp", "p", "us-central1", "put")
    assert round(costs_of(many(1, GOOGLE | request))[function], 2) == 2.80


def test_a_function_costs_the_same_beside_any_number_of_business_values() -> None:
    request = AWS | {"ts": T0, "service": "shop", "function": "put"}
    measured = [request | {"values": {f"key{number}": 1}} for number in range(60)]
    billed = request | {"ts": T0 + 1, "memory_mb": 1024, "billed_ms": 1000, "weight": 1_000_000}
    bill = costs_of([*measured, billed])
    assert round(bill[scope("function", "put")], 2) == 16.87


def test_every_price_shipped_names_its_source_and_its_date_and_is_plausible() -> None:
    for shipped_price in shipped_prices():
        assert re.match(r"https://\S+, as of 20\d\d(-\d\d)?: ", shipped_price.source), shipped_price.item
        assert 0 < Decimal(str(shipped_price.price)) < Decimal("0.001"), shipped_price.item
    items = {price.item for price in shipped_prices()}
    assert items == set(PriceSettings.model_fields["item"].annotation.__args__)  # type: ignore[union-attr]
