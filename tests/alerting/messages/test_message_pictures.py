"""The pictures of docs/messages.md: one of each example, all of them messages that Slack takes."""

from pathlib import Path

import pytest

from alerting.messages import examples as made
from alerting.messages.examples import ZONE
from alerting.messages.render import Renderer
from alerting.words.locales import LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import Verdict
from tests.alerting.message_makers import LINKS
from tests.alerting.slack_standin import content_error

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
def test_every_example_is_rendered_and_has_a_small_picture_that_the_page_shows(words: Phrases) -> None:
    render = Renderer(LINKS, ZONE, words)
    text = (DOCS / "messages.md").read_text("utf-8")
    names = {example.name for example in made.examples()}
    assert names >= {verdict.value for verdict in Verdict}
    for example in made.examples():
        message = render(example.dispatch, example.earlier)
        assert content_error({"text": message.text, "blocks": message.blocks}) is None
        picture = DOCS / "pictures" / "messages" / f"{example.name}-{words.locale}.png"
        assert picture.stat().st_size < 60_000
        assert f"(pictures/messages/{picture.name})" in text


def test_no_picture_is_left_over() -> None:
    kept = {path.name for path in (DOCS / "pictures" / "messages").iterdir()}
    assert kept == {
        f"{example.name}-{words.locale}.png" for example in made.examples() for words in LANGUAGES
    }
