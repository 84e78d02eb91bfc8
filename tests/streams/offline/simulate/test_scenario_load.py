from pathlib import Path

import pytest

from config.load import ConfigError
from streams.offline.simulate.scenario_load import load_scenario, shipped

GOOD = """\
start: 2025-09-01T00:00:00+09:00
length: 2h
accounts: {main: {account: "1"}}
clients: {ios: {versions: {3.2.1: 1}}}
functions: {put: {calls: [{table: items, wcu: 1}]}}
services:
  shop:
    account: main
    routes: {"PUT /": {function: put, rate: 1}}
incidents:
  - {at: 1h, for: 10m, kind: spike, times: 3, function: put}
"""


def test_every_shipped_scenario_loads() -> None:
    assert shipped() == ["demo", "quiet", "week-of-incidents"]
    for name in shipped():
        assert load_scenario(name).length > 15 * 86400, "weeks"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("length: 2h", "lenght: 2h", "2:1: unknown key 'lenght'"),
        ("length: 2h", "length: 2", "2:9: length: must be a multiple of 10 seconds"),
        ("kind: spike", "kind: spyke", "11:5: incidents.0: "),
        ("function: put}\n", "function: pat}\n", "11:57: incidents.0.function: unknown function 'pat'"),
        ("account: main", "account: mine", "8:14: services.shop.account: unknown account 'mine'"),
        ("times: 3", "times: 0.5", "11:44: incidents.0.times: "),
        ("times: 3, ", "", "11:5: 'times' is missing"),
        ("+09:00", "", "1:8: start"),
        ("clients:", "accounts:", "4:1: "),
    ],
)
def test_a_mistake_is_reported_with_line_and_column(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as raised:
        load_scenario(path)
    assert any(line.startswith(f"{path}:{said}") for line in str(raised.value).splitlines()), str(
        raised.value
    )


def test_the_scenario_that_the_mistakes_are_made_in_is_good(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(GOOD)
    assert load_scenario(path).length == 7200


def test_an_unknown_name_is_answered_with_those_that_are_shipped() -> None:
    with pytest.raises(ConfigError, match="demo, quiet, week-of-incidents"):
        load_scenario("nope")
