"""A notice: something to report about incidents, and why."""

from enum import StrEnum
from hashlib import blake2b

import msgspec

from alerting.incidents.incident import WITHDRAWN, Incident
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Hot, Standings


class Action(StrEnum):
    """The change of the message that a notice calls for."""

    OPEN = "open"
    UPDATE = "update"
    RESOLVE = "resolve"
    WITHDRAW = "withdraw"  # late data showed no deviation
    DIGEST = "digest"


class Milestone(StrEnum):
    """A change in an incident's life that gets a line in its thread."""

    OPENED = "opened"
    ESCALATED = "escalated"  # its severity rose: people are called again
    WORSENED = "worsened"
    EASED = "eased"
    SHIFTED = "shifted"  # it persists: a new level
    DEEPER = "deeper"  # the message is now about a finding that explains it
    CALLER = "caller"  # a new caller among the top three
    JOINED = "joined"  # another part of the backend is affected
    REOPENED = "reopened"
    AMENDED = "amended"  # late data changed the figures
    PRECEDED = "preceded"  # a deployment or other change shortly before it became known
    WITHDRAWN = "withdrawn"
    RESOLVED = "resolved"


class NoticeReason(StrEnum):
    """Why something is reported, or is not."""

    TABLE = "a table is affected: reported at once"
    GAP = "nothing arrives: reported at once"
    NEW = "an exception never seen before: reported at once"
    STRONG = "it deviates strongly: reported at once"
    NEAR = "a limit is reached now or tomorrow"
    WAITED = "no deeper finding appeared while it waited"
    JOINED = "another finding joined"
    DEEPER = "a deeper finding explains it"
    CHANGED = "the evidence changed"
    REOPENED = "it recurred soon after it was resolved"
    QUIET = "no finding is open anymore"
    WORSE = "it worsened"
    BETTER = "it is easing"
    LATE = WITHDRAWN
    AMENDED = "late data changed the figures"
    PRECEDED = "a change shortly before it became known"
    ENDED = "it ended before it was reported"
    TAKEN_OVER = "its routes are still served: another function took over"
    WAITING = "waiting for a deeper finding"
    SMALL = "certain, but too small to page: in the digest and on the board"
    ABSORBED = "another incident explains it"
    GROWTH = "growth is reported in the digest"
    FLOOD = "many incidents at once share one message"
    DAILY = "the daily digest"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to report. The same feed gives the same ``id``, so a repeat is recognised.

    ``incidents`` is one incident; of a digest all that grow (fewest days to the limit first); of a flood all
    of them in their newest states, without traces.
    """

    id: str
    action: Action
    at: int  # the watermark at which it is reported, epoch seconds
    reason: NoticeReason
    incidents: list[Incident]
    hottest: list[Hot] = []  # of a digest: the leading tables and those with a limit
    standings: Standings = Standings()  # of a digest: APIs by use and by latency, business values
    milestones: list[Milestone] = []  # the lines for its thread
    names: dict[Milestone, list[str]] = {}  # of new members, primaries and callers: never trusted
    maturity: list[Maturity] = []  # of a digest: what became judgeable, by hour, the newest last
    small: list[Incident] = []  # of a digest: what was open since the last one and too small to page

    @property
    def incident(self) -> Incident:
        """The incident of a notice other than a digest."""
        return self.incidents[0]

    @property
    def is_page(self) -> bool:
        """Whether somebody is to be called, for the first time or again."""
        return self.action is Action.OPEN and self.incident.sent == "page"


def identify(*parts: object) -> str:
    """Return 20 hexadecimal digits derived from the parts alone."""
    return blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
