"""Who may press buttons and give slash commands."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from streams.notify.slack_socket import reason_of

FRESH: Final = 300.0  # seconds: somebody who joins a group may press that much later
STALE: Final = 3600.0  # and that long the last list holds while Slack gives no new one

log = structlog.get_logger("uneri.slack")


class Operators:
    """Knows the users and the members of the user groups of ``slack.operators``; everybody when it is empty.

    Fail-closed: who cannot be found among them may not.

    Parameters
    ----------
    ids
        Ids of users (``U…``, ``W…``) and user groups (``S…``).
    members
        Gives the members of a group.
    now
        Any clock that does not go back, seconds.
    """

    def __init__(
        self,
        ids: Iterable[str],
        members: Callable[[str], Awaitable[frozenset[str]]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        given = frozenset(ids)
        self._everybody = not given
        self._groups = sorted(one for one in given if one.startswith("S"))
        self._users = given - set(self._groups)
        self._members = members
        self._now = now
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    @property
    def groups(self) -> list[str]:
        """The user groups among them."""
        return list(self._groups)

    async def may(self, user: str) -> bool:
        """Tell whether a user may act."""
        if self._everybody or user in self._users:
            return True
        for group in self._groups:
            if user in await self._of(group):
                return True
        return False

    async def _of(self, group: str) -> frozenset[str]:
        asked, known = self._known.get(group, (float("-inf"), frozenset[str]()))
        age = self._now() - asked
        if age < FRESH:
            return known
        try:
            known = await self._members(group)
        except Exception as error:  # noqa: BLE001  # whatever it is: the last list, or nobody
            log.warning("the members of a user group cannot be read", group=group, reason=reason_of(error))
            return known if age < STALE else frozenset()
        self._known[group] = self._now(), known
        return known
