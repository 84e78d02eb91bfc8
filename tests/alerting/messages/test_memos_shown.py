"""Memos are in the message, in Details, and in the data for programs, in both languages."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.commands.command import CommandKind
from alerting.commands.dispatch import Form, Line
from alerting.commands.memo import LONGEST
from alerting.messages.modals import details
from alerting.messages.render import Renderer
from alerting.messages.request_lines import memo_mrkdwn
from alerting.words.locales import LANGUAGES
from alerting.words.mrkdwn import restored
from alerting.words.phrases import Phrases
from tests.alerting.given import T0
from tests.alerting.message_makers import LINKS, ZONE, dispatch, notice, said
from tests.alerting.messages.made_incidents import MEMOS, OPEN, memo
from tests.alerting.slack_standin import content_error, texts, view_error


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
