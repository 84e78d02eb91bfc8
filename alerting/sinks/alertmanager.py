"""Prometheus Alertmanager as a sink (API v2), so that a team's pager gets pages.

From its OpenAPI contract (prometheus/alertmanager, api/v2/openapi.yaml): an alert is known by its labels; it
is open until ``endsAt`` and resolved from then on. Alertmanager loses its alerts at a restart, so open ones
are sent again every four minutes (Prometheus does so every minute), each time open for another hour, so that
a restart of Uneri does not resolve them.
"""

import json
from collections.abc import Mapping
from typing import Final

from alerting.commands.dispatch import Dispatch, Form
from alerting.commands.local_time import rfc3339
from alerting.commands.matching import carried_by
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from alerting.incidents.severity import Grade
from alerting.messages.console_links import ConsoleLinks
from alerting.outbox.ports import DeliveryOutcome, Result, SubjectState
from alerting.outbox.row import OutboxRow, SentAs
from alerting.sinks.http_sink import USUAL, HttpCall, HttpOptions, HttpSink
from alerting.words.phrases import Phrases
from alerting.words.stated_texts import stated_url
from config.links import Links
from detectors.model.finding import Share, notable
from detectors.model.scope import Edge

AGAIN: Final = 240.0  # seconds between two repeats of an open alert
OPEN: Final = 3600.0  # seconds that it stays open without a repeat
ALERTS: Final = "/api/v2/alerts"
_CALLERS: Final = 3
_MEMOS: Final = 3


class AlertmanagerSink(HttpSink):
    """Posts alerts, and repeats open ones before Alertmanager forgets them.

    Labels identify an alert, so they stay as they were when the incident was first reported; what changes is
    in the annotations. But when an incident becomes more severe, its alert ends and one with the new severity
    takes its place: routes are chosen by labels. Digests and thread lines are not sent to a pager.

    ``url`` is its address, without the path of the API; ``labels`` are added to each alert, and a
    ``severity`` among them replaces ours.
    """

    def __init__(
        self, destination: str, url: str, labels: Mapping[str, str], options: HttpOptions = USUAL
    ) -> None:
        super().__init__(destination, url.rstrip("/") + ALERTS, options)
        self._labels = labels

    def calls(self, _: OutboxRow, body: bytes) -> list[HttpCall]:
        """Return a post of the alerts, open ones with the time until which they stay open."""
        alerts = json.loads(body)
        ends = rfc3339(self._now() + OPEN)
        dressed = [alert if "endsAt" in alert else {**alert, "endsAt": ends} for alert in alerts]
        return [HttpCall(self._url, json.dumps(dressed).encode())]

    def accepted(self, row: OutboxRow, _: DeliveryOutcome) -> DeliveryOutcome:
        """Request a repeat of open alerts."""
        is_open = any("endsAt" not in alert for alert in json.loads(row.body or b"[]"))
        place = SentAs(self._destination, row.id)
        return DeliveryOutcome(result=Result.SENT, place=place, again=AGAIN if is_open else None)

    def render(self, dispatch: Dispatch, known: SubjectState) -> OutboxRow | None:
        """Return the row of a dispatch: one alert per incident or flood."""
        if dispatch.form not in (Form.PARENT, Form.FLOOD):
            return None
        flood = dispatch.form is Form.FLOOD
        alert = _flood(dispatch) if flood else _alert(dispatch, self._links, self._words)
        own = {"severity": self._labels["severity"]} if "severity" in self._labels else {}
        new = {**self._labels, **_labels(dispatch), **own}
        labels, former = _known(known.key) if known.key else (new, [])
        if not flood and "endsAt" not in alert and _rises(labels, new):
            risen = max(dispatch.at, dispatch.notice.incident.start + 1)
            former = [*former, (labels["severity"], rfc3339(risen))]
            labels = {**labels, "severity": new["severity"]}
        begun = str(alert["startsAt"])
        body: list[dict[str, object]] = [
            {"labels": {**labels, "severity": severity}, "startsAt": min(begun, risen_at), "endsAt": risen_at}
            for severity, risen_at in former
        ]
        body.append({"labels": labels, **alert})
        key = [labels, former] if former else labels
        return OutboxRow.of(dispatch, body=json.dumps(body).encode(), key=json.dumps(key, sort_keys=True))


def _known(key: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the labels of an alert, and the severities that it had before with the times they ended."""
    known = json.loads(key)
    return (known, []) if isinstance(known, dict) else (known[0], known[1])


def _labels(dispatch: Dispatch) -> dict[str, str]:
    if dispatch.form is Form.FLOOD:
        worst = max(incident.severity.level for incident in dispatch.notice.incidents)
        named = {"verdict": "flood", "incident": dispatch.subject}
        return {"alertname": "Uneri", "severity": worst.word, **named}
    incident = dispatch.notice.incident
    about = incident.primary.about
    scope = about.target if isinstance(about, Edge) else about
    services = [*carried_by(incident.primary)]
    labels = {
        "alertname": "Uneri",
        "severity": incident.severity.level.word,
        "incident": incident.id,
        "verdict": incident.verdict.value,
        "measure": incident.primary.measure.value,
        "scope": about.kind,
        "name": f"{about.source.label} → {about.target.label}" if isinstance(about, Edge) else about.label,
        "cloud": scope.cloud,
        "account": scope.account,
        "region": scope.region,
        "service": services[0] if len(services) == 1 else "",
    }
    return {name: value for name, value in labels.items() if value}  # an empty label is no label


def _rises(labels: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Return whether an incident became more severe than its label, if both are grades."""
    levels: dict[str, Grade] = {level.word: level for level in Grade}
    then, now = (levels.get(known["severity"]) for known in (labels, new))
    return then is not None and now is not None and now > then


def _alert(dispatch: Dispatch, links: Links, words: Phrases) -> dict[str, object]:
    incident, at = dispatch.notice.incident, dispatch.at
    console = ConsoleLinks.of(incident, links, words, at=at)
    urls = console.addresses(incident)
    annotations = {
        "summary": f"{incident.verdict.value} of {incident.primary.measure.value}, {incident.state}",
        "description": incident.primary.sentence,
        "changes": "; ".join(words.after_changes(incident)),
        "severity": words.incident.severity_of(incident),
        "affected": words.affected_by(incident),
        "callers": ", ".join(map(_caller, notable(incident.primary).callers[:_CALLERS])),
        "memos": "; ".join(_memo(memo) for memo in reversed(dispatch.memos[-_MEMOS:])),
        "acknowledged_by": "" if dispatch.acknowledged is None else dispatch.acknowledged.by,
        "account_name": words.accounts.get(incident.primary.about.account, ""),
        "runbook_url": console.runbook(incident) or "",
        "link_change": next(filter(None, (stated_url(change.change) for change in incident.changes)), ""),
        **{f"link_{kind}": url for kind, url in urls.items()},
    }
    alert: dict[str, object] = {
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": rfc3339(incident.start),
    }
    if urls:
        alert["generatorURL"] = next(iter(urls.values()))
    if incident.ended:
        alert["endsAt"] = rfc3339(_end(incident, at))
    return alert


def _flood(dispatch: Dispatch) -> dict[str, object]:
    incidents, at = dispatch.notice.incidents, dispatch.at
    still = [incident for incident in incidents if not incident.ended]
    start = min(incident.start for incident in incidents)
    alert: dict[str, object] = {
        "annotations": {"summary": f"{len(incidents)} incidents at once, {len(still)} open"},
        "startsAt": rfc3339(start),
    }
    if not still:
        alert["endsAt"] = rfc3339(max(_end(incident, at) for incident in incidents))
    return alert


def _end(incident: Incident, at: int) -> int:
    return max(incident.start + 1, incident.end if incident.end is not None else at)


def _memo(memo: Memo) -> str:
    return f"{rfc3339(memo.at)[:10]}, {memo.by}: {' '.join(memo.text.split())}"


def _caller(share: Share) -> str:
    return f"{share.scope.label} {share.share:.0%}"
