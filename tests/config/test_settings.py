"""Settings name what there is."""

from config.load import load_settings
from config.sections.money import PriceList
from config.settings import MEASURES
from detectors.model.measures import Measure


def test_the_measures_that_can_be_named_are_those_that_are_judged() -> None:
    assert set(MEASURES) == {measure.value for measure in Measure if not measure.key}


def test_prices_may_differ_by_account_region_and_day() -> None:
    others = ("account: '1'", "region: eu-west-1", "since: 2026-01-01", "since: 2026-02-01")
    prices = [f"{{item: lambda_request, price: {at}, {other}}}" for at, other in enumerate(others, 2)]
    text = f"money: {{prices: [{{item: lambda_request, price: 1}}, {', '.join(prices)}]}}"
    found = PriceList(load_settings(None, text).money)
    assert found.price("lambda_request", at=1_780_000_000) == 5
    assert found.price("lambda_request", "1", at=1_780_000_000) == 2
