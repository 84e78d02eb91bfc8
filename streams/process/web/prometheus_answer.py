"""What clients of Prometheus expect of an answer, whoever refuses it: they show no text of another form."""

from typing import Final

import msgspec
from aiohttp import web

PATHS: Final = "/api/v1/"
"""What the paths of the read API begin with."""

_TYPES: Final = {401: "unauthorized", 403: "forbidden", 404: "not_found", 503: "unavailable"}


def in_prometheus_form(refused: web.Response) -> web.Response:
    """Return a refusal, whose body is ``{"error": …}``, in the form of Prometheus; its headers stay."""
    said = msgspec.json.decode(refused.text or "", type=dict[str, str])["error"]
    trouble = _TYPES.get(refused.status, "bad_data")
    refused.body = msgspec.json.encode({"status": "error", "errorType": trouble, "error": said})
    return refused
