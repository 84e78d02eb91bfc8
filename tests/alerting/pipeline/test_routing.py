"""The first route that matches decides who is notified."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from alerting.commands.command import CommandKind, Matcher
from alerting.commands.dispatch import Form
from alerting.incidents.notice import Milestone, Notice
from alerting.pipeline.pipeline import Pipeline
from detectors.model.finding import Verdict
from detectors.model.scope import Scope
from detectors.watch.maturity import Maturity
from tests.alerting.given import SERVICE, T0, TABLE, finding, growth_finding, scope
from tests.alerting.notices import digest, incident, later, opened, pipeline, press, resolved

SINKS = {
    "webhooks": [{"name": "w", "url": "http://127.0.0.1"}],
    "alertmanagers": [{"name": "p", "url": "http://127.0.0.1"}],
}
OTHER = scope("table", "others")


def _to(*routes: object, about: Scope = TABLE, **changes: Any) -> list[str]:
    one = pipeline(routes=list(routes), **SINKS)
    return [reported.destination for reported in one.feed([opened("a", about, **changes)], T0)]


def test_what_no_route_matches_goes_to_the_channel_of_pages() -> None:
    assert _to({"match": {"accounts": ["2"]}, "to": ["#two"]}) == ["slack:#uneri"]


def test_the_first_route_that_matches_decides() -> None:
    routes = [{"match": {"scopes": ["table:*"]}, "to": ["#tables"]}, {"to": ["#rest"]}]
    assert _to(*routes) == ["slack:#tables"]
    assert _to(*routes, about=scope("function", "f")) == ["slack:#rest"]


def test_a_route_may_lead_to_several_places() -> None:
    assert _to({"to": ["#a", "webhook:w", "alertmanager:p", "slack:C0123"]}) == [
        "slack:#a",
        "webhook:w",
        "alertmanager:p",
        "slack:C0123",
    ]


def test_a_service_is_matched_by_any_member() -> None:
    members = [finding(SERVICE)]
    assert _to({"match": {"services": ["inv*"]}, "to": ["#inv"]}, members=members) == ["slack:#inv"]
    assert _to({"match": {"services": ["inv*"]}, "to": ["#inv"]}) == ["slack:#uneri"]


def test_a_table_is_routed_by_the_service_whose_functions_carry_it() -> None:
    route = {"match": {"services": ["shop"]}, "to": ["#shop"]}
    carried = finding(TABLE, services=["search", "shop"])
    assert _to(route, primary=carried) == ["slack:#shop"]
    assert _to(route, primary=replace(carried, services=["search"])) == ["slack:#uneri"]


def test_a_silence_of_one_service_holds_nothing_that_it_shares_with_another() -> None:
    silence = {"match": {"services": ["shop"]}, "until": "2099-01-01", "why": "moved"}
    for services, messages in ((["shop"], 0), (["search", "shop"], 1), (["search"], 1)):
        one = pipeline(silences=[silence])
        assert len(one.feed([opened(primary=finding(TABLE, services=services))], T0)) == messages


def test_a_page_that_was_not_out_yet_still_calls_when_it_is_replaced_by_its_next_state() -> None:
    one = pipeline(routes=[{"to": ["#a"], "mention": "here"}])
    first = opened()
    one.feed([first], T0)
    assert [reported.mention for reported in one.feed([later(first, T0 + 60)], T0 + 60)] == ["here"]


def test_an_incident_keeps_its_places_when_it_becomes_about_something_else() -> None:
    one = pipeline(routes=[{"match": {"scopes": ["table:items"]}, "to": ["#items"]}])
    first = opened()
    one.feed([first], T0)
    deeper = later(first, T0 + 60, primary=finding(OTHER))
    assert [reported.destination for reported in one.feed([deeper], T0 + 60)] == ["slack:#items"]


def test_each_channel_gets_the_part_of_the_digest_that_its_route_leads_there() -> None:
    one = pipeline(
        routes=[
            {"match": {"scopes": ["table:items"]}, "to": ["#items"], "mention": "here"},
            {"match": {"scopes": ["table:paged"]}, "to": ["alertmanager:p"]},
        ],
        slack={"digest_channel": "#daily"},
        **SINKS,
    )
    growing = [
        incident(name, primary=growth_finding(about))
        for name, about in (("a", TABLE), ("b", OTHER), ("c", scope("table", "paged")))
    ]
    new = Maturity(T0, {"table": 1}, [TABLE])
    reported = one.feed([digest(T0, *growing, maturity=[new])], T0)
    assert {dispatch.destination: [of.id for of in dispatch.notice.incidents] for dispatch in reported} == {
        "slack:#items": ["a"],
        "slack:#daily": ["b", "c"],
    }
    assert {dispatch.destination: dispatch.notice.maturity for dispatch in reported} == {
        "slack:#items": [],
        "slack:#daily": [new],
    }
    assert {dispatch.mention for dispatch in reported} == {""}
    assert len({dispatch.id for dispatch in reported}) == 2


def test_a_digest_with_nothing_in_it_is_not_sent() -> None:
    assert pipeline().feed([digest(T0)], T0) == []
    assert pipeline().feed([digest(T0, maturity=[Maturity(T0, learning=[3])])], T0) == []
    assert pipeline().feed([digest(T0, maturity=[Maturity(T0, {"table": 1}, [TABLE])])], T0)


GONE = finding(SERVICE, "f-gone", verdict=Verdict.ABSENCE)
TEAMS = (
    {"match": {"scopes": ["table:*"]}, "to": ["#data"], "mention": "U000DATA"},
    {"match": {"services": ["inventory"], "verdicts": ["absence"]}, "to": ["#stock"], "mention": "U00STOCK"},
)


def _told(one: Pipeline, notice: Notice) -> list[tuple[str, str, str]]:
    sent = one.feed([notice], notice.at)
    return [(reported.form.value, reported.destination, reported.mention) for reported in sent]


def test_who_is_hurt_severely_by_an_incident_of_others_is_told_once_it_took_them_in() -> None:
    one, first = pipeline(routes=list(TEAMS)), opened()
    assert _told(one, first) == [("parent", "slack:#data", "U000DATA")]
    hurt = later(first, T0 + 60, Milestone.JOINED, members=[GONE])
    ours, theirs = ("parent", "slack:#data", "U000DATA"), ("parent", "slack:#stock", "U00STOCK")
    lines = [("line", "slack:#data", "U000DATA"), ("line", "slack:#data", "")]  # now critical; also affected
    assert _told(one, hurt) == [ours, *lines, theirs]
    again = pipeline(routes=list(TEAMS))
    again.restore(one.snapshot())
    assert _told(again, later(hurt, T0 + 120)) == [ours, theirs]
    over = resolved(later(hurt, T0 + 120), T0 + 600)
    assert [to for form, to, _ in _told(again, over) if form == "parent"] == ["slack:#data", "slack:#stock"]


def test_a_first_page_goes_to_all_who_are_hurt_severely() -> None:
    one = pipeline(routes=list(TEAMS))
    assert [to for _, to, _ in _told(one, opened(members=[GONE]))] == ["slack:#data", "slack:#stock"]


def test_who_is_hurt_a_little_or_silenced_is_not_told_of_what_others_have() -> None:
    slow = finding(SERVICE, "f-slow", verdict=Verdict.SHIFT)
    silences = [{"match": {"services": ["inventory"]}, "until": "2099-01-01", "why": "moved"}]
    for settings, member in (
        ({"routes": list(TEAMS)}, slow),
        ({"routes": list(TEAMS), "silences": silences}, replace(GONE, touches=[])),
    ):
        told = _told(pipeline(**settings), opened(members=[member]))
        assert {to for _, to, _ in told} <= {"slack:#data"}


def test_an_outage_that_no_route_names_is_told_where_it_would_be_alone() -> None:
    one = pipeline(routes=list(TEAMS[:1]))
    assert [to for _, to, _ in _told(one, opened(members=[GONE]))] == ["slack:#data", "slack:#uneri"]


def test_without_routes_a_silence_of_the_subject_does_not_hold_the_outage_that_it_took_in() -> None:
    one, first = pipeline(silences=[SILENCE]), opened()
    assert _told(one, first) == []
    hurt = later(first, T0 + 60, members=[GONE])
    assert _told(one, hurt) == [("parent", "slack:#uneri", "")]
    assert len(_told(one, later(hurt, T0 + 120))) == 1  # an edit of it


def test_a_team_that_shares_a_channel_is_called_once_in_the_thread_of_what_took_it_in() -> None:
    shared = [team | {"to": ["#all"]} for team in TEAMS]
    one, first = pipeline(routes=shared), opened()
    _told(one, first)
    hurt = later(first, T0 + 60, members=[GONE])
    [*_, called] = one.feed([hurt], T0 + 60)
    assert called.line is not None
    assert (called.line.what, called.mention) == ("opened", "U00STOCK")
    assert called.notice.incident.primary is GONE
    assert "U00STOCK" in _told(one, later(hurt, T0 + 120))[0][2]
    assert len(_told(one, later(later(hurt, T0 + 120), T0 + 180))) == 1


def test_a_team_whose_channel_is_flooded_is_called_there() -> None:
    theirs = [scope("function", f"f{number}") for number in range(3)]
    routes = [*TEAMS, {"match": {"scopes": ["function:*"]}, "to": ["#stock"], "mention": "U000000F"}]
    one, data = pipeline(routes=routes, flood=2), [opened(f"t{n}", scope("table", f"t{n}")) for n in range(2)]
    one.feed([*data, *(opened(about.name, about) for about in theirs)], T0)
    several = [replace(GONE, id=f"gone-{number}") for number in range(3)]
    told = [
        told for told in _told(one, later(data[0], T0 + 60, members=several)) if told[1] == "slack:#stock"
    ]
    assert told == [("parent", "slack:#stock", "U00STOCK")], "unlike the flood, it has a message of its own"
    more = [
        opened(f"m{number}", scope("table", f"m{number}"), T0 + 70, members=[GONE]) for number in range(3)
    ]
    sent = one.feed(more, T0 + 70)
    assert [said.mention for said in sent if said.form is Form.LINE] == ["U00STOCK"]


SILENCE = {"match": {"scopes": ["table:items"]}, "until": "2025-10-09T12:00:00+00:00", "why": "import"}


def test_what_holds_an_incident_does_not_hold_the_outage_of_others_that_it_took_in() -> None:
    one, first = pipeline(routes=list(TEAMS), silences=[SILENCE]), opened()
    assert _told(one, first) == []
    hurt = later(first, T0 + 60, members=[GONE])
    theirs = ("parent", "slack:#stock", "U00STOCK")
    assert _told(one, hurt) == [theirs]
    again = pipeline(routes=list(TEAMS), silences=[SILENCE])
    again.restore(one.snapshot())
    worse = later(hurt, T0 + 120)
    assert _told(again, worse) == [theirs]
    assert len(again.held()) == 1
    over = resolved(worse, T0 + 600)
    assert _told(again, over) == [("parent", "slack:#stock", "")]


def test_an_outage_calls_people_in_the_thread_of_what_was_silenced_after_its_page() -> None:
    """Also where all is in one channel: an edit of the silenced message notifies nobody."""
    one, first = pipeline(), opened()
    assert _told(one, first) == [("parent", "slack:#uneri", "")]
    tables = Matcher(scopes=["table:items"])
    one.command(press(CommandKind.SILENCE, None, T0 + 30, until=T0 + 7200, matcher=tables))
    hurt = later(first, T0 + 60, Milestone.JOINED, members=[GONE])
    assert _told(one, hurt) == [("parent", "slack:#uneri", ""), ("line", "slack:#uneri", "")]
    assert _told(one, later(hurt, T0 + 120)) == [("parent", "slack:#uneri", "")]


def test_whose_silence_ends_is_told_beside_those_who_were_told_before() -> None:
    shared = [TEAMS[0], TEAMS[1] | {"to": ["#stock", "#data"]}]
    one, first = pipeline(routes=shared, silences=[SILENCE]), opened(members=[GONE])
    assert [to for _, to, _ in _told(one, first)] == ["slack:#stock", "slack:#data"]
    end = int(datetime.fromisoformat(str(SILENCE["until"])).timestamp())
    sent = one.feed([], end)
    assert [(said.form.value, said.destination) for said in sent] == [
        ("parent", "slack:#data"),
        ("line", "slack:#data"),
    ]
    assert sent[1].mention == "U000DATA"
    changed = one.feed([later(first, end + 60)], end + 60)
    assert {said.destination for said in changed} == {"slack:#data", "slack:#stock"}


def test_a_part_that_becomes_critical_calls_the_people_of_its_own_route() -> None:
    routes = [TEAMS[0] | {"mention": None}, TEAMS[1] | {"match": {"services": ["inventory"]}}]
    first = opened(
        members=[finding(scope("route", "GET /stock"), verdict=Verdict.ABSENCE, touches=[SERVICE])]
    )
    one = pipeline(routes=routes)
    one.feed([first], T0)
    called = one.feed([later(first, T0 + 660, members=[replace(GONE, seen=T0 + 660)])], T0 + 660)
    lines = {said.destination: said.mention for said in called if said.form is Form.LINE}
    assert lines["slack:#stock"] == "U00STOCK"
