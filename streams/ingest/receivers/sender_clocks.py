"""Whose clock is wrong when records claim a time after their arrival: their sender's, or that of this host.

A sender repeats what is answered with 503, and drops what is answered with 400. So what claims the future is
sent again until others have shown that this host is right; if most of them are ahead, this host is behind.
Those that agreed with it for long know that better than any number of newcomers.
"""

import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from threading import Lock
from typing import Final

import structlog

from streams.engine.decode.rejected import RejectReason
from streams.ingest.receivers.checked_lines import CheckedLines
from streams.ingest.receivers.sender_limits import KnownSenders
from streams.process.web.request_body import BodyError

AGAIN_SECONDS: Final = 5  # when a sender should send again
SURE_SECONDS: Final = 10.0  # for which most senders must be ahead before this host is behind
KEPT_SECONDS: Final = 600.0  # for which a body tells of its sender's clock
LEAP_SECONDS: Final = 30.0  # of this host's clock: what was seen before is no evidence
BODIES: Final = 8  # the last ones of a sender, of which most decide
APART_SECONDS: Final = 2.0  # of those that agree: who sends often, from one address, has no more votes
MOST: Final = 0.5
NEARLY_ALL: Final = 0.8
"""Share of senders from which on those that agree with this host wait, too: what they send would move time,
and the others would seem to fall silent."""

BEHIND: Final = "the clock of this host is behind those of most senders"

log = structlog.get_logger("uneri.intake")


class _Sender:
    __slots__ = ("ahead_at", "ahead_since", "bodies", "known", "right_since")

    def __init__(self) -> None:
        self.bodies = deque[tuple[float, bool]](maxlen=BODIES)  # when, and whether it was ahead
        self.ahead_at = float("-inf")  # when the newest was that is ahead
        self.ahead_since = 0.0  # when the first one was
        self.right_since = float("inf")  # when the first one was that is not, and nobody was ahead
        self.known = False  # to agree with this host, for long


class SenderClocks:
    """Has bodies sent again while this host's clock may be behind. Any thread may call it.

    Parameters
    ----------
    wall
        The clock that may be wrong, epoch seconds.
    now
        Monotonic, seconds.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._now = wall, now
        self._apart = wall() - now()
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self._senders = KnownSenders(_Sender)
        self._doubt: float | None = None  # since when most are ahead
        self._ahead_at = float("-inf")  # when the newest body was that is ahead
        self._behind = False

    def behind(self) -> str | None:
        """Return that this host's clock is behind, None if it is not."""
        with self._lock:
            self._forget_old(self._now())
            return f"{BEHIND}: set it (chronyc tracking, timedatectl)" if self._behind else None

    def check(self, sender: str, records: int, found: CheckedLines) -> None:
        """Note the clock of a body with this many records.

        Raises
        ------
        BodyError
            When it is to be sent again later.
        """
        ahead = [bad for bad in found.rejected if bad.reason is RejectReason.FAR_FUTURE]
        right = records - len(found.rejected)
        if not (ahead or right):
            return
        is_ahead = len(ahead) > right
        with self._lock:
            waits = self._waits(sender, is_ahead, ahead[0].detail if ahead else "")
            why = BEHIND if self._behind else "the clock of this sender is ahead, or that of this host behind"
        if waits:
            text = f"nothing was stored, send it again later: {why}"
            raise BodyError(
                f"{text} ({ahead[0].detail})" if ahead else text,
                HTTPStatus.SERVICE_UNAVAILABLE,
                "clock",
                seconds=AGAIN_SECONDS,
            )

    def _waits(self, sender: str, is_ahead: bool, detail: str) -> bool:
        now = self._now()
        self._forget_old(now)
        of = self._senders.heard(sender)
        if not any(alike is is_ahead and now - at < APART_SECONDS for at, alike in of.bodies):
            of.bodies.append((now, is_ahead))
        if is_ahead:
            if now - of.ahead_at > KEPT_SECONDS:
                of.ahead_since = now  # what came before may be of before this host's clock went wrong
            of.ahead_at = self._ahead_at = now
        elif self._doubt is None:
            of.right_since = min(of.right_since, now)
            of.known = now - of.right_since >= KEPT_SECONDS
            return False
        share = self._share(max(now - KEPT_SECONDS, of.ahead_since if is_ahead else 0.0))
        self._decide(share, now, detail)
        return share > (MOST if is_ahead else NEARLY_ALL) and (is_ahead or self._behind)

    def _share(self, since: float) -> float:
        """Return the share of senders that are ahead, if possible of known ones.

        One whose bodies differ counts in part.
        """
        known, others = list[float](), list[float]()
        for of in self._senders.values():
            ahead = [is_ahead for at, is_ahead in of.bodies if at >= since]
            if ahead:
                (known if of.known else others).append(sum(ahead) / len(ahead))
        shares = known or others
        return sum(shares) / len(shares) if shares else 0.0

    def _decide(self, share: float, now: float, detail: str) -> None:
        if share <= MOST:
            self._doubt = None
            self._end()
            return
        if self._doubt is None:
            self._doubt = now
        if not self._behind and now - self._doubt >= SURE_SECONDS:
            self._behind = True
            log.error(
                "the clock of this host is behind those of most senders, who are asked to send again later "
                "(503). Set this host's clock; if it is right, set theirs",
                ahead=f"{share:.0%} of the senders",
                detail=detail,
            )

    def _end(self) -> None:
        if self._behind:
            self._behind = False
            log.info("the clock of this host agrees with those of its senders again")

    def _forget_old(self, now: float) -> None:
        apart = self._wall() - now
        leaps = abs(apart - self._apart) > LEAP_SECONDS
        self._apart = apart
        if leaps or (self._behind and now - self._ahead_at > KEPT_SECONDS):
            self._end()
            self._forget()
