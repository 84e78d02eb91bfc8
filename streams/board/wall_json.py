"""The wall as JSON, made once a step for all who look at it."""

import asyncio

import msgspec

from streams.board.board_data import BoardData


class WallJson:
    """Keeps the newest wall, encoded."""

    def __init__(self, data: BoardData) -> None:
        self._data = data
        self._making = asyncio.Lock()
        self._number = -1
        self._encoded = b""

    async def newest(self) -> tuple[int, bytes]:
        """Return the number of the newest step, and its wall.

        Raises
        ------
        streams.board.board_data.BoardDataError
            When its data cannot be had.
        """
        async with self._making:
            number = self._data.judged.number
            if number != self._number:
                self._encoded = msgspec.json.encode(await self._data.wall())
                self._number = number
            return self._number, self._encoded
