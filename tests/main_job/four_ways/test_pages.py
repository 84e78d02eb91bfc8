"""Whichever way requests arrive, a hammer gives one page: the table, who calls it, and whose build."""

import json
from collections.abc import Sequence

import pytest

from alerting.incidents.incident import Incident
from config.settings import JudgeSettings, Settings
from detectors.model.scope import TABLE
from tests.main_job.four_ways.way import events_of, received
from tests.main_job.four_ways.ways import NAMES, opened
from tests.main_job.hammer import hammer
from tests.streams.engine.stages.engine_run import DAY, HAMMER, HOUR, START, EngineRun, backend, records

pytestmark = pytest.mark.release

SETTINGS = Settings(judge=JudgeSettings(young=12 * HOUR))
HAMMERED = START + DAY + HOUR


def traffic(*, tables: bool) -> list[bytes]:
    """Return a day and two hours with a hammer: of a table, or where tables are not seen, of a function."""
    if tables:
        return records(backend(HAMMER | {"at": HAMMERED - START}, hours=2))
    calm = records(backend(hours=2))
    hammered = hammer(calm, HAMMERED, HAMMERED + 300)
    return sorted([*calm, *hammered], key=lambda line: float(json.loads(line)["ts"]))


def paged(lines: Sequence[bytes]) -> Incident:
    """Return the only incident that is paged, in its last state."""
    run = EngineRun(lines, SETTINGS)
    (page,) = run.pages
    return next(incident for incident in run.incidents if incident.id == page.incident.id)


@pytest.mark.parametrize("name", NAMES)
def test_a_hammer_gives_one_page_that_names_who_did_it(name: str) -> None:
    with opened(name) as way:
        events = events_of(traffic(tables=TABLE in way.carried))
        lines = received(way, map(way.native, events))
    incident = paged(lines)
    found = incident.primary
    assert HAMMERED - 60 <= incident.start <= HAMMERED + 120
    assert found.scope is not None
    named = (found.scope.kind, found.scope.name)
    if TABLE in way.carried:
        assert named == ("table", "items")
        first = found.callers[0]
        assert (first.scope.kind, first.scope.name) == ("function", "inventory-put-item")
        assert first.share >= 0.8
    else:
        assert named in {("function", "inventory-put-item"), ("route", "POST /items/{id}")}
    assert [(suspect.scope.name, suspect.scope.version) for suspect in found.suspects] == [("ios", "3.2.1")]
