"""A deploy shortly before stands first in a message: an order in time, never a cause."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from alerting.commands.command import Matcher
from alerting.commands.dispatch import Form, Line
from alerting.commands.slash import Fault, Help, WhatChanged, parse
from alerting.incidents.notice import Milestone
from alerting.messages.answers import Answers, Changes
from alerting.messages.blocks import NAME, TOTAL, Message, length
from alerting.messages.render import Renderer
from alerting.preview.preview import fragment
from alerting.sinks.terminal import Terminal
from alerting.words.locales import ENGLISH, LANGUAGES
from alerting.words.phrases import Phrases
from tests.alerting.given import PUT, T0
from tests.alerting.message_makers import LINKS, ZONE, dispatch, notice, page, said
from tests.alerting.messages.made_incidents import change, with_changes
from tests.alerting.slack_standin import content_error


def first_line(message: Message) -> str:
    title, below, *_ = message.blocks
    assert title["type"] == "header"
    text: str = below["text"]["text"]
    return text


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
def test_no_word_of_it_names_a_cause(words: Phrases) -> None:
    line = Line(what=Milestone.PRECEDED.value, at=T0)
    render = Renderer(LINKS, ZONE, words)
    texts = [first_line(page(with_changes(), words=words))]
    texts.append(said(render(dispatch(notice(with_changes()), Form.LINE, line=line))))
    for text in texts:
        assert "42" in text
        assert not [word for word in ("cause", "because", "due", "原因", "による", "ため") if word in text]


def test_a_terminal_and_a_preview_show_it_between_title_and_figures() -> None:
    message = page(with_changes())
    written = io.StringIO()
    Terminal(Console(file=written, width=100), ZONE, ENGLISH).show(message, at=T0)
    for shown in (written.getvalue(), fragment(message, ZONE, at=T0)):
        places = [shown.index(text) for text in ("SPIKE", "2 min after", "Severity")]
        assert places == sorted(places)


# -- what a source wrote is never trusted --------------------------------------------------------------

HOSTILE = "<!channel> *b* <https://evil.example|x> @here :fire: \u202e`"
URLS = [
    "javascript:alert(1)",
    "http://ci.example.com/",
    "https://ci.example.com/|<!here>",
    'https://ci.example.com/"onmouseover="alert(1)',
    "https://ci.example.com/ x",
    "https://ci.example.com@evil.example/",
    "https://ci.example.com\\@evil.example/",
    "https://",
    "https://localhost/",
    "https://ci.example.com/\u202eevil",
    "https://ci.example.com/" + "x" * 2000,
    "",
]


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
@pytest.mark.parametrize("url", URLS)
def test_what_a_source_wrote_becomes_no_markup(words: Phrases, url: str) -> None:
    written: dict[str, Any] = {"what": HOSTILE, "version": HOSTILE, "by": HOSTILE, "url": url}
    one = with_changes(change(about=PUT._replace(name=HOSTILE), **written))
    line = Line(what=Milestone.PRECEDED.value, at=T0, detail=HOSTILE)
    render = Renderer(LINKS, ZONE, words)
    changed = Changes(T0, stated=[one.changes[0].change] * 50)
    for message in (
        page(one, words=words),
        render(dispatch(notice(one), Form.LINE, line=line)),
        Answers(LINKS, ZONE, words).what_changed(changed, at=T0),
    ):
        shown = json.dumps(message.blocks, ensure_ascii=False) + message.text
        assert content_error({"text": message.text, "blocks": message.blocks}) is None
        assert length(message.blocks) <= TOTAL
        for bad in (
            "<!channel",
            "<!here",
            "|x>",
            "@here",
            ":fire:",
            "\u202e",
            "*b*",
            "evil.example>",
            "javascript",
            "<http://",
        ):
            assert bad not in shown
        assert "<https://ci.example.com" not in shown
        html = fragment(message, ZONE, at=T0, words=words)
        assert 'href="javascript' not in html
        assert "https://ci.example.com" not in html


def test_who_deployed_is_no_person_to_be_called() -> None:
    assert "<@" not in first_line(page(with_changes(change(by="U012AB3CD"))))


def test_a_very_long_version_is_cut() -> None:
    assert "f" * (NAME + 1) not in first_line(page(with_changes(change(version="f" * 200, url=""))))


# -- /uneri what-changed -------------------------------------------------------------------------------


def test_what_changed_takes_a_scope_or_a_service_and_then_a_time() -> None:
    assert parse("what-changed service:shop 1d") == WhatChanged(86400, Matcher(services=["shop"]))
    assert parse("what-changed function:put-*") == WhatChanged(7200, Matcher(scopes=["function:put-*"]))
    assert parse("変化 関数:put-item 30分") == WhatChanged(1800, Matcher(scopes=["function:put-item"]))
    assert parse("what-changed 2h service:shop") == Help(Fault.SINCE, "service:shop")
    assert parse("what-changed shop") == Help(Fault.SINCE, "shop")
