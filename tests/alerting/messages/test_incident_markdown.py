"""One incident as Markdown: whole, in both languages, and nothing in it that others wrote is markup."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from alerting.commands.command import CommandKind
from alerting.commands.memo import memo_text
from alerting.messages import examples as made
from alerting.messages.incident_answer import KnownIncident
from alerting.messages.incident_markdown import (
    IncidentMarkdown,
    markdown_line,
    markdown_link,
    markdown_text,
)
from alerting.words.locales import ENGLISH, LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import Verdict
from tests.alerting.given import T0
from tests.alerting.message_makers import LINKS, ZONE
from tests.alerting.messages.test_hostile import hostile, memos
from tests.alerting.messages.test_message import names
from tests.alerting.notices import press

SHORT = names.map(lambda name: name[:40])  # the parser of the tests takes seconds for long ones
KINDS = [
    "text",
    "text_special",
    "softbreak",
    "strong_open",
    "strong_close",
    "link_open",
    "link_close",
    "code_inline",
]
COMMONMARK: Any = MarkdownIt("gfm-like", {"linkify": False, "html": True})


def known(name: str, **changes: Any) -> KnownIncident:
    (sent,) = (example.dispatch for example in made.examples() if example.name == name)
    return KnownIncident(replace(sent.notice.incident, **changes), sent.at, sent.commands, sent.memos)


def written(of: KnownIncident, words: Phrases = ENGLISH) -> str:
    return IncidentMarkdown(LINKS, words, ZONE).document(of).markdown


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
@pytest.mark.parametrize(
    "name", [example.name for example in made.examples() if example.name not in ("flood", "growth")]
)
def test_every_verdict_and_state_is_a_document_without_what_only_slack_reads(
    name: str, words: Phrases
) -> None:
    document = IncidentMarkdown(LINKS, words, ZONE).document(known(name))
    assert document.markdown.startswith(f"# {markdown_text(document.title)}\n\n")
    assert "\n" not in document.title
    assert not re.search(r"<!date|<@|&gt;|None|[∗∼∶＠]", document.markdown)
    tags = {item.tag for item in COMMONMARK.parse(document.markdown)}
    assert tags <= {"h1", "h2", "p", "ul", "li", "blockquote", "hr", ""}


def inline(markdown: str) -> list[Any]:
    """Return the inline parts of a document, with those in them."""
    return [thing for item in COMMONMARK.parse(markdown) for thing in item.children or ()]


@pytest.mark.variants
@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
@settings(max_examples=10)
@given(name=SHORT, other=SHORT, verdict=st.sampled_from(list(Verdict)))
def test_nothing_that_events_or_people_wrote_is_markup(
    name: str, other: str, verdict: Verdict, words: Phrases
) -> None:
    one = hostile(name, other, verdict, edge=False, key=True)
    asked = [press(kind, one.id, by=name, why=other) for kind in CommandKind]
    document = IncidentMarkdown(LINKS, words, ZONE).document(
        KnownIncident(one, T0, asked, memos(one, name, other))
    )
    assert len(document.title) <= 200
    blocks = COMMONMARK.parse(document.markdown)
    assert {block.tag for block in blocks} <= {"h1", "h2", "p", "ul", "li", "blockquote", "hr", ""}
    assert not [block for block in blocks if block.type == "html_block"]
    for part in inline(document.markdown):
        assert part.type in KINDS, part
        if part.type == "link_open":
            assert part.attrs["href"].startswith("https://")
        if part.type == "text":
            assert not re.search(r"(?<![\w`])@\w|#\d|\w@\w+\.|\b[0-9a-f]{40}\b", part.content), part.content


@given(st.text(max_size=80) | st.text(alphabet="*_`[]<>#@|~$&:/.-+=1w \\", max_size=40))
def test_a_text_as_markdown_reads_as_that_text(text: str) -> None:
    shown = markdown_line(markdown_text(text))
    (_, part, _), kept = (COMMONMARK.parse(shown) or [None] * 3), memo_text(text).replace("\n", " ")
    read = "" if part is None else "".join(child.content for child in part.children)
    assert read.split() == " ".join(kept.split()).split()


@pytest.mark.parametrize(
    "text",
    [
        "mailto:ops@example.com", "xmpp:ops@example.com/chat", "a.b+c@mail.example.com", "連絡先a@b.example",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709", "1" * 40, "a" * 40,
    ],
)  # fmt: skip
def test_neither_an_address_nor_the_hash_of_a_commit_becomes_a_link_on_github(text: str) -> None:
    (part,) = [part for part in inline(f"put {markdown_text(text)} items") if part.type == "code_inline"]
    assert part.content == text.removeprefix("mailto:").removeprefix("xmpp:")


@pytest.mark.parametrize("text", ["1760000000 requests", "effaced the 12 a@b", "orders-put v1.2.3"])
def test_numbers_and_words_stay_text(text: str) -> None:
    assert "`" not in markdown_text(text)


@given(st.text(max_size=30))
def test_a_link_leads_to_its_address_and_nowhere_else(tail: str) -> None:
    _, part, _ = COMMONMARK.parse(markdown_link(f"https://example.com/{tail}", "items"))
    links = [child for child in part.children if child.type == "link_open"]
    assert [link.attrs["href"].startswith("https://example.com/") for link in links] == [True]
