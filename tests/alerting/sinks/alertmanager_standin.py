"""A local Alertmanager that holds to the contract of API v2 (prometheus/alertmanager, api/v2/openapi.yaml).

``POST /api/v2/alerts`` takes ``postableAlerts``: ``labels`` are required (names as in Prometheus, values
not empty), ``startsAt`` and ``endsAt`` are date-times, ``generatorURL`` is a URI. An alert is known by its
labels. It ends at ``endsAt``; without one it would end after ``resolve_timeout``.
"""

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from tests.alerting.http_standin import HttpStandin

RESOLVE_TIMEOUT = 300.0
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_FIELDS = {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}

Labels = frozenset[tuple[str, str]]


class AlertmanagerStandin(HttpStandin):
    """Keeps alerts by their labels until it is restarted."""

    def __init__(self, now: Any = None) -> None:
        super().__init__(now)
        self.alerts: dict[Labels, dict[str, Any]] = {}
        self.paged: list[Labels] = []  # each time an alert began to fire

    def restart(self) -> None:
        """Forget all alerts, as Alertmanager does."""
        self.alerts.clear()

    def firing(self, at: float | None = None) -> list[dict[str, Any]]:
        """Return the alerts that are open."""
        now = self._clock() if at is None else at
        return [alert for alert in self.alerts.values() if alert["ends"] > now]

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        if request.path == "/api/v2/status" and request.method == "GET":
            return web.json_response({"versionInfo": {"version": "0.27.0"}, "cluster": {"status": "ready"}})
        if request.path != "/api/v2/alerts" or request.method != "POST":
            return web.Response(status=404)
        if request.content_type != "application/json":
            return web.json_response({"code": 415, "message": "unsupported media type"}, status=415)
        given = json.loads(body)
        if not isinstance(given, list) or (error := next(filter(None, map(_error, given)), None)):
            return web.json_response(error if isinstance(given, list) else "not a list", status=400)
        for alert in given:
            self._take(alert)
        return web.Response(status=200)

    def _take(self, alert: dict[str, Any]) -> None:
        now = self._clock()
        labels = frozenset(alert["labels"].items())
        ends = _time(alert["endsAt"]) if "endsAt" in alert else now + RESOLVE_TIMEOUT
        known = self.alerts.get(labels)
        if ends > now and (known is None or known["ends"] <= now):
            self.paged.append(labels)
        self.alerts[labels] = {**alert, "ends": ends}


def _error(alert: Any) -> str | None:
    """Return the mistakes of an alert."""
    if not isinstance(alert, dict) or not alert.get("labels") or set(alert) - _FIELDS:
        return "labels are required, and nothing unknown"
    for text in ("labels", "annotations"):
        for name, value in alert.get(text, {}).items():
            if not _NAME.fullmatch(name) or not isinstance(value, str) or (text == "labels" and not value):
                return f"invalid {text}: {name}"
    try:
        starts, ends = (_time(alert[name]) if name in alert else None for name in ("startsAt", "endsAt"))
    except ValueError:
        return "no date-time"
    if starts is not None and ends is not None and ends < starts:
        return "start time must be before end time"
    if "generatorURL" in alert and not urlsplit(alert["generatorURL"]).scheme:
        return "generatorURL is no URI"
    return None


def _time(text: str) -> float:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        raise ValueError(text)
    return datetime.fromisoformat(text).timestamp()
