"""The wall as JSON, made once a step for all who look at it."""

import asyncio
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from streams.screens.board.board_data import BoardData
from streams.screens.board.wall.wall import Wall


class WallTime(NamedTuple):
    """How new something is: the numbers of the step, and of the change of incidents since then."""

    step: int = -1
    change: int = -1


class NewestWall(NamedTuple):
    """The newest wall and its incidents alone, encoded."""

    time: WallTime
    wall: bytes
    incidents: bytes


class WallJson:
    """Keeps the newest wall, encoded. Incidents that change between two steps renew their part of it."""

    def __init__(self, data: BoardData) -> None:
        self._data = data
        self._making = asyncio.Lock()
        self._wall: Wall | None = None
        self._newest = NewestWall(WallTime(), b"", b"")

    @property
    def time(self) -> WallTime:
        """Return how new a wall would be that is asked for now."""
        return WallTime(self._data.judged.number, self._data.renewed.number)

    async def newest(self) -> NewestWall:
        """Return the newest wall.

        Raises
        ------
        streams.screens.board.board_data.BoardDataError
            When its data cannot be had.
        """
        async with self._making:
            time = self.time
            if time == self._newest.time:
                return self._newest
            if self._wall is None or time.step != self._newest.time.step:
                wall = await self._data.wall()
            else:
                wall = replace(self._wall, incidents=await self._data.incidents())
            self._wall = wall
            self._newest = NewestWall(
                time, msgspec.json.encode(wall), msgspec.json.encode({"incidents": wall.incidents})
            )
            return self._newest
