"""Tells all who wait that there is something new to see."""

import asyncio


class StepSignal:
    """Counts what was told; whoever is slow learns of the newest only.

    All of it happens in one event loop; nothing is kept for anybody.
    """

    def __init__(self) -> None:
        self.number = 0
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Say that a step was judged, or that something else on the board has changed."""
        self.number += 1
        told, self._told = self._told, asyncio.Event()
        told.set()

    async def after(self, number: int) -> int:
        """Return the newest number, once it is greater than ``number``."""
        while self.number <= number:
            await self._told.wait()
        return self.number
