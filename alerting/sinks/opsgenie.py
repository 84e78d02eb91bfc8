"""Opsgenie and Jira Service Management as a sink: calls who is on duty, through the API for alerts.

From their references (docs.opsgenie.com, "Alert API"; developer.atlassian.com, "Integration events", which is
the same API under another address): an alert that is open is known by its alias, and created once. 202
accepts a request, 422 is a key of another format, or a body that is invalid.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote

from msgspec import structs

from alerting.incidents.severity import Grade
from alerting.messages.alarm import Alarm
from alerting.messages.blocks import fit
from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.sinks.alarm_sink import AlarmSink, Verb
from alerting.sinks.http_sink import HttpCall
from alerting.sinks.webhook import encoded
from alerting.words.mrkdwn import cut

_MESSAGE, _ENTITY, _USER, _DESCRIPTION, _DETAIL = 130, 512, 100, 15_000, 500  # characters
_PRIORITIES: Final = {Grade.CRITICAL: "P1", Grade.HIGH: "P2", Grade.MEDIUM: "P3", Grade.LOW: "P4"}


class OpsgenieSink(AlarmSink):
    """Creates, acknowledges and closes alerts, with a note of each change; ``secret`` is an API key."""

    VERBS: ClassVar = {
        Verb.OPEN: "",
        Verb.RISE: "notes",
        Verb.CHANGE: "notes",
        Verb.ACKNOWLEDGE: "acknowledge",
        Verb.CLOSE: "close",
    }
    ANSWER = "requestId"

    def call(self, verb: str, of: Alarm, _: str) -> HttpCall:
        """Return a request about an alert."""
        url, body = f"{self._url}/v2/alerts", self._created(of)
        if verb:
            url += f"/{quote(of.id)}/{verb}?identifierType=alias"
            severity = of.figures.get(self._words.labels.severity, of.grade.word)
            body = {"source": "Uneri", "note": of.title if of.over else f"{of.title}\n{severity}"}
            if verb == self.VERBS[Verb.ACKNOWLEDGE]:
                body = {"source": "Uneri", "user": cut(of.by, _USER)}
        key = {"Content-Type": "application/json", "Authorization": f"GenieKey {self._secret}"}
        return HttpCall(url, encoded(body), key)

    def _created(self, of: Alarm) -> dict[str, Any]:
        links = [f"{label}: {url}" for label, url in of.links.items()]
        return {
            "message": cut(of.title, _MESSAGE),
            "alias": of.id,
            "description": fit([cut(of.why, _DESCRIPTION // 2), *links], _DESCRIPTION),
            "details": {label: cut(value, _DETAIL) for label, value in of.figures.items()},
            "entity": cut(of.about, _ENTITY),
            "source": "Uneri",
            "priority": _PRIORITIES[of.grade],
        }

    def refused(self, outcome: DeliveryOutcome, said: Mapping[str, Any]) -> DeliveryOutcome:
        """Return the outcome of a failed call: a key of another format makes it unprocessable."""
        if outcome.result is Result.REFUSED and "key format" in str(said.get("message")).lower():
            return structs.replace(outcome, result=Result.ROUTE, error=f"{outcome.error}: the key is refused")
        return outcome
