"""``GET /board/map``: the service map, made and packed once a step for all who look at it, and not before."""

import asyncio
import gzip
from typing import Final

import msgspec
from aiohttp import web

from streams.screens.board.board_data import BoardData, BoardDataError
from streams.screens.board.json_answer import in_json, refused

_LEVEL: Final = 5  # of gzip: a fifteenth of the size


class MapJson:
    """Keeps the newest map as it is sent.

    Parameters
    ----------
    data
        Makes it.
    """

    def __init__(self, data: BoardData) -> None:
        self._data = data
        self._making = asyncio.Lock()
        self._number = -1
        self._plain = self._packed = b""

    async def answer(self, request: web.Request) -> web.Response:
        """Return the newest map in the form that the browser takes."""
        try:
            await self._renew()
        except BoardDataError as error:
            return refused(str(error), 503)
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        answer = in_json(self._packed if packed else self._plain)
        answer.headers["Vary"] = "Accept-Encoding"
        if packed:
            answer.headers["Content-Encoding"] = "gzip"
        return answer

    async def _renew(self) -> None:
        async with self._making:
            number = self._data.judged.number
            if number != self._number:
                self._plain = msgspec.json.encode(await self._data.map())
                self._packed = await asyncio.to_thread(gzip.compress, self._plain, _LEVEL, mtime=0)
                self._number = number
