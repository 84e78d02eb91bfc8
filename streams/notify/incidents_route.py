"""``GET /incidents``: the incidents that have not ended, in the words of webhooks, for scripts and pages."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from alerting.messages.console_links import LinkMaker
from alerting.messages.request_lines import incident_to_json
from alerting.pipeline.pipeline import Pipeline
from streams.notify.command_routes import ELSEWHERE


def incidents_route(pipeline: Callable[[], Pipeline | None], links: Callable[[], LinkMaker]) -> web.RouteDef:
    """Return the route of a daemon: what is reported or held, oldest first.

    503 if there is no pipeline, because another process notifies.
    """

    async def show(_: web.Request) -> web.Response:
        present = pipeline()
        if present is None:
            return web.json_response(ELSEWHERE, status=503)
        found = [
            {
                **incident_to_json(one.incident, links(), present.memos_of(one.incident)),
                "sent": one.sent,
                "reason": one.reason,
            }
            for one in present.ongoing()
        ]
        return web.Response(body=msgspec.json.encode({"incidents": found}), content_type="application/json")

    return web.get("/incidents", show)
