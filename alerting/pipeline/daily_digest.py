"""The digest in the pipeline: its channels, expiring silences, page precision, incidents held back."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import structs

from alerting.commands.command import MARKS, CommandKind, standing
from alerting.commands.dispatch import Dispatch, Expiring, Form, Precision
from alerting.incidents.digest_reporter import next_digest
from alerting.incidents.notice import Action, Notice, NoticeReason, identify
from alerting.pipeline.incident_registry import TrackedIncident
from alerting.pipeline.routing import Routing
from alerting.pipeline.silences import Silences, size_of
from config.settings import DigestSettings
from detectors.watch.maturity import Maturity, merged
from detectors.watch.rankings import Standings

WEEKS: Final = 4
"""Weeks over which the digest reports precision: ended incidents are remembered that long."""


class DailyDigest:
    """Forwards the digest; makes one on a day without any on which incidents were held."""

    def __init__(
        self,
        settings: DigestSettings,
        zone: ZoneInfo,
        *,
        routing: Routing,
        silences: Silences,
        known: Iterable[TrackedIncident],
        held: Counter[str],
    ) -> None:
        self._settings, self._zone = settings, zone
        self._routing, self._silences, self._known = routing, silences, known
        self._held = held  # what ended while it was held since the last digest, by stage
        self.seen: dict[str, None] = {}  # ids of digests, the oldest first
        self.due: int | None = None  # when a digest must report what was held, epoch seconds
        self.learnt: dict[str, int] = {}  # scopes that became judgeable in history, by kind, not reported yet

    def learn(self, notice: Notice, since: int) -> Notice:
        """Count the scopes that became judgeable before ``since``; return the notice without them."""
        past = [maturity for maturity in notice.maturity if maturity.at <= since]
        self.learnt = merged([Maturity(since, self.learnt), *past]).judgeable
        lived = [maturity.past() if maturity.at <= since else maturity for maturity in notice.maturity]
        return structs.replace(notice, maturity=lived)

    def digest(self, notice: Notice) -> Iterator[Dispatch]:
        """Yield a digest for each channel.

        What ended while held, and the scopes that became judgeable before ``since``, are reported once.
        """
        digests = self._routing.digests
        found = self._routing.digest(notice.incidents)
        found.setdefault(digests, [])
        expiring = self._expiring(notice.at)
        for destination, incidents in found.items():
            if destination != digests:
                part = structs.replace(
                    notice, incidents=incidents, hottest=[], standings=Standings(), maturity=[], small=[]
                )
                yield _dispatch(part, destination)
                continue
            judgeable = self.learnt or merged(notice.maturity).judgeable
            told = incidents or notice.small or notice.hottest or notice.standings or judgeable
            if told or self._held or expiring:
                yield structs.replace(
                    _dispatch(structs.replace(notice, incidents=incidents), destination),
                    expiring=expiring,
                    precision=_precision(self._known, notice.at),
                    held=dict(sorted(self._held.items())),
                    learnt=self.learnt,
                )
        self._held.clear()
        self.learnt = {}
        self.due = None

    def missed(self, at: int) -> Iterator[Dispatch]:
        """Yield the digest of a day on which nothing else made one, when it is due; expect the next."""
        if self.due is not None and at >= self.due:
            self.due = None
            if self._held:
                key, reason = identify("digest", at, "held"), NoticeReason.DAILY
                yield from self.digest(
                    Notice(id=key, action=Action.DIGEST, at=at, reason=reason, incidents=[])
                )
        if self._held and self.due is None:
            self.due = next_digest(at, self._settings, self._zone)

    def _expiring(self, at: int) -> list[Expiring]:
        following = next_digest(at, self._settings, self._zone)
        return [
            Expiring(id=silence.id, what=silence.what, until=silence.until, by=silence.by)
            for silence in self._silences.active(at)
            if silence.until is not None and silence.until <= following and not silence.fingerprint
        ]


def _dispatch(notice: Notice, destination: str) -> Dispatch:
    return Dispatch(
        id=identify(notice.id, destination),
        destination=destination,
        form=Form.DIGEST,
        subject=notice.id,
        notice=notice,
        at=notice.at,
    )


def _precision(known: Iterable[TrackedIncident], at: int) -> Precision | None:
    since = at - WEEKS * 7 * 86400
    pages = [
        incident
        for incident in known
        if incident.sent == "page" and incident.alerted is not None and incident.alerted > since
    ]
    if not pages:
        return None
    asked = [standing(tracked.commands) for tracked in pages]
    sizes: dict[bool, list[float]] = {True: [], False: []}
    for tracked, asks in zip(pages, asked, strict=True):
        if (size := size_of(tracked.incident)) is not None:
            sizes[bool(asks & MARKS)].append(size)
    proposed = less_sensitive(sizes[True], sizes[False])
    found = Precision(
        weeks=WEEKS,
        pages=len(pages),
        expected=sum(CommandKind.EXPECTED in asks for asks in asked),
        not_an_anomaly=sum(CommandKind.NOT_AN_ANOMALY in asks for asks in asked),
        withdrawn=sum(
            tracked.incident.state == "withdrawn" and not asks & MARKS
            for tracked, asks in zip(pages, asked, strict=True)
        ),
    )
    return found if proposed is None else structs.replace(found, **proposed._asdict())


STEPS: Final = (0.9, 0.8, 0.7, 0.6, 0.5)
"""In times the present sensitivity: below half, real incidents go first."""

FEWEST: Final = 5
"""Marked pages from which on a setting is proposed: a handful in weeks is what buttons are for."""

SHARE: Final = 1 / 3
"""Part of the pages that was marked from which on one is proposed."""

WORTH: Final = 1 / 2
"""Part of the marked pages that it must leave out."""

PRICE: Final = 1 / 10
"""Part of the others that it may leave out."""


class Proposal(NamedTuple):
    """A sensitivity, in times the present one, and how many marked and other pages it would have left out."""

    sensitivity: float
    left_out: int
    lost: int


def less_sensitive(marked: Sequence[float], others: Sequence[float]) -> Proposal | None:
    """Return the least change that helps with pages of these sizes; None if nothing helps.

    Examples
    --------
    >>> less_sensitive([1.1, 1.2, 1.2, 1.3, 4.0], [3.0, 5.0, 9.0])
    Proposal(sensitivity=0.8, left_out=3, lost=0)
    >>> less_sensitive([1.1] * 4, []), less_sensitive([1.1] * 5, [1.1] * 11), less_sensitive([9.0] * 5, [])
    (None, None, None)
    """
    if len(marked) < FEWEST or len(marked) < SHARE * (len(marked) + len(others)):
        return None
    for times in STEPS:
        left_out = sum(size * times < 1 for size in marked)
        lost = sum(size * times < 1 for size in others)
        if left_out >= WORTH * len(marked) and lost <= PRICE * len(others):
            return Proposal(times, left_out, lost)
    return None
