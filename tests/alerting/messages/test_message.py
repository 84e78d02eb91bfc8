"""The text that people read: what it says, and what it can never be made to say."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.incidents.incidents import Incidents
from alerting.words.mrkdwn import escape, link
from config.settings import Settings
from tests.alerting.given import (
    T0,
    ended,
    growth_finding,
    incident,
    scope,
    share,
    table_finding,
)
from tests.alerting.message_makers import digest, page, said
from tests.alerting.slack_standin import content_error


def test_links_lead_to_table_function_and_logs_with_the_time_range() -> None:
    urls = re.findall(r"<(https://[^|>]+)\|([^>]+)>", said(page(incident())))
    named = {label: url for url, label in urls}
    assert {"items", "metrics", "inventory-put-item", "logs"} <= set(named)
    assert "2025-10-09T08*3a43" in named["logs"]
    assert "inventory-put-item" in named["logs"]


def test_a_reopened_series_lasts_from_its_first_start_to_its_last_end() -> None:
    incidents, first = Incidents(Settings()), table_finding()
    again = table_finding(id="again", start=T0 + 600, seen=T0 + 660)
    incidents.feed([first, ended(first, T0 + 300), again, ended(again, T0 + 1260)], T0 + 7200)
    assert page(incidents.all()[0], at=T0 + 7200).text.startswith("RESOLVED after 22 min")


def test_a_long_digest_says_how_many_are_not_shown() -> None:
    grows = [growth_finding(scope("table", f"{'t' * 200}{n}")) for n in range(60)]
    *_, notice = Incidents(Settings()).feed(grows, T0 + 86400)
    message = digest(notice.incidents, at=notice.at)
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    rows = sum(block["type"] == "section" for block in message.blocks)
    assert f"and {60 - rows} more" in said(message)


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


@pytest.mark.parametrize("length", [20, 64, 255])
def test_a_name_as_long_as_a_cloud_allows_loses_no_link(length: int) -> None:
    names = [scope(kind, ("a-b_c." * 50)[:length]) for kind in ("table", "function")]
    message = page(incident(table_finding(scope=names[0], callers=[share(names[1], 0.9)])))
    urls = re.findall(r"<(https://[^|>]+)\|[^>]+>", said(message))
    assert len(urls) == 1 + 2 + 4  # the caller; table and metrics; function, errors, logs and metrics
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
