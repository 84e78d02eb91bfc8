"""What the page says of the figures it is given: of what, over which time, and of nothing else."""

from typing import Any

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from alerting.incidents.answers import CauseAnswer
from detectors.model.finding import Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from streams.screens.board.scope_pages.scope_page import (
    ScopeAmount,
    ScopeCurve,
    ScopeIncident,
    ScopeLimit,
    ScopeMeasure,
    ScopeNeighbour,
    ScopeNeighbours,
)
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
    wall = replace(CALM, learning=learning)
    imports = 'import { State } from "./scope.js";'
    drawn = scripts.value("State({ ...common, ...given }).props", imports, of=page, wall=wall)
    return f"{scripts.text('scope.js', 'State', of=page, wall=wall)} {drawn['data-state']}"


def test_what_causes_or_holds_an_open_incident_is_not_well(scripts: PageScripts) -> None:
    items = Scope("table", "aws", "1", "eu-west-1", "items").as_answer()
    caused = ScopeIncident(
        id="1",
        verdict=Verdict.SPIKE,
        state="open",
        sent="page",
        start=0,
        end=None,
        sentence="",
        of=items,
        share=0.99,
    )
    assert badge(scripts, caused) == "spike · items critical"
    assert badge(scripts, replace(caused, verdict="growth", share=None)) == "growth · items warning"
    assert badge(scripts, replace(caused, sent="digest")) == "spike · items warning", "too small to page"
    assert badge(scripts, replace(caused, end=60)) == "well well"


def test_nothing_is_called_well_before_it_is_judged(scripts: PageScripts) -> None:
    assert badge(scripts, learning=WallLearning(0.4, 7)) == "no baseline yet well"


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
        assert said.startswith("1 incident open spike severe table items")
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


def test_a_limit_that_would_flatten_its_chart_is_named_beside_it(scripts: PageScripts) -> None:
    def said(limit: float, language: str = "en", **days: Any) -> str:
        of = ScopeLimit(measure="wcu", used=700.0, limit=limit, share=700 / limit, **days)
        curve = ScopeCurve(observed=[650.0, 700.0])
        given = {"measure": "wcu", "start": 0, "step": 60, "points": 2}
        return scripts.text("scope_chart.js", "ScopeChart", language, curve=curve, limit=of, **given)

    assert said(1400.0) == "", "it is a line of the chart"
    assert said(5000.0) == "limit 5,000 wcu/s, above the chart"
    assert said(5000.0, "ja") == "上限 5,000 WCU/秒（グラフの範囲外）"
    forecast: Any = {"days_left": 11.0, "days_left_early": 9.0, "days_left_late": 14.0}
    assert said(1000.0, **forecast) == "reaches its limit in 9 to 14 days"
    assert (
        said(5000.0, **forecast) == "limit 5,000 wcu/s, above the chart · reaches its limit in 9 to 14 days"
    )


def test_the_small_line_of_a_tile_has_its_limit_where_there_is_room(scripts: PageScripts) -> None:
    limits = scripts.value(
        "[300, 500, null].map((limit) => limitOver([90, 240, null, 200], limit))",
        'import { limitOver } from "./spark.js";',
    )
    assert limits == [300, None, None]
    [concurrency, _] = CALM.concurrency
    growing = replace(concurrency, days_left=11.0, days_left_early=9.0, days_left_late=14.0)
    said = scripts.text("tiles.js", "ConcurrencyTile", of=growing)
    assert said.endswith("412 of 1,000 limit in 9 to 14 days")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_sentence_of_an_incident_is_in_the_language_of_the_page_and_is_found_by_it(
    scripts: PageScripts, language: str
) -> None:
    [spike] = incidents(CALM.now, "spike")
    said = spike.sentence if language == "en" else (spike.sentences or {})["ja"]
    assert said in scripts.text("incidents.js", "Card", language, of=spike, accounts=[])
    fits = 'import { fits } from "./incidents.js";'
    given = {"of": spike, "wanted": ["容量"]}
    assert scripts.value("fits(given.of, given.wanted, words)", fits, language, **given) == (language == "ja")
    old = replace(spike, sentences=UNSET)
    assert spike.sentence in scripts.text("incidents.js", "Card", language, of=old, accounts=[])


def test_the_daemon_s_errors_are_in_the_language_of_the_page(scripts: PageScripts) -> None:
    def said(language: str, code: str) -> str:
        error = {"error": "no table orders is known here", "code": code}
        imports = 'import { errorIn } from "./words.js";'
        found: str = scripts.value("errorIn(words, given.of)", imports, language, of=error)
        return found

    assert said("en", "unknown-scope") == said("ja", "another") == "no table orders is known here"
    assert said("ja", "unknown-scope").startswith("この名前のものは見つかりません")


def test_growth_has_its_trend_beside_the_figures(scripts: PageScripts) -> None:
    [limit] = incidents(CALM.now, "limit")
    level = {
        "days": 21,
        "per_day": 0.03,
        "per_day_lower": 0.024,
        "per_day_upper": 0.036,
        "days_to_limit": 14.0,
    }
    growth = {
        **msgspec.to_builtins(limit),
        "verdict": "growth",
        "growth": level,
        "observed": 41.0,
        "limit": 90.0,
    }
    shown = scripts.text("incident_curve.js", "IncidentCurve", of=growth, at=CALM.now, look="light")
    assert "fitted trend forecast likely range" in shown


def test_an_incident_names_the_findings_that_explain_it(scripts: PageScripts) -> None:
    [spike] = incidents(CALM.now, "spike")
    cause = CauseAnswer(
        kind="table", cloud="aws", account="1", region="", name="ledger", measure=Measure.LATENCY, score=0.93
    )
    shown = scripts.text("incidents.js", "Explained", of=replace(spike, causes=[cause]))
    assert shown == "because of table ledger latency p95 93 %"


def neighbours(kind: str, **amount: Any) -> ScopeNeighbours:
    scope = Scope(kind, "aws", "1", "", f"a {kind}")
    of = ScopeAmount(
        **({"value": 2.0, "before": 1.0, "share": 1.0, "calls": 2.0, "calls_before": 1.0} | amount)
    )
    neighbour = ScopeNeighbour(scope.as_answer(), scope.label, {"requests": of})
    return ScopeNeighbours(kind=kind, measures=["requests"], neighbours=[neighbour])


def around(scripts: PageScripts, kind: str, *, days: int = 1, **more: Any) -> str:
    page = {"scope": {"kind": kind}, "first": 0, "end": days * 86_400, "callers": [], "callees": []}
    return scripts.text("scope_neighbours.js", "Neighbours", of=page | more, range="")


def test_parts_are_no_callers_and_a_whole_is_not_called(scripts: PageScripts) -> None:
    service = around(
        scripts,
        "service",
        callers=[neighbours("function"), neighbours("client")],
        callees=[neighbours("account")],
    )
    titles = ("What it consists of functions", "Who calls it clients", "What it is a part of account")
    assert [service.index(title) for title in titles] == sorted(service.index(title) for title in titles)
    assert "Whom it calls" not in service
    function = around(scripts, "function", callees=[neighbours("table"), neighbours("service")])
    assert function.startswith("Whom it calls tables")
    assert "What it is a part of services" in function


def test_none_is_known_and_a_long_range_is_not_compared_with_a_part_of_itself(scripts: PageScripts) -> None:
    def said(days: int = 1, **amount: Any) -> str:
        text = around(scripts, "table", days=days, callers=[neighbours("function", **amount)])
        return text.removeprefix("Who calls it functions a function ")

    assert said() == "2/s 100 % +100 % on the week before"
    assert said(value=0.0, before=0.0, share=0.0).endswith("0 % none, nor the week before")
    assert said(before=0.0).endswith("none the week before")
    assert said(before=None).endswith("the week before is not known")
    assert said(days=400, before=None) == "2/s 100 %"


def test_an_hour_is_compared_with_last_week_and_not_one_minute(scripts: PageScripts) -> None:
    noisy = number("requests", value=5.0, week_before=4.0, hour=4.4, hour_week_before=4.4)
    assert scripts.text("tiles.js", "NumberTile", of=noisy) == "requests 5 /s ±0 % on last week, in 1 h"


def test_before_anything_is_known_there_is_no_time_line(scripts: PageScripts) -> None:
    def said(at: int) -> str:
        nothing = {"incidents": [], "memos": [], "changes": [], "left_out": 0}
        state = {"said": {"at": at, "since": at - 7 * 86_400} | nothing}
        return scripts.text("incident_list.js", "IncidentsPage", wall=CALM, state=state, now=CALM.now)

    assert "timeline" in said(CALM.now).replace("on the timeline", "")
    assert "timeline" not in said(0).replace("on the timeline", "")
    assert "Dec" not in said(0)


def test_what_happens_once_a_minute_is_counted_by_the_minute(scripts: PageScripts) -> None:
    said = scripts.value(
        """[
          figures.value(1 / 60, "1/s"), figures.value(0.5, "1/s"), figures.value(0, "1/s"),
          figures.quantity(1 / 60, "errors_fatal"), figures.quantity(0.05, "wcu"),
          figures.quantity(0.02, "requests", 12), figures.amount(2, "requests", 0.05),
        ]"""
    )
    assert said == ["1/min", "0.5/s", "0/s", "1/min", "0.05 wcu/s", "0.02/s", "120"]
    assert scripts.value('figures.quantity(1 / 60, "reads")', language="ja") == "1回/分"


def test_a_page_counts_the_values_of_a_measure_in_one_unit(scripts: PageScripts) -> None:
    curve = ScopeCurve(observed=[0.0, 1 / 60])
    rare = ScopeMeasure(
        measure="errors_fatal",
        value=0.0,
        expected=0.01,
        upper=0.02,
        mean=1 / 120,
        most=1 / 60,
        most_at=0,
        curve=curve,
    )
    page = {
        "start": 0,
        "step": 60,
        "points": 2,
        "incidents": [],
        "changes": [],
        "memos": [],
        "end": 120,
        "at": 120,
    }
    said = scripts.text("scope.js", "Measure", of=rare, page=page)
    assert said.startswith("fatal errors 0 /min usually 0.6 mean 0.5 highest 1, ")


def test_a_time_says_of_how_many_calls_it_is(scripts: PageScripts) -> None:
    curve = ScopeCurve(observed=[40.0, 60.0])
    times = ScopeMeasure(
        measure="latency", value=60.0, p50=30.0, p99=90.0, mean=50.0, most=60.0, most_at=60, curve=curve
    )
    page = {"start": 0, "step": 60, "points": 2, "incidents": [], "changes": [], "memos": [], "end": 120}
    said = scripts.text("scope.js", "Measure", of=times, page=page | {"at": 120})
    assert "p50 30 · p99 90 of the newest 200 calls or more" in said


_AXIS = """(() => {
  globalThis.getComputedStyle = () => ({ fontSize: "10px", getPropertyValue: () => "" });
  const chart = new ScopeChart({ ...common, ...given });
  chart.props = { ...common, ...given };
  chart.place = { current: {} };
  return chart.options().axes[1].values(null, given.marks);
})()"""


def test_the_highest_mark_of_an_axis_has_the_unit(scripts: PageScripts) -> None:
    def axis(measure: str, *marks: float | None) -> list[str | None]:
        given: dict[str, Any] = {"measure": measure, "curve": ScopeCurve(observed=[40.0]), "marks": marks}
        imports = 'import { ScopeChart } from "./scope_chart.js";'
        found: list[str | None] = scripts.value(_AXIS, imports, step=60, points=1, **given)
        return found

    assert axis("wcu", 0, 20, 40, None) == ["0", "20", "40 wcu/s", None]
    assert axis("latency", 0, 40)[-1] == "40 ms"


def test_costs_at_the_prices_of_one_region_are_about(scripts: PageScripts) -> None:
    assert scripts.value('[figures.measure("cost")[0], words.cost, words.incident.costs]') == [
        "cost, about",
        "cost, about (USD)",
        "costs, about",
    ]


def test_measures_that_were_zero_all_the_time_are_behind_one_line_that_names_them(
    scripts: PageScripts,
) -> None:
    def drawn(measure: str, most: float, **more: Any) -> ScopeMeasure:
        curve = ScopeCurve(observed=[most, most])
        return ScopeMeasure(measure=measure, value=most, most=most, most_at=0, curve=curve, **more)

    measures = [drawn("requests", 4.0), drawn("errors_user", 0.0), drawn("throttles", 0.0)]
    page = {"measures": measures, "start": 0, "step": 60, "points": 2, "at": 120}
    page |= {"incidents": [], "changes": [], "memos": [], "end": 120}
    said = scripts.text("scope.js", "Measures", of=page)
    assert said.startswith("requests 4 /s")
    assert "Zero over this range: user errors, throttles user errors 0" in said
    page["measures"] = [drawn("requests", 0.0, verdict=Verdict.ABSENCE)]
    assert "Zero over" not in scripts.text("scope.js", "Measures", of=page), "that it is zero is wrong"


def test_open_incidents_are_sorted_by_severity_and_what_somebody_works_on_steps_back(
    scripts: PageScripts,
) -> None:
    [spike] = incidents(CALM.now, "spike")

    def graded(identity: str, level: str, start: int, **more: Any) -> dict[str, Any]:
        severity = {"level": level, "harm": "slow", "share": 1.0}
        given: dict[str, Any] = msgspec.to_builtins(spike)
        return given | {"id": identity, "severity": severity, "start": start} | more

    given = [
        graded("taken", "critical", 9, acknowledged={"by": "mika", "at": 1}),
        graded("old", "high", 1),
        graded("minor", "low", 8),
        graded("new", "high", 2),
        graded("worst", "critical", 0),
    ]
    order = scripts.value(
        "byWeight(given.of).map((one) => one.id)", 'import { byWeight } from "./incidents.js";', of=given
    )
    assert order == ["worst", "new", "old", "minor", "taken"]
    said = scripts.text("incidents.js", "OpenRows", incidents=given[1:2], accounts=CALM.accounts, most=5)
    assert said.startswith("1 incident open spike severe table items game-prod 37 wcu/s")
    said = scripts.text("incidents.js", "OpenRows", incidents=given[1:2], accounts=CALM.accounts[:1], most=5)
    assert "game-prod" not in said, "there is only one"


def test_a_limit_for_which_people_are_called_has_the_colour_of_a_page_everywhere(
    scripts: PageScripts,
) -> None:
    [limit] = incidents(CALM.now, "limit")
    colours = scripts.value(
        "[weight(given.of), weighs(given.of), level({ verdict: given.of.verdict })]",
        """import { weight } from "./incidents.js";
        import { level } from "./level.js"; import { weighs } from "./scope_events.js";""",
        of=limit,
    )
    assert colours == ["critical"] * 3
