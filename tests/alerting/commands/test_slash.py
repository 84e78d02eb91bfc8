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


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", Help()),
        (" help ", Help()),
        ("STATUS", Query.STATUS),
        ("状態", Query.STATUS),
        ("open", Query.OPEN),
        ("未解決", Query.OPEN),
        ("silences", Query.SILENCES),
        ("what-changed", WhatChanged(7200)),
        ("what-changed 1d12h", WhatChanged(129_600)),
        ("変化 30分", WhatChanged(1800)),
        ("unsilence a1b2", UnsilenceRequest("a1b2")),
        ("停止解除 a1b2", UnsilenceRequest("a1b2")),
        ("note a1b2 ios “again”, &lt;3", NoteRequest("ios “again”, <3", "a1b2")),
        ("NOTE  a1b2\n  two\n  lines ", NoteRequest("two\nlines", "a1b2")),
        ("note now a game day", NoteRequest("a game day", None)),
        ("note now table:items moves", NoteRequest("moves", None, "table:items")),
        ("note now table:it\u202eems\x07 moves", NoteRequest("moves", None, "table:items")),
        ('note now route:"POST /items/{id}" moves', NoteRequest("moves", None, "route:POST /items/{id}")),
        ("note now https://wiki.example.com/day", NoteRequest("https://wiki.example.com/day", None)),
        ("note now note: bring cake", NoteRequest("note: bring cake", None)),
        ("メモ　ａ１ｂ２　再試行が原因", NoteRequest("再試行が原因", "a1b2")),
        ("メモ 今 テーブル：items 移行開始", NoteRequest("移行開始", None, "table:items")),
        (f"note a1b2 {'x' * 1000}", NoteRequest("x" * 1000, "a1b2")),
        ("note", Help(Fault.NOTE)),
        ("note it’s_ios again", Help(Fault.NOTE)),
        ("note a1b2", Help(Fault.EMPTY_NOTE)),
        ("note now table:items", Help(Fault.EMPTY_NOTE)),
        ("note a1b2 \u200b\u202e", Help(Fault.EMPTY_NOTE)),
        (f"note a1b2 {'x' * 1001}", Help(Fault.LONG_NOTE)),
    ],
)
def test_what_is_written_is_what_is_asked(text: str, asked: object) -> None:
    assert parse(text) == asked


def test_a_silence_names_things_then_how_long_then_why() -> None:
    asked = parse("silence table:items account:123456789012 verdict:Spike 2h we move &amp; test it")
    assert asked == SilenceRequest(
        Matcher(scopes=["table:items"], accounts=["123456789012"], verdicts=["spike"]),
        7200,
        "we move & test it",
    )
    assert parse("silence service:shop measure:wcu 30m") == SilenceRequest(
        Matcher(services=["shop"], measures=["wcu"]), 1800, ""
    )
    assert parse("停止 table:items 2時間 負荷試験") == SilenceRequest(
        Matcher(scopes=["table:items"]), 7200, "負荷試験"
    )
    assert parse("silence everything 1h fire drill") == SilenceRequest(Matcher(), 3600, "fire drill")


@pytest.mark.parametrize(
    ("text", "matching"),
    [
        ("停止 テーブル:items 2時間", Matcher(scopes=["table:items"])),
        ("停止　テーブル：items　２時間", Matcher(scopes=["table:items"])),
        ("ｓｉｌｅｎｃｅ table:items ２ｈ", Matcher(scopes=["table:items"])),
        (
            "silence 関数:put-* サービス:shop 判定:ｓｐｉｋｅ 2h",
            Matcher(scopes=["function:put-*"], services=["shop"], verdicts=["spike"]),
        ),
        ("silence 指標:wcu アカウント:1 2h", Matcher(measures=["wcu"], accounts=["1"])),
        ("停止 テナント:ＡＢＣ 2h", Matcher(scopes=["tenant:ＡＢＣ", "tenant:ABC"])),
        ("停止 すべて 2h", Matcher()),
        ("silence measure:value:Sales measure:err* 2h", Matcher(measures=["value:Sales", "err*"])),
    ],
)
def test_a_silence_is_read_as_a_japanese_keyboard_writes_it(text: str, matching: Matcher) -> None:
    asked = parse(text)
    assert isinstance(asked, SilenceRequest), asked
    assert asked.matcher == matching


@pytest.mark.parametrize("quotes", ['""', "“”", "„“", "«»"])
def test_a_name_with_spaces_stands_in_quotes_whichever_the_keyboard_makes(quotes: str) -> None:
    left, right = quotes[0], quotes[1]
    asked = parse(f"silence route:{left}POST /items/{{id}}{right} 1h")
    assert asked == SilenceRequest(Matcher(scopes=["route:POST /items/{id}"]), 3600, "")


@pytest.mark.parametrize(
    ("text", "fault", "word"),
    [
        ("statsu", Fault.UNKNOWN, "statsu"),
        ("silence", Fault.WHOM, ""),
        ("silence 2h", Fault.WHOM, ""),
        ("silence items 2h", Fault.WHOM, "items"),
        ("silence tabel:items 2h", Fault.WHOM, "tabel:items"),
        ("silence verdict:spke 2h", Fault.WHOM, "verdict:spke"),
        ("silence table: 2h", Fault.WHOM, "table:"),
        ("silence measure:wcuu 2h", Fault.WHOM, "measure:wcuu"),
        ("silence everything table:items 2h", Fault.ALONE, ""),
        ("silence table:items everything 2h", Fault.ALONE, ""),
        ("silence table:items", Fault.HOW_LONG, ""),
        ("silence table:items soon", Fault.HOW_LONG, "soon"),
        ("silence table:items 400d", Fault.TOO_LONG, "400d"),
        ("what-changed lately", Fault.SINCE, "lately"),
        ("what-changed 400d", Fault.TOO_LONG, "400d"),
        ("unsilence", Fault.WHICH, ""),
        ("unsilence <script>", Fault.WHICH, ""),
        ("x" * 3000, Fault.TEXT, ""),
    ],
)
def test_what_is_not_understood_is_answered_with_help_that_says_what(
    text: str, fault: Fault, word: str
) -> None:
    assert parse(text) == Help(fault, word)


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
