"""Incidents in a line each, open and ended: what a list and a timeline show of them."""

import heapq
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from alerting.commands.memo import Memo
from alerting.pipeline.tracked_incident import TrackedIncident
from detectors.model.finding import AddedUp, Failures, Verdict
from streams.notify.incidents_route import done_to_json
from streams.screens.board.incidents.incident_service import KnownIncidents

MOST: Final = 500
"""Incidents, memos and changes in one answer, the newest of each."""

DAY: Final = 86400
RANGES: Final = {"1d": DAY, "1w": 7 * DAY, "5w": 35 * DAY}
STATES: Final = ("open", "ended")


class FilterError(ValueError):
    """A filter is not understood; the message has what is."""


class IncidentFilter(NamedTuple):
    """Which incidents are asked for; an empty string leaves a part out."""

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
            ("verdict", verdict, tuple(one.value for one in Verdict)),
        ):
            if given and given not in allowed:
                raise FilterError(f"{name} must be one of {', '.join(allowed)}")
        seconds = RANGES[span or "1w"]
        return cls(seconds, state, verdict, asked.get("account", ""), asked.get("kind", ""))

    def takes(self, tracked: TrackedIncident, since: int) -> bool:
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
    """One incident in a line; the fields are those of ``GET /incidents``. ``memos`` counts its own."""

    id: str
    verdict: str
    state: str
    sent: str
    start: int
    end: int | None
    scope: dict[str, object]
    measure: str
    observed: float
    expected: float | None
    severity: dict[str, object]
    reopened: int
    error_type: str | None
    failures: Failures | None
    added_up: AddedUp | None
    memos: int
    acknowledged: object = None
    labelled: object = None


class ListedIncidents(msgspec.Struct, frozen=True, kw_only=True):
    """What a range has, from ``since`` to ``at``, epoch seconds; of everything the newest first.

    ``memos`` are those that belong to no incident. ``left_out`` counts older incidents that did not fit.
    """

    at: int
    since: int
    incidents: list[ListedIncident]
    left_out: int
    memos: list[dict[str, object]]
    changes: list[dict[str, object]]


def rows_of(known: KnownIncidents, asked: IncidentFilter) -> ListedIncidents:
    """Return the rows that a filter asks for."""
    since = known.at - asked.seconds
    found = [incident for incident in known.tracked if asked.takes(incident, since)]
    newest = heapq.nlargest(MOST, found, key=lambda one: (one.incident.start, one.sequence))
    noted = Counter(memo.incident for memo in known.memos)
    return ListedIncidents(
        at=known.at,
        since=since,
        incidents=[_row(incident, noted[incident.incident.id]) for incident in newest],
        left_out=len(found) - len(newest),
        memos=[memo.to_json() for memo in heapq.nlargest(MOST, _timeline(known, asked), key=_moment)],
        changes=list(_changes(known, asked)),
    )


def _row(tracked: TrackedIncident, memos: int) -> ListedIncident:
    incident = tracked.incident
    primary = incident.primary
    return ListedIncident(
        id=incident.id,
        verdict=incident.verdict.value,
        state=incident.state,
        sent=tracked.sent,
        start=incident.start,
        end=incident.end,
        scope=primary.about.to_json(),
        measure=primary.measure.value,
        observed=primary.observed,
        expected=primary.expected,
        severity=incident.severity.to_json(),
        reopened=incident.reopened,
        error_type=primary.error_type or None,
        failures=primary.failures,
        added_up=primary.added_up,
        memos=memos,
        **done_to_json(tracked),
    )


def _moment(memo: Memo) -> tuple[int, int]:
    return memo.at, memo.number


def _timeline(known: KnownIncidents, asked: IncidentFilter) -> Iterator[Memo]:
    since = known.at - asked.seconds
    for memo in known.memos:
        kind = memo.scope.partition(":")[0]
        if not memo.incident and memo.at >= since and (not asked.kind or not kind or asked.kind == kind):
            yield memo


def _changes(known: KnownIncidents, asked: IncidentFilter) -> Iterator[dict[str, object]]:
    since = known.at - asked.seconds
    fitting = (
        change
        for change in known.changes
        if change.ts >= since
        and (not asked.account or asked.account == change.about.account)
        and (not asked.kind or asked.kind == change.about.kind)
    )
    for one in heapq.nlargest(MOST, fitting, key=lambda change: change.ts):
        said = {"what": one.what, "version": one.version, "by": one.by, "url": one.url}
        yield {"ts": one.ts, "of": one.about.to_json(), **said}
