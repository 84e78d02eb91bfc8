"""``/backfill``: a backfill asks a running daemon for its state, and hands over the history it learnt."""

import asyncio
from pathlib import Path

from aiohttp import web

from streams.drivers.local.log_judge import LogJudge
from streams.drivers.local.takeover import LearntFileError, read_learnt
from streams.process.web.access import is_trusted
from streams.process.web.answer_forms import json_of
from streams.screens.openapi.operations import TakeoverAnswer, TakingUpAnswer


class BackfillRoutes:
    """Routes for the daemon that has ``folder`` as its state."""

    def __init__(self, folder: Path, judge: LogJudge) -> None:
        self._folder = folder
        self._judge = judge

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [web.get("/backfill", self._state), web.post("/backfill", self._begin)]

    async def _state(self, _: web.Request) -> web.Response:
        takeover = self._judge.takeover
        begins = await asyncio.to_thread(self._judge.first_bucket)
        return json_of(TakeoverAnswer(begins, takeover.waits, takeover.progress, takeover.refused))

    async def _begin(self, request: web.Request) -> web.Response:
        if not is_trusted(request):
            message = "without a token, history can be taken up only on this machine, at 127.0.0.1"
            return web.json_response({"error": message}, status=403)
        if request.content_type != "application/json":
            return web.json_response({"error": "send application/json"}, status=415)
        if self._judge.takeover.waits:
            message = "another history is being taken up; try again when that is done (`uneri status`)"
            return web.json_response({"error": message}, status=409)
        try:
            learnt = await asyncio.to_thread(read_learnt, self._folder)
        except LearntFileError as error:
            return web.json_response({"error": str(error)}, status=409)
        if learnt is None:
            message = f"{self._folder} holds nothing that a backfill has finished"
            return web.json_response({"error": message}, status=409)
        self._judge.begin_takeover(learnt)
        return json_of(TakingUpAnswer(True), 202)
