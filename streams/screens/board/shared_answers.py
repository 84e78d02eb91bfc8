"""Answers of the newest step, made and encoded once for all who ask the same."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

import msgspec

MOST_KEPT: Final = 16
"""Answers that are kept, some hundred kilobytes each; of more, the oldest are made again."""


class SharedAnswers:
    """Keeps answers until there is something new to see; who asks meanwhile waits for the same one.

    Parameters
    ----------
    seen
        Returns what is another value as soon as there is something new.
    """

    def __init__(self, seen: Callable[[], Hashable]) -> None:
        self._seen = seen
        self._of: Hashable = None
        self._answers: dict[Hashable, asyncio.Task[bytes]] = {}

    async def answer(self, question: Hashable, make: Callable[[], Awaitable[object]]) -> bytes:
        """Return what ``make`` returns, as JSON; what it raises is raised, and not kept."""
        if (seen := self._seen()) != self._of:
            self._of, self._answers = seen, {}
        making = self._answers.get(question)
        if making is None:
            if len(self._answers) >= MOST_KEPT:
                del self._answers[next(iter(self._answers))]
            making = self._answers[question] = asyncio.create_task(_encoded(make))
        try:
            return await asyncio.shield(making)
        except Exception:
            if self._answers.get(question) is making:
                del self._answers[question]
            raise


async def _encoded(make: Callable[[], Awaitable[object]]) -> bytes:
    return msgspec.json.encode(await make())
