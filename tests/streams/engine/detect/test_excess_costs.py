"""Costs are not judged for a day after prices changed: in the settings, by their date, or with an upgrade."""

from datetime import UTC, datetime

import pytest

from config.settings import FunctionCost, MoneySettings, PriceSettings, ProvisionedTable
from streams.engine.detect.excess_costs import PriceHold

DAY = 86400
T0 = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp())
MONEY = MoneySettings(prices=[PriceSettings(item="lambda_request", price=3e-7, source="our contract")])


def test_costs_are_held_on_the_first_day_of_a_price() -> None:
    more = PriceSettings(item="lambda_request", price=4e-7, since="2026-11-03")
    hold = PriceHold(MONEY.model_copy(update={"prices": [*MONEY.prices, more]}))
    days = [hold.at(T0 + at) for at in (0, DAY - 60, DAY, 2 * DAY - 60, 2 * DAY)]
    assert days == [False, False, True, True, False]


@pytest.mark.parametrize(
    "then",
    [
        MoneySettings(),
        MONEY.model_copy(update={"count": False}),
        MONEY.model_copy(update={"functions": [FunctionCost(match="*", memory_mb=512)]}),
        MONEY.model_copy(update={"tables": {"1/items": ProvisionedTable(wcu=5)}}),
    ],
)
def test_costs_are_held_for_a_day_after_what_they_are_made_of_was_changed(then: MoneySettings) -> None:
    hold = PriceHold(MONEY)
    assert not hold.at(T0)
    changed = PriceHold(then)
    changed.restore(hold.snapshot())
    assert changed.at(T0 + 60)
    again = PriceHold(then)
    again.restore(changed.snapshot())
    assert [again.at(T0 + 60 + at) for at in (60, DAY - 60, DAY)] == [True, True, False]


def test_costs_are_judged_after_a_restart_and_a_new_note_on_where_a_price_is_from() -> None:
    noted = MONEY.model_copy(
        update={"prices": [MONEY.prices[0].model_copy(update={"source": "the contract of May"})]}
    )
    hold = PriceHold(noted)
    hold.restore(PriceHold(MONEY).snapshot())
    assert not hold.at(T0)
    hold.restore({})
    assert not hold.at(T0 + 60)
