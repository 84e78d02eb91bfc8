"""What all boards show of a step, as JSON: made once a step for all who look at it."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from streams.board.step_signal import StepSignal


class StepJson:
    """Keeps the newest, encoded; makes nothing while nobody asks.

    Parameters
    ----------
    judged
        What tells that a step was judged.
    make
        Makes what is encoded, and may raise ``BoardDataError``.
    """

    def __init__(self, judged: StepSignal, make: Callable[[], Awaitable[object]]) -> None:
        self._judged = judged
        self._make = make
        self._making = asyncio.Lock()
        self._number = -1
        self._encoded = b""

    async def newest(self) -> tuple[int, bytes]:
        """Return the number of the newest step, and what was made of it.

        Raises
        ------
        streams.board.board_data.BoardDataError
            When its data cannot be had.
        """
        async with self._making:
            number = self._judged.number
            if number != self._number:
                self._encoded = msgspec.json.encode(await self._make())
                self._number = number
            return self._number, self._encoded
