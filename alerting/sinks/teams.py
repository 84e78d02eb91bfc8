"""Microsoft Teams as a sink: cards in a chat or channel, through the webhook of a workflow.

From Microsoft's documentation ("Create incoming webhooks with Workflows for Microsoft Teams", "Adaptive
Cards"): a message has Adaptive Cards as attachments, is at most 28 KB, and is accepted with 202 without an
id, so that none can be edited. Text runs hold no Markdown: a name from an event is no link there.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from alerting.messages.alarm import Alarm
from alerting.sinks.alarm_sink import AlarmSink, Verb
from alerting.sinks.http_sink import HttpCall
from alerting.sinks.webhook import encoded
from alerting.words.mrkdwn import cut

_TEXT: Final = 600  # characters of one run
_LINES: Final = 30
_ACTIONS: Final = 4
_ADDRESS: Final = 1500  # characters of a link


class TeamsSink(AlarmSink):
    """Posts a card when an incident begins, becomes more severe and ends; ``secret`` is the address."""

    VERBS: ClassVar = dict.fromkeys((Verb.OPEN, Verb.RISE, Verb.CLOSE), "post")

    def call(self, _: str, of: Alarm, __: str) -> HttpCall:
        """Return a post of a card."""
        colour = "good" if of.over and not of.settled else "attention"
        links = [(label, url) for label, url in of.links.items() if len(url) <= _ADDRESS]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": {"width": "Full"},
            "body": [
                _line(_run(of.title, size="large", weight="bolder", color=colour)),
                _line(_run(of.why)),
                *list(_figures(of))[:_LINES],
            ],
            "actions": [
                {"type": "Action.OpenUrl", "title": label, "url": url} for label, url in links[:_ACTIONS]
            ],
        }
        content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        return HttpCall(self._url, encoded({"type": "message", "attachments": [content]}))


def _figures(of: Alarm) -> Iterator[dict[str, Any]]:
    for label, value in of.figures.items():
        first, *rest = value.split("\n")
        yield _line(_run(f"{label}: ", weight="bolder"), _run(first))
        yield from (_line(_run(line)) for line in rest)


def _line(*runs: dict[str, str]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "spacing": "small", "inlines": list(runs)}


def _run(text: str, **look: str) -> dict[str, str]:
    return {"type": "TextRun", "text": cut(text, _TEXT), **look}
