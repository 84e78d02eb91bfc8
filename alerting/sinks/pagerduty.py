"""PagerDuty as a sink: calls who is on duty, through its Events API v2.

From its reference (developer.pagerduty.com, "Events API V2"): an alert is known by ``dedup_key``; a further
trigger with the same key is added to it. 202 is an event accepted, 400 one that is invalid, with ``errors``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from msgspec import structs

from alerting.incidents.severity import Grade
from alerting.messages.alarm import Alarm
from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.sinks.alarm_sink import AlarmSink, Verb
from alerting.sinks.http_sink import HttpCall
from alerting.sinks.webhook import encoded

_TRIGGER: Final = "trigger"
_SEVERITIES: Final = {
    Grade.CRITICAL: "critical",
    Grade.HIGH: "error",
    Grade.MEDIUM: "warning",
    Grade.LOW: "info",
}


class PagerdutySink(AlarmSink):
    """Triggers, acknowledges and resolves alerts of one service; ``secret`` is its integration key."""

    VERBS: ClassVar = {
        Verb.OPEN: _TRIGGER,
        Verb.RISE: _TRIGGER,
        Verb.CHANGE: _TRIGGER,
        Verb.ACKNOWLEDGE: "acknowledge",
        Verb.CLOSE: "resolve",
    }
    CHANGE_REOPENS = True
    ANSWER = "dedup_key"

    def call(self, verb: str, of: Alarm, _: str) -> HttpCall:
        """Return an event."""
        event: dict[str, Any] = {"routing_key": self._secret, "event_action": verb, "dedup_key": of.id}
        if verb == _TRIGGER:
            event["payload"] = {
                "summary": of.title,
                "source": of.where or "uneri",
                "severity": _SEVERITIES[of.grade],
                "timestamp": of.since,
                "component": of.about,
                "class": of.verdict,
                "custom_details": {self._words.labels.why: of.why, **of.figures},
            }
            event["links"] = [{"href": url, "text": label} for label, url in of.links.items()]
            event |= {
                "client": "Uneri",
                **({"client_url": next(iter(of.links.values()))} if of.links else {}),
            }
        return HttpCall(f"{self._url}/v2/enqueue", encoded(event))

    def refused(self, outcome: DeliveryOutcome, said: Mapping[str, Any]) -> DeliveryOutcome:
        """Return the outcome of a failed call: a wrong key is an invalid event."""
        if outcome.result is Result.REFUSED and "routing" in str(said.get("errors")).lower():
            return structs.replace(outcome, result=Result.ROUTE, error=f"{outcome.error}: the key is refused")
        return outcome
