"""Memos are in the message, in Details, and in the data for programs, in both languages."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.commands.command import CommandKind
from alerting.commands.dispatch import Form, Line
from alerting.commands.memo import LONGEST, Memo
from alerting.messages.modals import details
from alerting.messages.render import Renderer
from alerting.messages.request_lines import memo_mrkdwn
from alerting.words.locales import ENGLISH, LANGUAGES
from alerting.words.mrkdwn import restored
from alerting.words.phrases import Phrases
from tests.alerting.given import T0, incident
from tests.alerting.message_makers import LINKS, ZONE, alerted, dispatch, notice, posted, said
from tests.alerting.slack_standin import content_error, texts, view_error

OPEN = incident()


def memo(number: int, of: str, text: str = "", by: str = "alice") -> Memo:
    at = T0 - 86400 * (100 - number)
    return Memo(
        id=f"m{number}", number=number, at=at, written=at, by=by, text=text or f"memo {number}", incident=of
    )


MEMOS = [
    memo(1, "first", "the nightly import"),
    memo(2, "second", "ios 3.2.1 retried without backoff", by="U012AB3CD"),
    memo(3, OPEN.id, "the same build again"),
]


def lines(words: Phrases, memos: list[Memo]) -> list[str]:
    message = Renderer(LINKS, ZONE, words)(dispatch(notice(OPEN), memos=memos))
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    begin = tuple(
        f"*{text}*" for text in (words.labels.noted, words.labels.last_time, words.labels.earlier_time)
    )
    return [line for line in said(message).splitlines() if line.startswith(begin) or "memo" in line]


def test_a_message_says_what_was_learnt_the_last_time_then_earlier_then_what_is_noted_now() -> None:
    last, earlier, own = lines(ENGLISH, MEMOS)
    assert last.startswith("*Last time* (<!date^")
    assert last.endswith(", <@U012AB3CD>): ios 3.2.1 retried without backoff")
    assert earlier.startswith("*Earlier* (")
    assert earlier.endswith("|2025-07-02 18:00 JST>, alice): the nightly import")
    assert own.startswith("*Noted* (")
    assert own.endswith(", alice): the same build again")


def test_it_says_the_same_in_japanese() -> None:
    last, earlier, own = lines(LANGUAGES[1], MEMOS)
    assert last.startswith("*前回* （<!date^")
    assert last.endswith("、<@U012AB3CD>）: ios 3.2.1 retried without backoff")
    assert earlier.startswith("*以前* （")
    assert own.startswith("*メモ* （")


def test_of_many_the_newest_are_shown_and_the_others_counted() -> None:
    many = [*(memo(n, "first") for n in range(8)), *(memo(n, OPEN.id) for n in range(8, 14))]
    shown = said(Renderer(LINKS, ZONE)(dispatch(notice(OPEN), memos=many)))
    assert [n for n in range(14) if f": memo {n}\n" in f"{shown}\n"] == [5, 6, 7, 11, 12, 13]
    assert "and 8 more" in shown


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
def test_details_show_all_of_them_in_full_the_newest_first(words: Phrases) -> None:
    long = [memo(n, "first", f"{n} {'x' * (LONGEST - 4)}") for n in range(10, 20)]
    view = details(OPEN, words, ZONE, at=T0, memos=[*MEMOS, *long])
    assert view_error(view) is None
    shown = "\n".join(text["text"] for text in texts(view["blocks"]))
    assert f"*{words.labels.memos}*" in shown
    assert shown.index("x" * (LONGEST - 4)) > shown.index("19 x")
    few = "\n".join(text["text"] for text in texts(details(OPEN, words, ZONE, at=T0, memos=MEMOS)["blocks"]))
    assert few.index("the same build") < few.index("ios 3.2.1 retried") < few.index("the nightly import")


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
@pytest.mark.parametrize("text", ["<!here> *bold* " + "&" * LONGEST, "long " * 200])
def test_the_line_of_a_thread_has_a_memo_whole_or_cut_where_it_would_not_fit(
    text: str, words: Phrases
) -> None:
    line = Line(what=CommandKind.NOTE, at=T0, by="U012AB3CD", detail=text[:LONGEST])
    message = Renderer(LINKS, ZONE, words)(dispatch(notice(OPEN), Form.LINE, line=line))
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    assert "<@U012AB3CD>" in said(message)
    assert "<!here>" not in said(message)
    assert ("long " * 199 in said(message)) == text.startswith("long")


def test_webhooks_and_alertmanager_get_them_too() -> None:
    sent = dispatch(notice(OPEN), memos=MEMOS)
    got = json.loads(posted(sent))["data"]["incident"]["memos"]
    assert [(memo["incident"], memo["by"], memo["text"]) for memo in got] == [
        (memo.incident, memo.by, memo.text) for memo in MEMOS
    ]
    assert got[0]["at"] == got[0]["written"] == MEMOS[0].at
    assert json.loads(alerted(sent))[0]["annotations"]["memos"] == (
        "2025-07-04, alice: the same build again; 2025-07-03, U012AB3CD: ios 3.2.1 retried without backoff; "
        "2025-07-02, alice: the nightly import"
    )
    assert "memos" not in json.loads(alerted(replace(sent, memos=[])))[0]["annotations"]


@given(
    st.lists(
        st.text(max_size=12)
        | st.sampled_from(
            [
                "https://wiki.example.com/a?b=1&c=2",
                "https://wiki.example.com@evil.example/",
                "https://xn--evil.example|shown",
                "<https://evil.example|bank>",
                "<!here>",
                "@here",
                "*b*",
                "`c`",
                "… ",
                " ",
                "&",
            ]
        ),
        max_size=20,
    ),
    st.integers(5, LONGEST),
)
def test_an_address_in_a_memo_is_a_link_that_shows_where_it_leads_and_nothing_else_is_markup(
    parts: list[str], limit: int
) -> None:
    shown = memo_mrkdwn("".join(parts), limit)
    for inner in re.findall(r"<([^<>]*)>", shown):
        url, _, label = inner.partition("|")
        assert url.startswith(f"https://{restored(label.removesuffix('…'))}")
        assert "@" not in url.split("/")[2]
        assert label.split("/")[0] == url.split("/")[2]
    text = re.sub(r"<[^<>]*>", "", shown)
    assert not set("<>*`~") & set(text)
    assert not re.search(r"://|(?<![\w])[@#](?=\w)", text)
    assert len(shown) < 2500
