"""Incidents in a line each, open and recent ones; and what was deployed or configured."""

from collections.abc import Iterator, Mapping
from typing import Final

from mcp.types import CallToolResult
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from alerting.incidents.answers import ChangeAnswer
from alerting.messages.incident_answer import IncidentAnswer
from alerting.words.locales import ENGLISH
from streams.screens.board.incidents.incident_routes import MOST as NEWEST
from streams.screens.board.incidents.incident_routes import ListedIncident, ListedIncidents
from streams.screens.mcp.board_client import BoardClient
from streams.screens.mcp.named_scope import BoardPlaces, NamedScope
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered, known
from streams.screens.mcp.tool_figures import ToolTimes, amount, duration, measure_in_words, share_in_words
from streams.screens.mcp.untrusted_text import TEXT, quoted, shown, shown_url

MOST: Final = 50
A_CENT: Final = 0.01  # an hour: less is not shown


class IncidentLine(ToolPart):
    """One incident in a line. Values are per second, milliseconds of a latency."""

    id: str = Field(description="as show_incident takes it")
    verdict: str
    state: str
    sent: str = Field(description="page: people are called; digest; none: held back")
    about: NamedScope
    measure: str
    observed: float | None = None
    expected: float | None = None
    mean_seconds: int | None = Field(
        None, description="that observed and expected are means of; else they are of the newest minute"
    )
    start: str
    end: str | None = None
    severity: str | None = None
    harm: str | None = Field(None, description="what makes it as severe as it is")
    error_type: str | None = None
    acknowledged_by: str | None = None
    labelled: str | None = Field(None, description="expected or not_an_anomaly, as people said")
    memos: int = 0
    costs: float | None = Field(None, description="US dollars an hour more than what was expected")
    sentence: str | None = Field(None, description="why it is one, in the judge's words")
    link: str
    words: SkipJsonSchema[str] = Field("", exclude=True)


class IncidentsData(ToolData):
    """Incidents of a range, the newest first."""

    at: str = Field(description="up to when incidents are known")
    since: str
    incidents: list[IncidentLine]
    older: int = Field(0, description="that the daemon left out itself")
    link: str


async def incidents_answer(
    board: BoardClient, asked: Mapping[str, str], about: str, most: int
) -> CallToolResult:
    """Return the incidents of a range.

    Parameters
    ----------
    asked
        ``range``, ``state``, ``verdict``, ``kind`` and ``account``, as ``GET /board/incidents`` has them.
    about
        A part of the name that they are about.

    Raises
    ------
    BoardAnswerError
        When the daemon does not answer.
    """
    found = await board.ask_for(ListedIncidents, "/board/incidents", **asked)
    times, places = await board.times(), BoardPlaces(board.url)
    lines = [incident_line(incident, times, places, at=found.at) for incident in found.incidents]
    wanted = [line for line in lines if about.lower() in line.about.scope.lower()]
    data = IncidentsData(
        at=times.data(found.at),
        since=times.data(found.since),
        incidents=wanted[:most],
        older=found.left_out,
        link=places.incidents(**asked),
    )
    data.leave_out(incidents=len(wanted))
    return answered(data, _lines(data, asked, len(wanted), times.words(found.at)))


def incident_line(
    written: IncidentAnswer | ListedIncident, times: ToolTimes, places: BoardPlaces, *, at: int | None = None
) -> IncidentLine:
    """Return one incident, as ``GET /incidents`` or ``/board/incidents`` has it.

    ``at`` is the watermark, epoch seconds: open ones have lasted until then.
    """
    whole = written if isinstance(written, IncidentAnswer) else None
    mean = written.added_up or None
    amounts = mean or written
    made = IncidentLine(
        id=written.id,
        verdict=written.verdict.value,
        state=written.state,
        sent=written.sent,
        about=NamedScope.of(written.scope),
        measure=shown(written.measure, 80),
        observed=amounts.observed,
        expected=amounts.expected,
        mean_seconds=mean.seconds if mean else None,
        start=times.data(written.start),
        end=None if written.end is None else times.data(written.end),
        severity=written.severity.level,
        harm=written.severity.harm.value,
        error_type=shown(written.error_type or None, 120) or None,
        acknowledged_by=shown(written.acknowledged.by, 60) if written.acknowledged else None,
        labelled=written.labelled.label.value if written.labelled else None,
        memos=written.memos if isinstance(written.memos, int) else len(written.memos),
        costs=known(whole.costs) if whole else None,
        sentence=shown(whole.sentence, TEXT) or None if whole else None,
        link=places.incident(written.id),
    )
    made.words = " ".join(_words(written, made, times, at))
    return made


def _words(
    written: IncidentAnswer | ListedIncident, made: IncidentLine, times: ToolTimes, at: int | None
) -> Iterator[str]:
    kind = made.about.kind
    where = f" ({made.about.where})" if made.about.where else ""
    yield f"{made.verdict} of {measure_in_words(made.measure, kind)} at {made.about.words}{where}:"
    if made.error_type:
        yield f"{quoted(made.error_type)},"
    failures = written.failures
    if failures:
        share = failures.failed / failures.requests if failures.requests else None
        yield f"{failures.failed:,.0f} of {failures.requests:,.0f} failed ({share_in_words(share)}),"
    observed, expected = (amount(value, made.measure, kind) for value in (made.observed, made.expected))
    over = "" if made.mean_seconds is None else f" over {duration(made.mean_seconds)}"
    yield f"{observed}{over}, expected {expected};"
    if written.end is not None:
        span, lasted = times.span(written.start, written.end), duration(written.end - written.start)
        yield f"{span} ({lasted}), {made.state};"
    else:
        lasted = "" if at is None else f", for {duration(at - written.start)}"
        yield f"since {times.words(written.start)}{lasted}, {made.state};"
    facts = [f"severity {made.severity}", _sent(made.sent)]
    if made.costs is not None and abs(made.costs) >= A_CENT:
        facts.append(f"costs {ENGLISH.figures.costs(made.costs)}")
    if made.acknowledged_by is not None:
        facts.append(f"acknowledged by {quoted(made.acknowledged_by)}")
    if made.labelled:
        facts.append(f"labelled {made.labelled}")
    if made.memos:
        facts.append("1 memo" if made.memos == 1 else f"{made.memos} memos")
    yield ", ".join(facts) + ";"
    yield f"id {made.id}"


def _sent(sent: str) -> str:
    return {"page": "people are called", "digest": "in the digest"}.get(sent, "held back")


def _lines(data: IncidentsData, asked: Mapping[str, str], count: int, at: str) -> Iterator[str]:
    state = asked.get("state", "")
    what = f"{state} incident" if state else "incident"
    span = f"in the last {asked.get('range') or '1w'} up to {at}"
    yield (
        f"No {what} {span}."
        if not count
        else f"{count} {what}{'' if count == 1 else 's'} {span}, the newest first:"
    )
    for incident in data.incidents:
        yield f"- {incident.words}"
    if count > len(data.incidents):
        yield f"{count - len(data.incidents)} older ones are left out: ask for more, or with a filter."
    if data.older:
        yield f"The daemon left out {data.older} that are older still: ask for a shorter range."
    yield f"The list: {data.link}"


class ChangeTold(ToolPart):
    """Something that was deployed or configured; all of it but the time is data from a source."""

    at: str
    of: NamedScope
    what: str
    version: str | None = None
    by: str | None = None
    url: str | None = None
    words: SkipJsonSchema[str] = Field("", exclude=True)


class ChangesData(ToolData):
    """Changes of a range, the newest first. They are kept for a week."""

    since: str
    until: str
    changes: list[ChangeTold]
    newest_only: bool = Field(False, description="whether the daemon may know of older ones in this range")
    link: str


async def changes_answer(
    board: BoardClient, asked: Mapping[str, str], about: str, most: int
) -> CallToolResult:
    """Return the changes of a range; the parameters are those of ``incidents_answer``.

    Raises
    ------
    BoardAnswerError
        When the daemon does not answer.
    """
    found = await board.ask_for(ListedIncidents, "/board/incidents", **asked)
    times = await board.times()
    lines = [change_line(change, times) for change in found.changes]
    wanted = [line for line in lines if about.lower() in line.of.scope.lower()]
    data = ChangesData(
        since=times.data(found.since),
        until=times.data(found.at),
        changes=wanted[:most],
        newest_only=len(lines) >= NEWEST,
        link=BoardPlaces(board.url).incidents(**asked),
    )
    data.leave_out(changes=len(wanted))
    return answered(data, _change_lines(data, len(wanted), times.span(found.since, found.at)))


def change_line(written: ChangeAnswer, times: ToolTimes) -> ChangeTold:
    """Return a change."""
    made = ChangeTold(
        at=times.data(written.ts),
        of=NamedScope.of(written.of),
        what=shown(written.what, 80),
        version=shown(written.version, 80) or None,
        by=shown(written.by, 80) or None,
        url=shown_url(written.url),
    )
    version = f" {quoted(made.version)}" if made.version else ""
    by = f" by {quoted(made.by)}" if made.by else ""
    link = f" {made.url}" if made.url else ""
    made.words = f"{times.words(written.ts)} {quoted(made.what)}{version} of {made.of.words}{by}{link}"
    return made


def _change_lines(data: ChangesData, count: int, span: str) -> Iterator[str]:
    if not count:
        yield f"Nothing is known to have been deployed or configured, {span}. (A source has to send changes.)"
    else:
        yield f"{count} change{'' if count == 1 else 's'}, {span}, the newest first:"
    yield from (f"- {change.words}" for change in data.changes)
    if count > len(data.changes):
        yield f"{count - len(data.changes)} older ones are left out: ask for more, or with a filter."
    if data.newest_only:
        yield f"The daemon tells of the newest {NEWEST} only: ask for a shorter range."
    yield f"On the timeline: {data.link}"
