"""The people who may press buttons and use slash commands."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from streams.notify.slack_socket import reason_of

FRESH: Final = 300.0  # seconds for which a list of members is used without asking again
STALE: Final = 3600.0  # seconds for which it is used while Slack returns no new one

log = structlog.get_logger("uneri.slack")


class Operators:
    """The users and the members of the user groups in ``slack.operators``; everyone if it is empty.

    Fails closed: a user who cannot be found there is not allowed.

    ``ids`` are those of users (they begin with U or W) and user groups (S), ``members`` returns the members
    of a group, ``now`` is monotonic, seconds.
    """

    def __init__(
        self,
        ids: Iterable[str],
        members: Callable[[str], Awaitable[frozenset[str]]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        given = frozenset(ids)
        self._everyone = not given
        self._groups = sorted(name for name in given if name.startswith("S"))
        self._users = given - set(self._groups)
        self._members = members
        self._now = now
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    @property
    def groups(self) -> list[str]:
        """The user groups among them."""
        return list(self._groups)

    async def allowed(self, user: str) -> bool:
        """Return whether a user is an operator."""
        if self._everyone or user in self._users:
            return True
        for group in self._groups:
            if user in await self._members_of(group):
                return True
        return False

    async def _members_of(self, group: str) -> frozenset[str]:
        read_at, known = self._known.get(group, (float("-inf"), frozenset[str]()))
        age = self._now() - read_at
        if age < FRESH:
            return known
        try:
            known = await self._members(group)
        except Exception as error:  # noqa: BLE001  # any error: the last list, or no one
            log.warning("cannot read the members of a user group", group=group, reason=reason_of(error))
            return known if age < STALE else frozenset()
        self._known[group] = self._now(), known
        return known
