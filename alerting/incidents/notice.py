"""A notice: something about incidents that is to be told, and why."""

from enum import StrEnum
from hashlib import blake2b

import msgspec

from alerting.incidents.incident import WITHDRAWN, Incident
from detectors.watch.hottest import Hot
from detectors.watch.standings import Standings


class Action(StrEnum):
    """What a notice asks the message for."""

    OPEN = "open"
    UPDATE = "update"
    RESOLVE = "resolve"
    WITHDRAW = "withdraw"  # late data showed that there was nothing
    DIGEST = "digest"


class Milestone(StrEnum):
    """A turn in an incident's life that its thread keeps a line of."""

    OPENED = "opened"
    WORSENED = "worsened"
    EASED = "eased"
    SHIFTED = "shifted"  # it stays: a new level
    DEEPER = "deeper"  # the message is about something else now, which explains it
    CALLER = "caller"  # a new caller among the first three
    JOINED = "joined"  # another part of the backend is affected
    REOPENED = "reopened"
    AMENDED = "amended"  # late data changed the figures
    WITHDRAWN = "withdrawn"
    RESOLVED = "resolved"


class NoticeReason(StrEnum):
    """Why something is told, or is not."""

    TABLE = "a table is affected: told at once"
    NEW = "an exception that was never seen before: told at once"
    NEAR = "a limit is met now or tomorrow"
    WAITED = "no deeper finding took it in while it waited"
    JOINED = "another finding joined"
    DEEPER = "a deeper finding explains it"
    CHANGED = "the evidence changed"
    REOPENED = "it came back soon after it was resolved"
    QUIET = "no finding is open any more"
    WORSE = "it worsened"
    BETTER = "it eases"
    LATE = WITHDRAWN
    AMENDED = "late data changed the figures"
    OVER = "it was over before it was told"
    TAKEN_OVER = "the routes in front are served as usual: another function took over"
    WAITING = "waits for a deeper finding"
    GROWTH = "growth goes to the digest"
    FLOOD = "many at once are one message"
    DAILY = "the daily digest"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell. The same feed gives the same ``id``, so a repeated one is recognised.

    ``incidents`` is one incident, or all that grow for a digest (fewest days to the limit first).
    """

    id: str
    action: Action
    at: int  # the watermark at which it is told, epoch seconds
    reason: NoticeReason
    incidents: list[Incident]
    hottest: list[Hot] = []  # of a digest: who leads, and what has a limit
    standings: Standings = Standings()  # of a digest: the APIs by use and by their worst, business values
    milestones: list[Milestone] = []  # what its thread keeps a line of
    names: dict[Milestone, list[str]] = {}  # of what joined, leads or calls: from events, never trusted

    @property
    def incident(self) -> Incident:
        """The incident of a notice that is not a digest."""
        return self.incidents[0]


def identify(*parts: object) -> str:
    """Return 20 hexadecimal digits that follow from the parts alone."""
    return blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
