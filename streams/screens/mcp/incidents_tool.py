"""Incidents in a line each, open and recent ones; and what was deployed or configured."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mcp.types import CallToolResult
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from alerting.words.en import figures
from streams.screens.board.incidents.incident_routes import MOST as NEWEST
from streams.screens.mcp.board_client import BoardClient
from streams.screens.mcp.named_scope import BoardPlaces, NamedScope
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered
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
    found = await board.ask("/board/incidents", **asked)
    times, places = await board.times(), BoardPlaces(board.url)
    lines = [incident_line(incident, times, places, at=found["at"]) for incident in found["incidents"]]
    wanted = [line for line in lines if about.lower() in line.about.scope.lower()]
    data = IncidentsData(
        at=times.data(found["at"]),
        since=times.data(found["since"]),
        incidents=wanted[:most],
        older=found["left_out"],
        link=places.incidents(**asked),
    )
    if len(wanted) > most:
        data.left_out["incidents"] = len(wanted) - most
    return answered(data, _lines(data, asked, len(wanted), times.words(found["at"])))


def incident_line(
    written: Mapping[str, Any], times: ToolTimes, places: BoardPlaces, *, at: int | None = None
) -> IncidentLine:
    """Return one incident, from its JSON in ``GET /incidents`` or ``/board/incidents``.

    ``at`` is the watermark, epoch seconds: open ones have lasted until then.
    """
    severity, done = written.get("severity") or {}, written.get("acknowledged") or {}
    label = written.get("labelled") or {}
    memos = written.get("memos", 0)
    mean = written.get("added_up")
    amounts = mean or written
    made = IncidentLine(
        id=str(written["id"]),
        verdict=str(written["verdict"]),
        state=str(written["state"]),
        sent=str(written["sent"]),
        about=NamedScope.of(written["scope"]),
        measure=shown(written["measure"], 80),
        observed=amounts.get("observed"),
        expected=amounts.get("expected"),
        mean_seconds=mean["seconds"] if mean else None,
        start=times.data(written["start"]),
        end=None if written.get("end") is None else times.data(written["end"]),
        severity=severity.get("level"),
        harm=severity.get("harm"),
        error_type=shown(written.get("error_type"), 120) or None,
        acknowledged_by=shown(done["by"], 60) if done else None,
        labelled=label.get("as"),
        memos=memos if isinstance(memos, int) else len(memos),
        costs=written.get("costs"),
        sentence=shown(written.get("sentence"), TEXT) or None,
        link=places.incident(str(written["id"])),
    )
    made.words = " ".join(_words(written, made, times, at))
    return made


def _words(written: Mapping[str, Any], made: IncidentLine, times: ToolTimes, at: int | None) -> Iterator[str]:
    kind = made.about.kind
    where = f" ({made.about.where})" if made.about.where else ""
    yield f"{made.verdict} of {measure_in_words(made.measure, kind)} at {made.about.words}{where}:"
    if made.error_type:
        yield f"{quoted(made.error_type)},"
    failures = written.get("failures")
    if failures:
        share = failures["failed"] / failures["requests"] if failures["requests"] else None
        yield f"{failures['failed']:,.0f} of {failures['requests']:,.0f} failed ({share_in_words(share)}),"
    observed, expected = (amount(value, made.measure, kind) for value in (made.observed, made.expected))
    over = "" if made.mean_seconds is None else f" over {duration(made.mean_seconds)}"
    yield f"{observed}{over}, expected {expected};"
    if made.end is not None:
        start, end = written["start"], written["end"]
        yield f"{times.span(start, end)} ({duration(end - start)}), {made.state};"
    else:
        lasted = "" if at is None else f", for {duration(at - written['start'])}"
        yield f"since {times.words(written['start'])}{lasted}, {made.state};"
    facts = [made.severity and f"severity {made.severity}", _sent(made.sent)]
    if made.costs is not None and abs(made.costs) >= A_CENT:
        facts.append(f"costs {figures.costs(made.costs)}")
    if made.acknowledged_by is not None:
        facts.append(f"acknowledged by {quoted(made.acknowledged_by)}")
    if made.labelled:
        facts.append(f"labelled {made.labelled}")
    if made.memos:
        facts.append("1 memo" if made.memos == 1 else f"{made.memos} memos")
    yield ", ".join(fact for fact in facts if fact) + ";"
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
    found = await board.ask("/board/incidents", **asked)
    times = await board.times()
    lines = [change_line(change, times) for change in found["changes"]]
    wanted = [line for line in lines if about.lower() in line.of.scope.lower()]
    data = ChangesData(
        since=times.data(found["since"]),
        until=times.data(found["at"]),
        changes=wanted[:most],
        newest_only=len(lines) >= NEWEST,
        link=BoardPlaces(board.url).incidents(**asked),
    )
    if len(wanted) > most:
        data.left_out["changes"] = len(wanted) - most
    return answered(data, _change_lines(data, len(wanted), times.span(found["since"], found["at"])))


def change_line(written: Mapping[str, Any], times: ToolTimes) -> ChangeTold:
    """Return a change, from its JSON in ``GET /board/incidents`` or in an incident."""
    made = ChangeTold(
        at=times.data(written["ts"]),
        of=NamedScope.of(written["of"]),
        what=shown(written.get("what"), 80),
        version=shown(written.get("version"), 80) or None,
        by=shown(written.get("by"), 80) or None,
        url=shown_url(written.get("url")),
    )
    version = f" {quoted(made.version)}" if made.version else ""
    by = f" by {quoted(made.by)}" if made.by else ""
    link = f" {made.url}" if made.url else ""
    made.words = f"{times.words(written['ts'])} {quoted(made.what)}{version} of {made.of.words}{by}{link}"
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
