"""Limits are found by account and name first, then by name."""

import pytest

from config.capacity import Capacity
from config.settings import LimitsSettings, TableLimit

CAPACITY = Capacity(
    LimitsSettings(
        tables={
            "items": TableLimit(rcu=40, wcu=10),
            "1/items": TableLimit(wcu=20),
            "other": TableLimit(rcu=1),
        },
        functions={"put": 100, "1/put": 200},
        accounts={"1": 1000},
    )
)


@pytest.mark.parametrize(
    ("kind", "account", "name", "measure", "limit"),
    [
        ("table", "1", "items", "wcu", 20),
        ("table", "2", "items", "wcu", 10),
        ("table", "1", "items", "rcu", 40),  # the account says nothing about rcu: the name does
        ("table", "1", "other", "wcu", None),
        ("table", "1", "unknown", "wcu", None),
        ("table", "1", "items", "requests", None),
        ("function", "1", "put", "busy", 200),
        ("function", "2", "put", "busy", 100),
        ("function", "2", "put", "requests", None),
        ("function", "2", "unknown", "busy", None),
        ("account", "1", "1", "busy", 1000),
        ("account", "2", "2", "busy", None),
        ("route", "1", "put", "busy", None),
    ],
)
def test_the_nearest_limit_counts(
    kind: str, account: str, name: str, measure: str, limit: float | None
) -> None:
    assert CAPACITY.of(kind, account, name, measure) == limit
