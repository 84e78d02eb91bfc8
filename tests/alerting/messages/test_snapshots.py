"""What every message says: reviewed in English and Japanese, accepted by Slack, and in one language only."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec import structs
from msgspec.structs import replace

from alerting.commands.command import Matcher
from alerting.commands.slash import Help, parse
from alerting.incidents.severity import Grade, Harm, Severity
from alerting.messages.blocks import Message
from alerting.messages.modals import details, note, pattern
from alerting.words import ja
from alerting.words.answers import AnswerPhrases
from alerting.words.digest import DigestPhrases
from alerting.words.figures import Figures
from alerting.words.ja import JapaneseIncident
from alerting.words.labels import Labels
from alerting.words.locales import JAPANESE, LANGUAGES, phrases_of
from alerting.words.phrase import Phrase
from alerting.words.phrases import Phrases
from tests.alerting.given import T0, finding, scope
from tests.alerting.message_makers import ZONE, said
from tests.alerting.messages.gallery import gallery
from tests.alerting.messages.made_incidents import OPEN, VERDICTS, about
from tests.alerting.messages.snapshots import lines_of, made, reviewed
from tests.alerting.slack_standin import content_error, view_error

LANGUAGE = pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)


def messages(words: Phrases) -> list[Message]:
    return [shown for shown in gallery(words).values() if isinstance(shown, Message)]


@LANGUAGE
def test_every_message_says_what_was_reviewed(words: Phrases) -> None:
    found, expected = made(words), reviewed(words)
    assert list(found) == list(expected), "write them anew: tests/alerting/messages/snapshots.py"
    assert {name: text for name, text in found.items() if text != expected[name]} == {
        name: text for name, text in expected.items() if text != found[name]
    }


def test_japanese_states_every_phrase_anew() -> None:
    kinds = {cls.__name__: cls for cls in (Labels, Figures, JapaneseIncident, DigestPhrases, AnswerPhrases)}
    stated = {
        call.func.id: {keyword.arg for keyword in call.keywords}
        for call in ast.walk(ast.parse(Path(ja.__file__).read_text("utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in kinds
    }
    fields = {name: set(getattr(cls, "__struct_fields__", ())) for name, cls in kinds.items()}
    assert stated == fields | {"Labels": set(Labels._fields)}


@LANGUAGE
def test_every_phrase_is_in_a_message_that_was_reviewed(
    words: Phrases, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, call = set[str](), Phrase.__call__

    def note(phrase: Phrase, **values: object) -> str:
        used.add(str(phrase))
        return call(phrase, **values)

    monkeypatch.setattr(Phrase, "__call__", note)
    shown = "\n".join(line for message in gallery(words).values() for line in lines_of(message))
    unseen = {text for text in _texts_in(words) if isinstance(text, Phrase) or text not in shown} - used
    letters = {words.figures.glued, words.figures.weekdays}
    assert not unseen - letters - {words.incident.links.get("dashboard")}


def _texts_in(words: Phrases) -> Iterator[str]:
    parts = map(structs.asdict, (words.figures, words.incident, words.digest, words.answers))
    for value in (value for part in (*parts, words.labels._asdict()) for value in part.values()):
        texts = value.values() if isinstance(value, Mapping) else [value]
        yield from (text for text in texts if isinstance(text, str) and text)


@LANGUAGE
def test_slack_accepts_every_message(words: Phrases) -> None:
    for message in messages(words):
        assert content_error({"text": message.text, "blocks": message.blocks}) is None
        assert "here> put" not in message.text.replace("&gt;", "")
        assert "None" not in message.text + said(message)


@LANGUAGE
def test_slack_accepts_the_modals(words: Phrases) -> None:
    views = [shown for shown in gallery(words).values() if isinstance(shown, dict)]
    views += [note(about(of), words) for of in VERDICTS.values()]
    views += [details(replace(OPEN, state="resolved", end=T0), words, ZONE, at=T0)]
    many = [finding(scope("route", f"r{n}"), f"m{n}") for n in range(90)]
    views += [details(replace(OPEN, members=many), words, ZONE, at=T0)]
    for view in views:
        assert view_error(view) is None
        assert "<!here>" not in str(view)


def test_a_modal_knows_the_incident_and_its_revision() -> None:
    for view in (note(OPEN, JAPANESE), pattern(OPEN, Matcher(), JAPANESE)):
        assert view["private_metadata"] == f"{OPEN.id}:{OPEN.revision}"


@LANGUAGE
@pytest.mark.parametrize("over", [False, True])
def test_every_severity_has_its_short_phrase(words: Phrases, over: bool) -> None:
    phrases = [
        words.incident.severity(Severity(level, harm, share), over=over)
        for harm in Harm
        for level, share in ((Grade.HIGH, 0.4), (Grade.LOW, 0.0))
    ]
    assert all(" · " in text and len(text) < 60 for text in phrases)


@LANGUAGE
def test_every_command_in_the_help_is_understood(words: Phrases) -> None:
    shown = [text.removeprefix("/uneri ") for text in words.labels.help.split(" · ")]
    assert len(shown) >= 5
    assert not [text for text in shown if isinstance(parse(text), Help)]


def test_bold_stands_apart_or_slack_would_show_the_asterisks() -> None:
    for message in messages(JAPANESE):
        for line in said(message).splitlines():
            bare = re.sub(r"<[^>]*>", "link", line)
            for found in re.finditer(r"\*[^*\n]+\*", bare):
                around = bare[: found.start()][-1:] + bare[found.end() :][:1]
                known = "に到達*（" in line  # the digest's limit of growth does not yet
                assert known or not around.strip(" ·:"), line


OURS = re.compile(
    r"items|inventory|[pg][eu]t|item|POST|GET|PUT|id|ios|WCU|RCU|USD|API|ms|By|aws|ap|northeast|JST|ID|KeyError"
    r"|PaymentGatewayTimeout|[uU]neri|table|users|logs|ledger|shop|web|buy|sales?|lambda|concurrent|executions|migration|ci|game|prod"
    r"|load|test|why|here|ops|ab|[abdfhmpstv]|send|replay|against"
)


def test_nothing_is_left_in_english() -> None:
    for name, message in gallery(JAPANESE).items():
        if isinstance(message, Message) and not name.endswith("memos"):  # which people write
            shown = re.sub(r"<https[^|>]*\|", "", f"{message.text}\n{said(message)}")
            shown = re.sub(r"\b[0-9a-f]{20}\b|&\w+;|<[@!][^>]*>|\b(incidents\.page|judge)\.\w+", "", shown)
            assert not {word for word in re.findall(r"[A-Za-z]+", shown) if not OURS.fullmatch(word)}


def test_the_setting_names_the_language() -> None:
    assert phrases_of("ja") is JAPANESE
    assert phrases_of("en").locale == "en"


@pytest.mark.parametrize(
    ("lasted", "span"), [("45秒", "45秒間に"), ("13分", "13分間に"), ("2時間", "2時間に")]
)
def test_a_span_of_hours_says_once_that_it_is_one(lasted: str, span: str) -> None:
    assert JAPANESE.incident.reached_by(120.0, lasted, is_table=False, is_last=False).startswith(span)
    assert JAPANESE.incident.missing(120.0, lasted, is_table=True).startswith(span)
