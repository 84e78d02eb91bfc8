"""A deploy shortly before stands first in a message: an order in time, never a cause."""

import io
import json
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from alerting.commands.command import Matcher
from alerting.commands.dispatch import Form, Line
from alerting.commands.slash import Fault, Help, WhatChanged, parse
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Milestone
from alerting.incidents.preceding import PrecedingChange
from alerting.messages.answers import Answers, Changes
from alerting.messages.blocks import NAME, TOTAL, Message, length
from alerting.messages.render import Renderer
from alerting.pipeline.incident_registry import TrackedIncident
from alerting.report.card import Cards, ReportedIncidents
from alerting.report.preview import fragment
from alerting.sinks.terminal import Terminal
from alerting.words.locales import ENGLISH, JAPANESE, LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import Verdict
from detectors.model.scope import Scope
from detectors.model.stated import StatedChange
from detectors.watch.rankings import Hot
from tests.alerting.given import PUT, T0, TABLE, finding, incident, scope
from tests.alerting.message_makers import LINKS, ZONE, alerted, digest, dispatch, notice, page, posted, said
from tests.alerting.slack_standin import content_error

URL = "https://ci.example.com/runs/42?a=1&b=2"
LINKED = "<https://ci.example.com/runs/42?a=1&amp;b=2|deploy 42>"


def after(seconds: int = 125, about: Scope = PUT, **stated: Any) -> PrecedingChange:
    given: dict[str, Any] = {"what": "deploy", "version": "42", "by": "ci", "url": URL} | stated
    change = StatedChange(T0 - 120 - seconds, about, **given)
    return PrecedingChange(change=change, after=seconds, findings=["table-items"])


def with_changes(*changes: PrecedingChange, **more: Any) -> Incident:
    return replace(incident(), changes=list(changes or [after()]), **more)


def first_line(message: Message) -> str:
    title, below, *_ = message.blocks
    assert title["type"] == "header"
    text: str = below["text"]["text"]
    return text


def test_a_page_says_so_first() -> None:
    assert first_line(page(with_changes())) == f"2 min after {LINKED} of inventory-put-item by ci"


def test_a_page_says_so_first_in_japanese() -> None:
    shown = first_line(page(with_changes(), words=JAPANESE))
    assert shown == f"inventory-put-item の{LINKED.replace('deploy', 'デプロイ')}（ci）の2分後に発生"


@pytest.mark.parametrize(
    ("words", "said_of_it"),
    [
        (ENGLISH, "2 min after deploy 42 of inventory-put-item by ci."),
        (JAPANESE, "inventory-put-item のデプロイ 42（ci）の2分後に発生。"),
    ],
)
def test_a_notification_says_so_too(words: Phrases, said_of_it: str) -> None:
    assert said_of_it in page(with_changes(), words=words).text


@pytest.mark.parametrize(
    ("words", "said_of_it"),
    [
        (ENGLISH, "At about the same time as deploy 42 of inventory-put-item by ci"),
        (JAPANESE, "inventory-put-item のデプロイ 42（ci）とほぼ同時に発生"),
    ],
)
def test_which_of_two_in_one_minute_was_first_is_not_said(words: Phrases, said_of_it: str) -> None:
    assert first_line(page(with_changes(after(30, url="")), words=words)) == said_of_it


def test_what_is_not_stated_is_left_out() -> None:
    bare = after(what="", version="", by="", url="")
    assert first_line(page(with_changes(bare))) == "2 min after change of inventory-put-item"
    assert first_line(page(with_changes(bare), words=JAPANESE)) == "inventory-put-item の変更の2分後に発生"


@pytest.mark.parametrize(
    ("what", "in_english", "in_japanese"),
    [
        ("deployed", "finished deploy 42", "デプロイ完了 42"),
        ("deploy failed", "failed deploy 42", "デプロイ失敗 42"),
        ("config", "configuration change 42", "設定変更 42"),
        ("migration", "migration 42", "migration 42"),
    ],
)
def test_the_words_of_clouds_are_words_of_people(what: str, in_english: str, in_japanese: str) -> None:
    one = with_changes(after(what=what, url=""))
    assert f"after {in_english} of" in first_line(page(one))
    assert f"の{in_japanese}（ci）" in first_line(page(one, words=JAPANESE))


def test_of_many_changes_the_nearest_three_are_named() -> None:
    many = [after(60 * number, version=str(number), url="") for number in range(1, 6)]
    assert first_line(page(with_changes(*many))).split("\n") == [
        "1 min after deploy 1 of inventory-put-item by ci",
        "2 min after deploy 2 of inventory-put-item by ci",
        "3 min after deploy 3 of inventory-put-item by ci",
        "2 more changes shortly before",
    ]


def test_a_page_without_changes_is_as_before() -> None:
    assert "text" not in page(incident()).blocks[1]


def test_a_withdrawn_incident_began_after_nothing() -> None:
    gone = page(with_changes(state="withdrawn", end=T0))
    assert "deploy" not in said(gone) + gone.text


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
def test_no_word_of_it_names_a_cause(words: Phrases) -> None:
    line = Line(what=Milestone.PRECEDED.value, at=T0)
    render = Renderer(LINKS, ZONE, words)
    texts = [first_line(page(with_changes(), words=words))]
    texts.append(said(render(dispatch(notice(with_changes()), Form.LINE, line=line))))
    for text in texts:
        assert "42" in text
        assert not [word for word in ("cause", "because", "due", "原因", "による", "ため") if word in text]


@pytest.mark.parametrize(
    ("words", "said_of_it"),
    [
        (ENGLISH, "Now known: it began 2 min after deploy 42 of inventory-put-item by ci"),
        (JAPANESE, "直前の変更が判明: inventory-put-item のデプロイ 42（ci）の2分後に発生"),
    ],
)
def test_a_change_that_became_known_later_is_a_line_of_the_thread(words: Phrases, said_of_it: str) -> None:
    line = Line(what=Milestone.PRECEDED.value, at=T0)
    message = Renderer(LINKS, ZONE, words)(dispatch(notice(with_changes()), Form.LINE, line=line))
    assert said_of_it in said(message)


def test_a_limit_in_the_digest_names_what_was_deployed_before_it() -> None:
    near = finding(TABLE, verdict=Verdict.LIMIT, limit=50.0, minutes=60)
    shown = said(digest([replace(with_changes(), verdict=Verdict.LIMIT, primary=near)]))
    assert f"2 min after {LINKED} of inventory-put-item by ci" in shown


def test_a_terminal_and_a_preview_show_it_between_title_and_figures() -> None:
    message = page(with_changes())
    written = io.StringIO()
    Terminal(Console(file=written, width=100), ZONE, ENGLISH).show(message, at=T0)
    for shown in (written.getvalue(), fragment(message, ZONE, at=T0)):
        places = [shown.index(text) for text in ("SPIKE", "2 min after", "Severity")]
        assert places == sorted(places)


@pytest.mark.parametrize(("url", "link"), [(URL, URL), ("javascript:alert(1)", "")])
def test_a_card_of_the_report_says_so_first(url: str, link: str) -> None:
    one = with_changes(after(url=url))
    renderer = Renderer(LINKS, ZONE)
    card = Cards(ReportedIncidents([]), renderer, {one.id: ""}).card(one)
    assert card.changes == [("2 min after deploy 42 of inventory-put-item by ci", link)]


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
    one = with_changes(after(about=PUT._replace(name=HOSTILE), **written))
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
    assert "<@" not in first_line(page(with_changes(after(by="U012AB3CD"))))


def test_a_very_long_version_is_cut() -> None:
    assert "f" * (NAME + 1) not in first_line(page(with_changes(after(version="f" * 200, url=""))))


# -- other receivers -----------------------------------------------------------------------------------


def test_a_webhook_has_the_changes_as_data() -> None:
    [change] = json.loads(posted(dispatch(notice(with_changes()))))["data"]["incident"]["changes"]
    assert (change["of"]["name"], change["what"], change["version"]) == ("inventory-put-item", "deploy", "42")
    assert (change["by"], change["url"], change["after"]) == ("ci", URL, 125)


@pytest.mark.parametrize(("url", "link"), [(URL, URL), ("javascript:alert(1)", None)])
def test_an_alert_has_them_in_its_annotations(url: str, link: str | None) -> None:
    [alert] = json.loads(alerted(dispatch(notice(with_changes(after(url=url))))))
    assert alert["annotations"]["changes"] == "2 min after deploy 42 of inventory-put-item by ci"
    assert alert["annotations"].get("link_change") == link
    assert "change" not in alert["labels"]


# -- /uneri what-changed -------------------------------------------------------------------------------


def test_what_changed_takes_a_scope_or_a_service_and_then_a_time() -> None:
    assert parse("what-changed service:shop 1d") == WhatChanged(86400, Matcher(services=["shop"]))
    assert parse("what-changed function:put-*") == WhatChanged(7200, Matcher(scopes=["function:put-*"]))
    assert parse("変化 関数:put-item 30分") == WhatChanged(1800, Matcher(scopes=["function:put-item"]))
    assert parse("what-changed 2h service:shop") == Help(Fault.SINCE, "service:shop")
    assert parse("what-changed shop") == Help(Fault.SINCE, "shop")


def tracked(one: Incident) -> TrackedIncident:
    return TrackedIncident(sequence=1, notice=notice(one, action=Action.OPEN), started=one.start)


STATED = [
    StatedChange(T0 - 3600, PUT, "deploy", "41", "ci", URL),
    StatedChange(T0 - 60, PUT, "deploy", "42", "ci", URL),
    StatedChange(T0 - 600, scope("service", "shop"), "config", "", "", ""),
    StatedChange(T0 - 90_000, PUT, "deploy", "40", "ci", URL),
]


def listed(text: str, words: Phrases = ENGLISH) -> str:
    asked = parse(text)
    assert isinstance(asked, WhatChanged)
    found = Changes.of(
        T0 - asked.seconds,
        [tracked(incident())],
        leaders=[Hot(TABLE, 0.5)],
        stated=STATED,
        matcher=asked.matcher,
    )
    return said(Answers(LINKS, ZONE, words).what_changed(found, at=T0))


def test_what_changed_lists_what_was_deployed_the_newest_first() -> None:
    lines = [line for line in listed("what-changed 2h").split("\n") if line.startswith("<!date")]
    assert [line.partition(" · ")[2] for line in lines] == [
        f"{LINKED} of function inventory-put-item by ci",
        "configuration change of service shop",
        f"{LINKED.replace('|deploy 42', '|deploy 41')} of function inventory-put-item by ci",
    ]


def test_what_changed_lists_them_in_japanese() -> None:
    shown = listed("what-changed 5m", JAPANESE)
    assert f"関数 inventory-put-item の {LINKED.replace('deploy', 'デプロイ')}（ci）" in shown


def test_what_changed_lists_only_what_was_asked_for() -> None:
    of_shop = listed("what-changed service:shop 2d")
    assert "shop" in of_shop
    assert "inventory-put-item" not in of_shop
    assert "items" not in of_shop
    of_function = listed("what-changed function:inventory-* 2d")
    assert [version in of_function for version in ("deploy 40", "deploy 41", "deploy 42", "shop")] == [
        True,
        True,
        True,
        False,
    ]


def test_of_very_many_changes_the_newest_are_listed_and_the_others_counted() -> None:
    many = [StatedChange(T0 - number, PUT, "deploy", f"v{number}") for number in range(300)]
    shown = said(Answers(LINKS, ZONE, ENGLISH).what_changed(Changes.of(T0 - 600, [], stated=many), at=T0))
    assert "v0" in shown
    assert "v299" not in shown
    assert "280 more" in shown
