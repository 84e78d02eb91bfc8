"""A price that is far from the list price is noted, not refused: a contract may be unusual."""

import pytest

from config.settings import MoneySettings, PriceSettings, Settings
from streams.cli.check.settings_checks import check_prices

NOW = 1_795_780_800


def notes(price: float) -> list[str]:
    money = MoneySettings(prices=[PriceSettings(item="lambda_request", price=price)])
    found = list(check_prices(Settings(money=money), NOW))
    assert all(result.ok is None for result in found), "notes, not problems"
    return [result.text for result in found]


def test_a_price_of_a_million_requests_is_noted() -> None:
    [said] = notes(0.2)
    assert said.startswith(
        "money: prices.0 is 0.2 USD for one unit of lambda_request, the list price is 0.0000002; "
    )


@pytest.mark.parametrize("price", [0.0, 1e-7, 2e-7, 3e-6])
def test_prices_of_regions_contracts_and_free_tiers_are_not(price: float) -> None:
    assert notes(price) == []
