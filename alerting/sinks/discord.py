"""Discord as a sink: a message for each incident, edited as it develops, through a channel's webhook.

From its reference (docs.discord.com, "Webhook Resource"): with ``wait`` the answer is the message, and one
can be edited by its id. A message that is gone is error 10008. An embed has at most 6,000 characters in all.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from msgspec import structs

from alerting.incidents.severity import Grade
from alerting.messages.alarm import Alarm
from alerting.messages.blocks import fit
from alerting.messages.incident_markdown import markdown_link, markdown_text
from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.sinks.alarm_sink import AlarmSink, Verb
from alerting.sinks.http_sink import HttpCall
from alerting.sinks.webhook import encoded
from alerting.words.mrkdwn import cut

_TITLE, _WHY, _DESCRIPTION, _NAME, _VALUE, _FIELDS = 120, 800, 2800, 60, 700, 2500  # characters
_UNKNOWN_MESSAGE: Final = 10008
_OVER: Final = 0x2EB67D
_COLOURS: Final = {
    Grade.CRITICAL: 0xD32F2F,
    Grade.HIGH: 0xE8590C,
    Grade.MEDIUM: 0xE69F00,
    Grade.LOW: 0x56B4E9,
}


class DiscordSink(AlarmSink):
    """Posts a message and edits it; ``secret`` is the webhook's address, with ``?thread_id=`` if need be."""

    VERBS: ClassVar = dict.fromkeys(Verb, "show")
    ANSWER = "id"

    def call(self, _: str, of: Alarm, message: str) -> HttpCall:
        """Return a post of the message, or an edit."""
        links = [markdown_link(url, label) for label, url in of.links.items()]
        fields, left = [], _FIELDS
        for label, value in of.figures.items():
            shown = fit(map(markdown_text, value.split("\n")), _VALUE)
            left -= len(label) + len(shown)
            if shown and left >= 0:
                fields.append({"name": cut(label, _NAME), "value": shown, "inline": "\n" not in value})
        embed = {
            "title": markdown_text(cut(of.title, _TITLE)),
            "description": fit([markdown_text(cut(of.why, _WHY)), *links], _DESCRIPTION),
            "color": _OVER if of.over and not of.settled else _COLOURS[of.grade],
            "timestamp": of.since,
            "fields": fields,
            "footer": {"text": of.id},
        }
        calls = {"content": "@here", "allowed_mentions": {"parse": ["everyone"]}}
        body = {"embeds": [embed], **(calls if of.here else {"allowed_mentions": {"parse": []}})}
        base, _, query = self._url.partition("?")
        if message:
            return HttpCall(f"{base}/messages/{message}?{query}".rstrip("?"), encoded(body), method="PATCH")
        return HttpCall(f"{base}?wait=true&{query}".rstrip("&"), encoded(body))

    def refused(self, outcome: DeliveryOutcome, said: Mapping[str, Any]) -> DeliveryOutcome:
        """Return the outcome of a failed call: somebody may have deleted the message."""
        gone = said.get("code") == _UNKNOWN_MESSAGE
        return structs.replace(outcome, result=Result.GONE) if gone else outcome
