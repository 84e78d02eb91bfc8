"""Whichever way requests arrive, they add up to the totals of the native events of the same traffic."""

from collections.abc import Iterable

import pytest

from detectors.model.measures import Measure
from detectors.model.scope import Edge, ScopeOrEdge
from streams.ingest.formats.format import to_json_line
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.scenario_load import load_scenario
from tests.laws.partition import Partition, fed
from tests.main_job.four_ways.way import carries, events_of, received
from tests.main_job.four_ways.ways import NAMES, opened
from tests.main_job.job import SCENARIO
from tests.streams.engine.rollup.rollup_oracle import totals_of
from tests.streams.engine.stages.engine_run import HOUR, records

pytestmark = pytest.mark.release

HAMMER = {"at": HOUR, "for": "10m", "kind": "hammer", "function": "inventory-put-item", "client": "ios",
          "version": "3.2.1", "table": "items", "times": 15}  # fmt: skip
HOT_KEY = {"at": HOUR, "for": "10m", "kind": "hot_key", "table": "items", "share": 0.4}
FATAL = {"at": HOUR, "for": "10m", "kind": "fatal", "function": "shop-buy", "share": 0.5}

Totals = dict[tuple[int, ScopeOrEdge, Measure], float]


def two_hours() -> Scenario:
    """Return two hours of the backend, with all that can happen to a request."""
    given = load_scenario(SCENARIO).model_dump(by_alias=True) | {
        "length": 2 * HOUR, "incidents": [HAMMER, HOT_KEY, FATAL], "growth": [],
        "tenants": {"game-1": 3, "game-2": 1},
    }  # fmt: skip
    given["functions"]["inventory-get-items"]["cold"] = 0.1
    return Scenario.model_validate(given)


LINES = records(two_hours())


def totals(partition: Partition) -> Totals:
    return {key: value for key, value in totals_of(partition.blocks).items() if value}


def kinds(found: Iterable[tuple[int, ScopeOrEdge, Measure]]) -> set[str]:
    return {
        f"{about.source.kind} -> {about.target.kind}" if isinstance(about, Edge) else about.kind
        for _, about, _ in found
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_way_gives_the_totals_of_the_native_events(name: str) -> None:
    with opened(name) as way:
        events = [way.native(event) for event in events_of(LINES)]
        lines = received(way, events)
    known = totals(fed([to_json_line(event) for event in events]))
    summed = totals(fed(lines))
    expected = {key: value for key, value in known.items() if carries(way, key[1], key[2])}
    found = {key: value for key, value in summed.items() if carries(way, key[1], key[2])}
    assert kinds(found) == kinds(expected)
    assert set(way.carried) <= kinds(found)
    assert {key[2] for key in found} == set().union(*way.carried.values())
    assert found == pytest.approx(expected)
    invented = {key[1] for key in summed if key[2] is Measure.REQUESTS} - {key[1] for key in known}
    assert not invented
