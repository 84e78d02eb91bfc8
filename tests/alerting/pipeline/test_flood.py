"""More new incidents than anybody reads one by one are one message, with a file of them all."""

import time

from alerting.commands.command import CommandKind
from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.notice import Action, Milestone, Notice
from alerting.pipeline.pipeline import Pipeline
from detectors.model.finding import Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from tests.alerting.given import T0, finding, scope
from tests.alerting.notices import later, opened, pipeline, press, resolved, said


def _many(count: int, at: int = T0, stem: str = "i") -> list[Notice]:
    return [opened(f"{stem}{number}", scope("table", f"t{number}"), at) for number in range(count)]


def test_more_at_once_are_one_message_and_a_file() -> None:
    message, file = pipeline(flood=5).feed(_many(6), T0)
    assert (message.form, file.form) == (Form.FLOOD, Form.FILE)
    assert message.subject == file.subject
    assert (
        [of.id for of in message.notice.incidents]
        == [of.id for of in file.notice.incidents]
        == [f"i{n}" for n in range(6)]
    )
    assert (message.notice.action, message.notice.incident.id) == (Action.OPEN, "i0")


def test_what_comes_within_a_minute_of_those_with_their_own_joins_no_message_of_theirs() -> None:
    one = pipeline(flood=5)
    assert len(one.feed(_many(4), T0)) == 4
    reported = one.feed(_many(3, T0 + 59, "j"), T0 + 59)
    assert [dispatch.form for dispatch in reported] == [Form.FLOOD, Form.FILE]
    assert [of.id for of in reported[0].notice.incidents] == ["j0", "j1", "j2"]


def test_a_minute_later_it_is_counted_anew() -> None:
    one = pipeline(flood=5)
    one.feed(_many(4), T0)
    assert [dispatch.form for dispatch in one.feed(_many(4, T0 + 60, "j"), T0 + 60)] == [Form.PARENT] * 4


def test_a_flood_takes_what_follows_within_five_minutes_and_then_no_more() -> None:
    one = pipeline(flood=5)
    one.feed(_many(6), T0)
    message, file = one.feed([opened("late", at=T0 + 240)], T0 + 240)
    assert [of.id for of in message.notice.incidents][-1] == "late"
    assert len(file.notice.incidents) == 7
    assert message.notice.action is Action.UPDATE
    assert said(one.feed([opened("later", at=T0 + 300)], T0 + 300)) == ["parent later open"]


def test_what_is_unlike_a_flood_has_a_message_of_its_own_beside_it_and_soon_after() -> None:
    one = pipeline(flood=5)
    failing = [opened(f"i{number}", scope("function", f"f{number}")) for number in range(8)]
    reported = said(one.feed([*failing, opened("beside", scope("table", "items"))], T0))
    assert "parent beside open" in reported
    assert len(reported) == 3
    assert said(one.feed([opened("late", scope("table", "users"), T0 + 240)], T0 + 240)) == [
        "parent late open"
    ]


def test_more_than_the_limit_that_are_unlike_a_flood_join_it() -> None:
    one = pipeline(flood=2)
    one.feed(_many(3), T0)
    kinds = ("function", "route", "service")
    unlike = [opened(f"u{kind}", scope(kind, "a"), T0 + 30) for kind in kinds]
    [message] = one.feed(unlike, T0 + 30)
    assert (message.form, len(message.notice.incidents)) == (Form.FLOOD, 6)


def test_its_message_is_edited_as_its_incidents_resolve_and_ends_with_the_last() -> None:
    one = pipeline(flood=2)
    many = _many(3)
    one.feed(many, T0)
    [edit] = one.feed([resolved(many[0], T0 + 900), later(many[1], T0 + 900)], T0 + 900)
    assert [of.state for of in edit.notice.incidents] == ["resolved", "open", "open"]
    over = [resolved(later(many[1], T0 + 900), T0 + 960), resolved(many[2], T0 + 960)]
    [last] = one.feed(over, T0 + 960)
    assert last.notice.action is Action.RESOLVE


def test_its_message_is_not_rebuilt_for_a_figure_of_one_of_many() -> None:
    one = pipeline(flood=2)
    many = _many(3)
    one.feed(many, T0)
    assert one.feed([later(many[0], T0 + 120)], T0 + 120) == []
    assert len(one.feed([later(later(many[0], T0), T0 + 180, state="worsening")], T0 + 180)) == 1


def test_the_second_file_waits_a_minute_and_each_later_one_longer() -> None:
    one = pipeline(flood=2)
    files = []
    for minute in range(0, 600, 10):
        reported = one.feed(_many(3, T0 + minute, f"m{minute}-"), T0 + minute)
        files += [minute for dispatch in reported if dispatch.form is Form.FILE]
    reported = one.feed([], T0 + 3600)
    assert files == [0, 60, 180, 420]
    assert [(dispatch.form, len(dispatch.notice.incidents)) for dispatch in reported] == [(Form.FILE, 180)]


def test_whom_a_route_calls_is_called_once_for_all() -> None:
    one = pipeline(flood=2, routes=[{"to": ["#a"], "mention": "here"}])
    reported = one.feed(_many(3), T0)
    assert [dispatch.mention for dispatch in reported] == ["here", ""]


def _grown(one: Pipeline, at: int, *about: Scope) -> list[tuple[str, str]]:
    """Let so many join a flood that no message of their own is left; return what calls people, and whom."""
    notices = [_severe(f"{scope.name}-{at}", scope, at) for scope in about]
    sent = one.feed(notices, at)
    return [(_what(dispatch), dispatch.mention) for dispatch in sent if dispatch.form is Form.LINE]


def _severe(name: str, about: Scope, at: int) -> Notice:
    gone = finding(about, f"f-{name}", verdict=Verdict.ABSENCE, start=at - 120)
    return opened(name, about, at, primary=gone)


def _what(dispatch: Dispatch) -> str:
    return "" if dispatch.line is None else f"{dispatch.line.what} {dispatch.notice.incident.primary.about}"


def test_who_joins_a_flood_and_is_more_severe_than_it_was_calls_people_once_a_severity() -> None:
    one = pipeline(flood=2, routes=[{"to": ["#a"], "mention": "here"}])
    one.feed(_many(3), T0)
    functions = [scope("function", f"f{number}") for number in range(3)]
    services = [scope("service", f"s{number}") for number in range(3)]
    assert _grown(one, T0 + 30, *functions) == [(f"escalated {functions[0]}", "here")]
    assert _grown(one, T0 + 90, *functions) == []
    assert _grown(one, T0 + 150, *services) == [(f"escalated {services[0]}", "here")]
    assert _grown(one, T0 + 210, *services, *functions) == []


def test_whom_no_message_of_a_flood_called_is_called_once_when_theirs_joins() -> None:
    ours = {"match": {"scopes": ["table:u*"]}, "to": ["#a"], "mention": "S0000OURS"}
    one = pipeline(flood=2, routes=[ours, {"to": ["#a"], "mention": "here"}])
    one.feed(_many(3), T0)
    for minute, called in ((1, 1), (2, 0)):
        users = [opened(f"u{n}-{minute}", scope("table", f"u{n}"), T0 + minute * 60) for n in range(3)]
        lines = [dispatch for dispatch in one.feed(users, T0 + minute * 60) if dispatch.form is Form.LINE]
        assert [dispatch.mention for dispatch in lines] == ["S0000OURS"] * called


def test_the_first_message_of_a_flood_mentions_the_people_of_all_its_routes() -> None:
    routes = [{"match": {"scopes": [f"table:t{n}"]}, "to": ["#a"], "mention": f"U000000{n}"} for n in (0, 2)]
    message = pipeline(flood=2, routes=[*routes, {"to": ["#a"]}]).feed(_many(3), T0)[0]
    assert message.mention == "U0000000 U0000002"


def test_one_of_a_flood_that_becomes_severe_calls_people_as_it_would_alone() -> None:
    one = pipeline(flood=2, routes=[{"to": ["#a"], "mention": "here"}])
    many = _many(3)
    one.feed(many, T0)
    gone = finding(scope("service", "shop"), "f-i1", verdict=Verdict.ABSENCE, start=T0)
    worse = [later(notice, T0 + 120, Milestone.WORSENED, primary=gone) for notice in many]
    lines = [dispatch for dispatch in one.feed(worse, T0 + 120) if dispatch.form is Form.LINE]
    assert [(dispatch.notice.incident.id, dispatch.mention) for dispatch in lines] == [("i0", "here")]


def test_each_destination_has_its_own_floods_and_an_alertmanager_none() -> None:
    one = pipeline(
        flood=2,
        routes=[{"match": {"scopes": ["table:t1"]}, "to": ["#one"]}, {"to": ["#a", "alertmanager:p"]}],
        alertmanagers=[{"name": "p", "url": "http://127.0.0.1"}],
    )
    reported = one.feed(_many(4), T0)
    assert sorted((dispatch.form.value, dispatch.destination) for dispatch in reported) == [
        ("file", "slack:#a"),
        ("flood", "slack:#a"),
        *[("parent", "alertmanager:p")] * 3,
        ("parent", "slack:#one"),
    ]


def test_a_flood_is_one_page_and_the_others_say_so() -> None:
    one = pipeline(flood=2)
    one.feed(_many(3), T0)
    fates = [one.fate(f"i{number}") for number in range(3)]
    assert [fate and fate.sent for fate in fates] == ["page", "none", "none"]
    assert {fate and fate.reason for fate in fates} == {"flood: one message reports it with others"}


def test_who_deals_with_one_of_a_flood_is_shown_in_its_thread() -> None:
    one = pipeline(flood=2)
    message, _ = one.feed(_many(3), T0)
    answer = one.command(press(CommandKind.ACKNOWLEDGE, "i1"))
    assert said(answer.dispatches) == [f"line {message.subject} acknowledge"]
    one.command(press(CommandKind.SNOOZE, "i2", until=T0 + 600))
    worse = later(opened("i2"), T0 + 300, Milestone.WORSENED)
    assert one.feed([worse], T0 + 300) == []
    assert said(one.feed([], T0 + 600)) == [f"line {message.subject} unsilence"]


def test_ten_thousand_at_once_are_a_handful_of_dispatches_in_seconds() -> None:
    one = pipeline()
    began = time.perf_counter()
    reported = one.feed(_many(10_000), T0)
    one.snapshot()
    for minute in range(1, 11):
        reported += one.feed(_many(1, T0 + 60 * minute, f"m{minute}-"), T0 + 60 * minute)
        one.snapshot()
    assert len(reported) <= 20
    files = [len(dispatch.notice.incidents) for dispatch in reported if dispatch.form is Form.FILE]
    assert max(files) == 10_004
    assert time.perf_counter() - began < 20


def _limits(count: int, at: int, stem: str) -> list[Notice]:
    """Return notices of levels above their limits, each of a name and of a kind of scope of its own."""
    kinds = ("account", "service", "route", "function", "table", "client")
    found = []
    for number in range(count):
        about = scope(kinds[number % len(kinds)], f"{stem}{number}")
        exceeded = finding(
            about, f"f-{stem}{number}", verdict=Verdict.LIMIT, measure=Measure(f"level:{stem}{number}")
        )
        found.append(opened(f"{stem}{number}", at=at, primary=exceeded))
    return found


def test_limits_that_a_sender_invents_hide_no_other_page_however_many_and_unlike_they_are() -> None:
    one = pipeline()
    one.feed(_limits(10, T0, "few"), T0)
    for at in range(T0 + 20, T0 + 640, 20):
        one.feed(_limits(40, at, f"many{at}-"), at)
        page = opened(f"page{at}", scope("table", f"items{at}"), at + 10)
        [message] = [sent for sent in one.feed([page], at + 10) if sent.notice.incident.id == f"page{at}"]
        assert message.form is Form.PARENT, at - T0


def test_a_page_that_comes_with_invented_limits_at_one_time_is_a_message_of_its_own() -> None:
    one = pipeline()
    page = opened("page", scope("table", "items"))
    assert "parent page open" in said(one.feed([*_limits(40, T0, "many"), page], T0))
