"""Limits are found by account and name first, then by name; the file of limits that were read is checked."""

import json
from pathlib import Path

import pytest

from config.capacity import Capacity, KnownLimit, ReadLimits, load_read_limits, read_limits_of
from config.load import ConfigError, load_settings
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
    assert CAPACITY.limit_of(kind, account, name, measure) == limit


def table(account: str = "1", region: str = "eu-west-1", value: float = 10.0) -> KnownLimit:
    return KnownLimit(
        account=account, region=region, kind="table", name="items", measure="wcu", values=((0, value),)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "1:1: is not a file of limits (Input data was truncated); move it away, then write it with:"),
        ("[]", "1:1: is not a file of limits (Expected `object`, got `array`)"),
        (
            '{"format": 9}',
            "1:1: is a file of limits of format 9; this version reads format 1; use the version",
        ),
        (json.dumps({"limits": [{"account": "1"}]}), "1:1: is not a file of limits (Object missing required"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "limits.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_read_limits(path)
    assert str(refused.value).startswith(f"{path}:{expected}")
    assert "\n" not in str(refused.value)


def test_values_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    limit = {"account": "1", "region": "r", "kind": "table", "name": "items", "measure": "wcu"}
    for values in ([], [[0, -1.0]]):
        path.write_text(json.dumps({"limits": [limit | {"values": values}]}))
        with pytest.raises(ConfigError, match="has no usable value of 1/r/table/items/wcu"):
            load_read_limits(path)


def test_a_missing_file_is_refused_unless_the_daemon_will_write_it(tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    text = f"limits:\n  file: {path}\n"
    with pytest.raises(ConfigError, match="does not exist; write it with: uneri limits --aws --write"):
        read_limits_of(load_settings("uneri.yaml", text))
    daily = load_settings("uneri.yaml", text + "  aws: {daily: true}\n")
    assert read_limits_of(daily) == ReadLimits()


@pytest.mark.parametrize(
    ("account", "region", "limit"),
    [("1", "eu-west-1", 10), ("1", "", 10), ("", "us-east-1", 30), ("", "", None), ("3", "", None)],
)
def test_an_unknown_account_or_region_stands_for_any_if_one_table_fits(
    account: str, region: str, limit: float | None
) -> None:
    read = ReadLimits(limits=(table(), table("2"), table("2", "us-east-1", 30.0)))
    assert Capacity(LimitsSettings(), read).limit_of("table", account, "items", "wcu", region=region) == limit
