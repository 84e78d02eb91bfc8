"""The text that people read: what it says, and what it can never be made to say."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.incidents.answers import finding_entry
from alerting.incidents.incidents import Incidents
from alerting.messages.blocks import Message
from alerting.words.locales import ENGLISH
from alerting.words.mrkdwn import escape, link
from config.settings import Settings
from detectors.model.finding import Plan, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.watch.rankings import Hot
from tests.alerting.given import (
    GET,
    IOS,
    PUT,
    ROUTE,
    T0,
    TABLE,
    ended,
    finding,
    growth_finding,
    incident,
    scope,
    share,
    table_finding,
    written,
)
from tests.alerting.message_makers import ZONE, digest, page, said
from tests.alerting.slack_standin import content_error, texts


def rendered(*findings: Any) -> Message:
    return page(incident(*findings), at=T0)


def test_a_page_answers_what_how_much_since_when_where_and_who() -> None:
    shown = said(rendered(table_finding(), finding(ROUTE)))
    for expected in (
        "SPIKE · table items · wcu +400 %",
        "*Now*\n41 wcu/s",
        "*Expected*\n8.2 wcu/s (6.1 – 11)",
        "*Since*\n<!date^1760000280^{date_short_pretty} {time}|2025-10-09 17:58 JST>",
        "*Where*\naws 123456789012 · ap-northeast-1",
        "*Headroom*\n59 % left of 100 wcu/s",
        "*Data*\n100 % complete",
        "where 8.2/s were expected",
        "|inventory-put-item>   *91 %* · more calls",
        "Client *ios 3.2.1* accounts for 88 %",
        "1, 2 and 3 weeks ago",
        "Also affected: route POST /items/{id} (requests)",
    ):
        assert expected in shown


def test_the_baseline_names_the_planned_factor() -> None:
    sale = Plan(name="Sale", factor=2.0)
    missing = finding(PUT, verdict=Verdict.DROP, observed=4.0, planned=sale)
    assert "1, 2 and 3 weeks ago, ×2 as planned" in said(rendered(missing))
    line = written(finding_entry(missing, None))
    assert line["planned"] == {"name": "Sale", "factor": 2.0}


def test_the_top_level_text_is_a_sentence_that_names_the_table_and_its_caller() -> None:
    assert rendered().text == (
        "SPIKE · table items · wcu +400 %: 41 wcu/s now, 8.2 expected, aws 123456789012 · ap-northeast-1. "
        "Function inventory-put-item accounts for 91 % of the increase. "
        "Severity: LOW · no errors or throttling seen."
    )


def test_links_lead_to_table_function_and_logs_with_the_time_range() -> None:
    urls = re.findall(r"<(https://[^|>]+)\|([^>]+)>", said(rendered()))
    named = {label: url for url, label in urls}
    assert {"items", "metrics", "inventory-put-item", "logs"} <= set(named)
    assert "2025-10-09T08*3a43" in named["logs"]
    assert "inventory-put-item" in named["logs"]


@pytest.mark.parametrize(
    ("more_calls", "why"),
    [(0.89, "more calls"), (0.05, "more capacity per call"), (0.5, "more calls and more capacity per call")],
)
def test_a_caller_calls_more_or_uses_more_per_call(more_calls: float, why: str) -> None:
    shown = said(rendered(table_finding(callers=[share(PUT, 0.91, more_calls)])))
    assert f"*91 %* · {why}\n" in f"{shown}\n"


def test_three_callers_are_shown_the_largest_first_and_routes_only_without_functions() -> None:
    functions = [share(scope("function", f"f{n}"), 0.1 * n) for n in range(1, 5)]
    shown = said(rendered(table_finding(callers=[*functions, share(ROUTE, 0.95)])))
    assert re.findall(r"\|(f\d)>   \*", shown) == ["f4", "f3", "f2"]
    only_routes = said(rendered(finding(GET, callers=[share(ROUTE, 0.95)])))
    assert "POST /items/{id}>   *95 %*" in only_routes


def test_a_client_is_named_only_when_it_stands_out() -> None:
    assert "ios" not in said(rendered(table_finding(suspects=[share(IOS, 0.3)])))


def test_a_resolved_incident_says_how_long_and_how_bad_it_was() -> None:
    incidents, first = Incidents(Settings()), table_finding()
    incidents.feed([first, ended(first, T0 + 1260)], T0 + 7200)
    message = page(incidents.all()[0], at=T0 + 7200)
    assert said(message).startswith("RESOLVED after 22 min · table items · wcu +400 %\n*Severity*\nLOW · ")
    assert "\n*Peak*\n41 wcu/s" in said(message)
    assert "Back to normal after peaking at 41 wcu/s (expected 8.2)." in message.text


def test_a_resolved_page_shows_the_span_of_its_primary_series_and_the_longer_whole() -> None:
    incidents, first = Incidents(Settings()), table_finding()
    tail = finding(GET, identity="tail", measure=Measure.LATENCY, touches=[TABLE])
    findings = [first, tail, ended(first, T0 + 1260), ended(tail, T0 + 3600)]
    incidents.feed(findings, T0 + 7200)
    over = incidents.all()[0]
    message = page(over, at=T0 + 7200)
    assert message.text.startswith("RESOLVED after 22 min · table items")
    assert f"|{ENGLISH.figures.clock(T0 + 1200, ZONE)}>\nincluding knock-on effects " in said(message)
    assert f"|{ENGLISH.figures.clock(T0 + 3540, ZONE)}>" in said(message)
    assert "Resolved after 22 min" in ENGLISH.incident.milestone("resolved", over, "")
    soon = ended(tail, T0 + 1260 + 60)
    incidents = Incidents(Settings())
    incidents.feed([first, tail, ended(first, T0 + 1260), soon], T0 + 7200)
    assert "including" not in said(page(incidents.all()[0], at=T0 + 7200))


def test_a_reopened_series_lasts_from_its_first_start_to_its_last_end() -> None:
    incidents, first = Incidents(Settings()), table_finding()
    again = table_finding(id="again", start=T0 + 600, seen=T0 + 660)
    incidents.feed([first, ended(first, T0 + 300), again, ended(again, T0 + 1260)], T0 + 7200)
    assert page(incidents.all()[0], at=T0 + 7200).text.startswith("RESOLVED after 22 min")


def test_a_resolved_spike_shows_headroom_at_the_peak_and_a_drop_none() -> None:
    for first, shows in (
        (table_finding(limit=60.0), True),
        (table_finding(limit=60.0, verdict=Verdict.DROP, observed=1.0), False),
    ):
        incidents = Incidents(Settings())
        incidents.feed([first, ended(first, T0 + 1260)], T0 + 7200)
        shown = said(page(incidents.all()[0], at=T0 + 7200))
        assert ("*Headroom at the peak*\n32 % left of 60 wcu/s" in shown) is shows
        assert "*Headroom*" not in shown


def test_a_page_without_links_limit_and_callers_is_complete() -> None:
    nowhere = finding(Scope("service", "", "", "", "web"), measure=Measure.LATENCY, weeks_used=[])
    message = rendered(nowhere)
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    assert "Headroom" not in said(message)
    assert "41 ms" in said(message)


def test_the_digest_has_the_fewest_days_first_with_interval_and_headroom() -> None:
    incidents = Incidents(Settings())
    users, logs, web = scope("table", "users"), scope("table", "logs"), scope("function", "web")
    grows = [
        growth_finding(users, 0.02, 40.0),
        growth_finding(logs, 0.05, 3.0),
        growth_finding(web, 0.01, None),
    ]
    [notice] = incidents.feed(grows, T0 + 86400)
    message = digest(notice.incidents, at=notice.at)
    shown = said(message)
    assert shown.startswith("DIGEST · 3 series growing\nTable *<https://")
    assert shown.index("|logs>") < shown.index("|users>") < shown.index("|web>")
    assert "*limit in 2 to 4 days* (80 %) · based on 21 days, 4.0 to 6.0 % a day" in shown
    assert message.text.startswith("DIGEST · 3 series growing (2025-10-1")
    assert "First: table logs, wcu +5.0 % a day." in message.text


def test_a_long_digest_says_how_many_are_not_shown() -> None:
    grows = [growth_finding(scope("table", f"{'t' * 200}{n}")) for n in range(60)]
    [notice] = Incidents(Settings()).feed(grows, T0 + 86400)
    message = digest(notice.incidents, at=notice.at)
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    rows = sum(block["type"] == "section" for block in message.blocks)
    assert f"and {60 - rows} more" in said(message)


OUR_HOSTS = ("https://console.cloud.google.com/",)
HOSTILE = (
    "<!channel>", "<!here>", "<@U123456>", "<#C1|x>", "<https://evil.example|items>", "https://evil.example",
    "*bold*", "_italic_", "~gone~", "`code`", "```", "&lt;!channel&gt;", ":fire:", "@here", "#general", ">q",
    "\u202etxt.exe", "a\u200bb", "a\nb\r\n\tc", "x|y", "<!date^1^{date}|x>", "\ud800", "&" * 500, "<" * 500,
    "aws", "gcp", "eu-west-1",
)  # fmt: skip
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=300),
    st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=40).map("".join),
)


@given(names, names, names, st.sampled_from(list(Verdict)))
def test_no_string_of_an_event_survives_as_markup_mention_or_link_and_the_limits_hold(
    name: str, other: str, sentence: str, verdict: Verdict
) -> None:
    table = Scope("table", name, other, name, other)
    functions = [Scope("function", name, other, other, f"{name}{n}") for n in range(3)]
    hostile = finding(
        table,
        verdict=verdict,
        sentence=sentence * 20,
        limit=1e9,
        callers=[share(function, 0.3) for function in functions],
        suspects=[share(Scope("client", name, other, name, other, name), 0.9)],
        throttle_reasons={name: 3.0, other: 1.0, sentence: 2.0},
        growth=growth_finding(table).growth,
    )
    members = [
        replace(finding(function), scope=Scope("route", name, other, name, function.name))
        for function in functions
    ]
    shown = replace(incident(), primary=hostile, members=members)
    for message in (
        page(shown, at=T0),
        page(replace(shown, state="resolved", end=T0 + 600), at=T0),
        digest([shown] * 30, at=T0),
    ):
        assert content_error({"text": message.text, "blocks": message.blocks}) is None
        assert sum(len(text["text"]) for text in texts(message.blocks)) <= 12_000
        json.dumps(message.blocks).encode("utf-8")
        for text in texts(message.blocks):
            hidden = re.search(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069\r\t]", text["text"])
            assert not hidden
            if text["type"] == "plain_text":
                assert not set("<>") & set(text["text"])
        for marked in [
            message.text,
            *(text["text"] for text in texts(message.blocks) if text["type"] == "mrkdwn"),
        ]:
            ours = re.findall(r"<([^>]*)>", marked)
            assert all(
                worker.startswith(("!date^1", *OUR_HOSTS)) or ".console.aws." in worker for worker in ours
            )
            theirs = re.sub(r"<[^>]*>", "", marked)
            assert not re.search(r"[`~]|://|(?<!\w)[@#]\w|:[a-z]+:", theirs)


@given(names, st.integers(1, 80))
def test_an_escaped_string_is_cut_by_visible_length_and_holds_no_bare_bracket(text: str, limit: int) -> None:
    escaped = escape(text, limit)
    read = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert len(read) <= limit
    assert not set("<>*~`\n") & set(escaped)
    assert "://" not in escaped


def test_ordinary_names_are_unchanged() -> None:
    for name in (
        "user_items_v2",
        "inventory-put-item",
        "POST /items/{id}",
        "ios 3.2.1",
        "注文テーブル",
        "a:b:c",
    ):
        assert escape(name, 60) in (name, "a∶b∶c")


def test_a_link_that_is_not_https_is_only_its_label() -> None:
    for url in (
        None,
        "http://x",
        "javascript:alert(1)",
        "https://x/ y",
        "https://x|y",
        "https://x/" + "a" * 2000,
    ):
        assert link(url, "items", 20) == "items"


def test_a_digest_of_only_a_new_hottest_table_names_it_and_the_previous_one() -> None:
    hottest = [
        Hot(PUT, 0.62, Measure.BUSY),
        Hot(scope("table", "items"), 0.874, Measure.WCU, former=scope("table", "a<b")),
    ]
    message = digest([], at=T0, hottest=hottest)
    lines = message.blocks[1]["text"]["text"].splitlines()[1:]
    assert lines[0].startswith("aws 123456789012: hottest table is now *items*, 87 % of its wcu limit")
    assert lines[0].endswith("previously *a&lt;b*")
    assert lines[1] == "Function *inventory-put-item*: 62 % of its concurrency limit in its busiest hour"
    assert "items" in message.text
    assert "capacity planning" not in str(message.blocks[-1]), "nothing is growing"


@pytest.mark.parametrize("length", [20, 64, 255])
def test_a_name_as_long_as_a_cloud_allows_loses_no_link(length: int) -> None:
    names = [scope(kind, ("a-b_c." * 50)[:length]) for kind in ("table", "function")]
    message = rendered(table_finding(scope=names[0], callers=[share(names[1], 0.9)]))
    urls = re.findall(r"<(https://[^|>]+)\|[^>]+>", said(message))
    assert len(urls) == 1 + 2 + 4  # the caller; table and metrics; function, errors, logs and metrics
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
