"""What is written after ``/uneri`` is a request, or answered with help that says what is missing."""

import pytest
from hypothesis import given as having
from hypothesis import strategies as st

from alerting.commands.command import Matcher
from alerting.commands.slash import (
    LONGEST,
    SHORTEST,
    Fault,
    Help,
    NoteRequest,
    Query,
    SilenceRequest,
    UnsilenceRequest,
    WhatChanged,
    parse,
)
from alerting.words.locales import LANGUAGES
from alerting.words.phrases import Phrases
from tests.alerting.commands.slash_requests import reviewed, understood


def test_what_is_written_is_understood_as_it_was_reviewed() -> None:
    for text, asked in reviewed().items():
        assert understood(text) == asked, text


def test_a_text_that_is_too_long_is_not_cut() -> None:
    assert parse(f"note a1b2 {'x' * 1000}") == NoteRequest("x" * 1000, "a1b2")
    assert parse(f"note a1b2 {'x' * 1001}") == Help(Fault.LONG_NOTE)
    assert parse("x" * 3000) == Help(Fault.TEXT)


WORDS = st.sampled_from(
    [
        "silence",
        "unsilence",
        "what-changed",
        "open",
        "table:items",
        "verdict:spike",
        "everything",
        "2h",
        "99999d",
    ]
)


@having(st.text(max_size=80) | st.lists(WORDS | st.text(max_size=8), max_size=6).map(" ".join))
def test_any_text_is_a_question_a_command_or_a_call_for_help(text: str) -> None:
    asked = parse(text)
    assert isinstance(asked, Help | Query | WhatChanged | SilenceRequest | UnsilenceRequest)
    if isinstance(asked, SilenceRequest):
        assert SHORTEST <= asked.seconds <= LONGEST
        assert len(asked.why) <= 200
        named = any(vars_of(asked.matcher))
        assert named or "everything" in text.lower(), "nobody silences everything by a slip"


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_words(words: Phrases, fault: Fault) -> None:
    assert words.answers.fault(fault, "")


def vars_of(matching: Matcher) -> list[list[str]]:
    return [matching.accounts, matching.services, matching.scopes, matching.verdicts, matching.measures]


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
def test_what_the_help_lists_is_understood(words: Phrases) -> None:
    listed = words.labels.help.split(" · ")
    assert len(listed) == 7
    for written in listed:
        asked = parse(written.removeprefix("/uneri ").replace("ID", "a1b2"))
        assert not isinstance(asked, Help), written
