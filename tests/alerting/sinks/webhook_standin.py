"""A receiver of webhooks that verifies signatures as Standard Webhooks 1.0 describes it, on its own."""

import base64
import hashlib
import hmac
import json
from typing import Any

from aiohttp import web

from tests.alerting.http_standin import HttpStandin

KEY = b"webhook-canary-2718281828"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class WebhookStandin(HttpStandin):
    """Keeps what arrived with a good signature, each id once."""

    def __init__(self, now: Any = None, key: bytes | None = KEY) -> None:
        super().__init__(now)
        self.key = key
        self.arrived: dict[str, dict[str, Any]] = {}  # by webhook-id
        self.repeats = 0

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        if request.method != "POST" or request.content_type != "application/json":
            return web.Response(status=415)
        identity = request.headers.get("webhook-id", "")
        timestamp = request.headers.get("webhook-timestamp", "")
        if not identity or "." in identity or not timestamp.isdigit():
            return web.Response(status=400)
        if self.key is not None:
            if abs(int(timestamp) - self._clock()) > 300:
                return web.Response(status=401)
            signed = b".".join([identity.encode(), timestamp.encode(), body])
            good = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
            given = request.headers.get("webhook-signature", "").split(" ")
            if not any(hmac.compare_digest(text, f"v1,{good}") for text in given):
                return web.Response(status=401)
        self.repeats += identity in self.arrived
        self.arrived.setdefault(identity, json.loads(body))
        return web.Response(status=204)
