"""``GET /board/incidents`` and ``/board/incidents/ID``: the list with its timeline; one incident whole."""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from typing import Final, NamedTuple

import msgspec
from aiohttp import web

from alerting.commands.matching import services_of
from alerting.commands.memo import Memo, MemoAnswer
from alerting.incidents.answers import ChangeAnswer, SeverityAnswer, change_answer, severity_answer
from alerting.incidents.growth import together
from alerting.incidents.incident import Sent, State
from alerting.messages.incident_answer import LabelledAnswer, WhoAnswer, acknowledgement, label_of
from alerting.pipeline.incident_registry import TrackedIncident
from detectors.model.copy_fields import copy_fields
from detectors.model.finding import AddedUp, Failures, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import ScopeAnswer
from detectors.model.stated import StatedChange
from streams.notify.command_routes import UNKNOWN
from streams.screens.board.board_answers import SharedAnswers, answering, encoded, in_json, refused
from streams.screens.board.incidents.incident_service import IncidentService, KnownIncidents

MOST: Final = 500
"""Incidents, memos and changes in one answer, the newest of each."""

DAY: Final = 86400
RANGES: Final = {"1d": DAY, "1w": 7 * DAY, "5w": 35 * DAY}
STATES: Final = ("open", "ended")


class FilterError(ValueError):
    """A filter is not understood; the message lists the known ones."""


class IncidentFilter(NamedTuple):
    """A choice of incidents; an empty string leaves a part out."""

    seconds: int = RANGES["1w"]
    state: str = ""
    verdict: str = ""
    account: str = ""
    kind: str = ""

    @classmethod
    def of(cls, asked: dict[str, str]) -> "IncidentFilter":
        """Return the filter that the parameters of a request ask for.

        Raises
        ------
        FilterError
            When one of them is unknown.

        Examples
        --------
        >>> IncidentFilter.of({"range": "1d", "verdict": "spike"})
        IncidentFilter(seconds=86400, state='', verdict='spike', account='', kind='')
        """
        span, state, verdict = (asked.get(name, "") for name in ("range", "state", "verdict"))
        for name, given, allowed in (
            ("range", span, tuple(RANGES)),
            ("state", state, STATES),
            ("verdict", verdict, tuple(known.value for known in Verdict)),
        ):
            if given and given not in allowed:
                raise FilterError(f"{name} must be one of {', '.join(allowed)}")
        seconds = RANGES[span or "1w"]
        return cls(seconds, state, verdict, asked.get("account", ""), asked.get("kind", ""))

    def fits(self, tracked: TrackedIncident, since: int) -> bool:
        """Return whether an incident is asked for that lasted beyond ``since``, epoch seconds."""
        ended = tracked.ended_at
        if ended is not None and ended < since:
            return False
        about, verdict = tracked.incident.primary.about, tracked.incident.verdict.value
        return (
            (not self.state or (self.state == "ended") == (ended is not None))
            and (not self.verdict or self.verdict == verdict)
            and (not self.account or self.account == about.account)
            and (not self.kind or self.kind == about.kind)
        )


class ListedIncident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident in a line; the fields are those of ``GET /incidents``. ``memos`` counts its own.

    ``services`` are those that it involves.
    """

    id: str
    verdict: Verdict
    state: State
    sent: Sent
    reason: str
    start: int
    end: int | None
    scope: ScopeAnswer
    measure: Measure
    observed: float
    expected: float | None
    severity: SeverityAnswer
    reopened: int
    error_type: str | None
    failures: Failures | None
    added_up: AddedUp | None
    services: list[str]
    memos: int
    acknowledged: WhoAnswer | None = None
    labelled: LabelledAnswer | None = None


class ListedIncidents(msgspec.Struct, frozen=True, kw_only=True):
    """What a range has, from ``since`` to ``at``, epoch seconds; of everything the newest first.

    ``memos`` are those that belong to no incident. ``left_out`` counts older incidents that did not fit.
    """

    at: int
    since: int
    incidents: list[ListedIncident]
    left_out: int
    memos: list[MemoAnswer]
    changes: list[ChangeAnswer]


class IncidentRoutes:
    """Serves the list, and one incident whole; ``seen`` is as for ``SharedAnswers``."""

    def __init__(self, incidents: IncidentService, seen: Callable[[], Hashable]) -> None:
        self._incidents = incidents
        self._shared = SharedAnswers(seen)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/board/incidents", answering(self._list)),
            web.get("/board/incidents/{id}", answering(self._show)),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        try:
            asked = IncidentFilter.of(dict(request.query))
        except FilterError as error:
            return refused(str(error), 400)
        return in_json(await self._shared.answer(asked, lambda: self._rows(asked)))

    async def _rows(self, asked: IncidentFilter) -> ListedIncidents:
        known = await self._incidents.known()
        # Beside the event loop, which may change incidents meanwhile: then all boards ask again.
        return await asyncio.to_thread(listed_incidents, known, asked)

    async def _show(self, request: web.Request) -> web.Response:
        whole = await self._incidents.whole(request.match_info["id"])
        return encoded(UNKNOWN, 404) if whole is None else encoded(whole)


def listed_incidents(known: KnownIncidents, asked: IncidentFilter) -> ListedIncidents:
    """Return the incidents that a filter asks for."""
    since = known.at - asked.seconds
    once = {incident.id for incident in together(of.incident for of in known.tracked if of.ended_at is None)}
    found = [
        incident
        for incident in known.tracked
        if asked.fits(incident, since) and (incident.ended_at is not None or incident.incident.id in once)
    ]
    newest = heapq.nlargest(MOST, found, key=lambda tracked: (tracked.incident.start, tracked.sequence))
    noted = Counter(memo.incident for memo in known.memos)
    return ListedIncidents(
        at=known.at,
        since=since,
        incidents=[listed_incident(incident, noted[incident.incident.id]) for incident in newest],
        left_out=len(found) - len(newest),
        memos=[memo.as_answer() for memo in heapq.nlargest(MOST, _timeline(known, asked), key=_moment)],
        changes=[change_answer(change) for change in _changes(known, asked)],
    )


def listed_incident(tracked: TrackedIncident, memos: int) -> ListedIncident:
    """Return an incident in a line."""
    incident = tracked.incident
    primary = incident.primary
    return copy_fields(
        ListedIncident,
        incident,
        primary,
        sent=tracked.sent,
        reason=tracked.reason,
        scope=primary.about.as_answer(),
        severity=severity_answer(incident.severity),
        error_type=primary.error_type or None,
        services=sorted(services_of(incident)),
        memos=memos,
        acknowledged=acknowledgement(tracked.commands),
        labelled=label_of(tracked.commands),
    )


def _moment(memo: Memo) -> tuple[int, int]:
    return memo.at, memo.number


def _timeline(known: KnownIncidents, asked: IncidentFilter) -> Iterator[Memo]:
    since = known.at - asked.seconds
    for memo in known.memos:
        kind = memo.scope.partition(":")[0]
        if not memo.incident and memo.at >= since and (not asked.kind or not kind or asked.kind == kind):
            yield memo


def _changes(known: KnownIncidents, asked: IncidentFilter) -> list[StatedChange]:
    since = known.at - asked.seconds
    fitting = (
        change
        for change in known.changes
        if change.ts >= since
        and (not asked.account or asked.account == change.about.account)
        and (not asked.kind or asked.kind == change.about.kind)
    )
    return heapq.nlargest(MOST, fitting, key=lambda change: change.ts)
