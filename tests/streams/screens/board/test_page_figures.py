"""What the page says of the figures it is given: of what, over which time, and of nothing else."""

from typing import Any

from msgspec.structs import replace

from detectors.model.measures import Measure
from detectors.model.scope import Scope
from streams.screens.board.scope_pages.scope_page import ScopeCurve, ScopeIncident, ScopeMeasure
from streams.screens.board.wall.wall import WallLearning, WallNumber, WallQuota, WallValue
from tests.streams.screens.board.page_scripts import PageScripts
from tests.streams.screens.board.wall_given import incidents, wall_given

CALM = wall_given("calm")


def number(name: str, **changes: Any) -> WallNumber:
    [found] = [found for found in CALM.numbers if found.id == name]
    return replace(found, **changes)


def test_a_tile_of_limits_shows_what_colours_it(scripts: PageScripts) -> None:
    full = WallQuota(
        label="lambda.executions", account="shop", used=98.0, limit=100.0, share=0.98, threshold="critical"
    )
    quiet = number("throttles")
    assert scripts.text("tiles.js", "LimitsTile", throttles=quiet, quotas=[full]) == (
        "quotas shop 98 % too high lambda.executions"
    )
    throttled = replace(quiet, value=4.0, verdict="spike")
    assert scripts.text("tiles.js", "LimitsTile", throttles=throttled, quotas=[full]).startswith(
        "throttles 4 /min"
    )
    assert scripts.text(
        "tiles.js", "LimitsTile", throttles=quiet, quotas=[replace(full, share=0.42, threshold=None)]
    ) == ("throttles 0 /min quotas all below 50 %")


def badge(scripts: PageScripts, *incidents: ScopeIncident, learning: WallLearning | None = None) -> str:
    measured = ScopeMeasure(measure="requests", value=1.0, curve=ScopeCurve(observed=[1.0], expected=[1.0]))
    page = {"verdict": None, "limits": [], "measures": [measured], "incidents": incidents}
    return scripts.text("scope.js", "State", of=page, wall=replace(CALM, learning=learning))


def test_what_causes_or_holds_an_open_incident_is_not_well(scripts: PageScripts) -> None:
    items = Scope("table", "aws", "1", "eu-west-1", "items").as_answer()
    caused = ScopeIncident(
        id="1",
        verdict="spike",
        state="open",
        sent="page",
        start=0,
        end=None,
        sentence="",
        of=items,
        share=0.99,
    )
    assert badge(scripts, caused) == "spike · items"
    assert badge(scripts, replace(caused, verdict="growth", share=None)) == "growth · items"
    assert badge(scripts, replace(caused, end=60)) == "well"


def test_nothing_is_called_well_before_it_is_judged(scripts: PageScripts) -> None:
    assert badge(scripts, learning=WallLearning(0.4, 7)) == "no baseline yet"


def test_a_sum_of_a_part_of_its_time_says_so(scripts: PageScripts) -> None:
    sales = WallValue(key="sales", day=77_000.0, day_known=0.02, month=9e6, month_known=0.5)
    said = scripts.text("tiles.js", "ValueTile", of=sales)
    assert said == "sales 24 hours 77K only 2.0 % of it is known this month 9M only 50 % of it is known"
    whole = replace(sales, day_known=1.0, day_before=70_000.0, month_known=1.0)
    said = scripts.text("tiles.js", "ValueTile", of=whole)
    assert said == "sales 24 hours 77K +10 % on the day before this month 9M"


def test_an_incident_that_is_open_before_the_first_step_is_shown_beside_its_missing_values(
    scripts: PageScripts,
) -> None:
    empty = replace(CALM, at=None, incidents=incidents(CALM.now, "spike"), accounts=[])
    for wall in ("DeskWall", "TvWall"):
        said = scripts.text("wall.js", wall, wall=empty, page="overview")
        assert said.startswith("1 incident open spike table items")
        assert said.endswith("There are no values yet: the first ones appear a minute after the first event.")


def test_now_is_the_newest_step_and_not_what_was_last_reported(scripts: PageScripts) -> None:
    [limit] = incidents(CALM.now, "limit")
    full = replace(limit, measure=Measure.WCU, observed=3.0, limit=3.0, end=None)

    def said(**state: Any) -> str:
        return scripts.text("incident_curve.js", "IncidentCurve", of=full, state=state)

    assert "last reported 3 wcu/s" in said()
    newest = ScopeMeasure(measure="wcu", value=1.5, curve=ScopeCurve(observed=[1.5]))
    page = {
        "measures": [newest],
        "start": 0,
        "step": 60,
        "points": 1,
        "incidents": [],
        "changes": [],
        "memos": [],
    }
    assert "now 1.5 wcu/s" in said(said=page)
    assert "limit 3 wcu/s (50 % used)" in said(said=page)
