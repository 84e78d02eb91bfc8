"""``/backfill``: a backfill asks a running daemon for its state, and hands over the history it learnt."""

import asyncio
from pathlib import Path

from aiohttp import web

from streams.drivers.local.log_judge import LogJudge
from streams.drivers.local.takeover import LearntFileError, read_learnt
from streams.process.part import Part
from streams.process.web.access import refuse_order
from streams.process.web.answer_forms import TakeoverAnswer, TakingUpAnswer, json_of, refusal


class BackfillRoutes(Part):
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
        if (refused := refuse_order(request, "history can be taken up")) is not None:
            return refused
        if self._judge.takeover.waits:
            return refusal(
                "another history is being taken up; try again when that is done (`uneri status`)", 409
            )
        try:
            learnt = await asyncio.to_thread(read_learnt, self._folder)
        except LearntFileError as error:
            return refusal(str(error), 409)
        if learnt is None:
            return refusal(f"{self._folder} holds nothing that a backfill has finished", 409)
        self._judge.begin_takeover(learnt)
        return json_of(TakingUpAnswer(True), 202)
