"""Settings of money that contradict each other, or that nobody can mean, are refused with the remedy."""

from pathlib import Path

import pytest

from config.load import ConfigError, load_settings
from config.sections.money import PriceList


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "prices: [{item: lambda_request, price: 1}, {item: lambda_request, price: 2}]",
            "is also what prices.0 is of, for the same account, region and day; keep one",
        ),
        ('prices: [{item: lambda_request, price: 1, account: ""}]', "money.prices.0.account is ''"),
        ("tables: {items: {wcu: 5}}", "money.tables.items"),
        ("tables: {items: {wcu: 5}}", "names no account, which pays for it; write account/name"),
        ('tables: {"/items": {wcu: 5}}', "names no account, which pays for it; write account/name"),
        ('tables: {"1/": {wcu: 5}}', "names no account, which pays for it; write account/name"),
        ('tables: {"1/items": {}}', "has no capacity; write its rcu and wcu, or leave it out"),
        (
            'tables: {"1/items": {wcu: 5}}\n  prices: [{item: dynamodb_wcu_hour, price: 1, region: a}]',
            "has no region, but prices of capacity differ by it; write its region",
        ),
    ],
)
def test_what_nobody_can_mean_is_refused_with_the_remedy(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("uneri.yaml"), f"money:\n  {text}\n")
    assert expected in str(caught.value)


def test_prices_may_differ_by_account_region_and_day() -> None:
    others = ("account: '1'", "region: eu-west-1", "since: 2026-01-01", "since: 2026-02-01")
    prices = [f"{{item: lambda_request, price: {at}, {other}}}" for at, other in enumerate(others, 2)]
    text = f"money: {{prices: [{{item: lambda_request, price: 1}}, {', '.join(prices)}]}}"
    found = PriceList(load_settings(None, text).money)
    assert found.price("lambda_request", at=1_780_000_000) == 5
    assert found.price("lambda_request", "1", at=1_780_000_000) == 2
