"""Incidents in a line each, open and recent ones; and what was deployed or configured."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from mcp.types import CallToolResult
from msgspec.structs import replace
from pydantic import Field

from alerting.incidents.answers import ChangeAnswer
from alerting.messages.incident_answer import IncidentAnswer
from alerting.words.locales import ENGLISH
from detectors.model.scope import ScopeAnswer
from streams.screens.board.incidents.incident_routes import MOST as NEWEST
from streams.screens.board.incidents.incident_routes import ListedIncident, ListedIncidents
from streams.screens.mcp.answer_parts import AnswerPart, Given, data_of, part_of
from streams.screens.mcp.board_client import CLIENT
from streams.screens.mcp.named_scope import AccountArgument, BoardPlaces, NamedScope
from streams.screens.mcp.tool_answer import answered
from streams.screens.mcp.tool_figures import ToolTimes, amount, duration, measure_in_words, share_in_words
from streams.screens.mcp.untrusted_text import TEXT, quoted, shown, shown_url

MOST: Final = 50
A_CENT: Final = 0.01  # an hour: less is not shown


_Days = Annotated[Literal["1d", "1w", "5w"], Field(description="range that ends now")]
_Kind = Annotated[
    Literal["", "account", "service", "route", "function", "table", "client", "tenant"],
    Field(description="kind of what it is about; empty for all"),
]
_About = Annotated[
    str,
    Field(max_length=300, description="a part of the name that it is about, such as items; empty for all"),
]
_Most = Annotated[int, Field(ge=1, le=MOST, description="how many to list")]
Listed = IncidentAnswer | ListedIncident

INCIDENT: Final = part_of(
    IncidentAnswer,
    "One incident in a line, with the id that show_incident takes. Values are per second, milliseconds of a "
    "latency: means of mean_seconds where they are there, else of the newest minute. sent is page: people "
    "are called; digest; none: held back. harm is what makes it as severe as it is; labelled what people "
    "said: expected or not_an_anomaly; costs are US dollars an hour more than what was expected; sentence "
    "says why it is one, in the judge's words.",
    "id verdict state sent about=scope measure observed expected mean_seconds=added_up.seconds start end "
    "severity=severity.level harm=severity.harm error_type? acknowledged_by=acknowledged.by "
    "labelled=labelled.label memos costs sentence? link",
    longest={"measure": 80, "error_type": 120, "acknowledged_by": 60, "sentence": TEXT},
    observed=Given(float | None),
    expected=Given(float | None),
    memos=Given(int),
    link=Given(str),
)
INCIDENTS: Final = data_of(
    ListedIncidents,
    "Incidents of a range, the newest first. at is up to when incidents are known, older how many the "
    "daemon left out itself.",
    "at since incidents older=left_out link",
    incidents=INCIDENT,
    link=Given(str),
)
CHANGE: Final = part_of(
    ChangeAnswer,
    "Something that was deployed or configured; all of it but the time is data from a source.",
    "at=ts of what version? by? url?",
    longest={"what": 80, "version": 80, "by": 80},
)
CHANGES: Final = data_of(
    ListedIncidents,
    "Changes of a range, the newest first. They are kept for a week; newest_only says that the daemon may "
    "know of older ones in this range.",
    "since until=at changes newest_only link",
    changes=CHANGE,
    newest_only=Given(bool),
    link=Given(str),
)


async def list_incidents(
    *,
    state: Annotated[Literal["open", "ended", "any"], Field(description="open: those of now")] = "open",
    range: _Days = "1w",  # noqa: A002 - what it is
    verdict: Annotated[
        Literal["", "spike", "drop", "shift", "growth", "limit", "absence", "fatal"],
        Field(description="empty for all"),
    ] = "",
    kind: _Kind = "",
    about: _About = "",
    account: AccountArgument = "",
    most: _Most = 20,
) -> Annotated[CallToolResult, INCIDENTS]:
    """List incidents, open or recent, the newest first. Ended ones are kept for 30 days."""
    asked = {"range": range, "verdict": verdict, "kind": kind, "account": account}
    if state != "any":
        asked["state"] = state
    return await incidents_answer(asked, about, most)


async def incidents_answer(asked: Mapping[str, str], about: str, most: int) -> CallToolResult:
    """Return the incidents of a range.

    Parameters
    ----------
    asked
        ``range``, ``state``, ``verdict``, ``kind`` and ``account``, as ``GET /board/incidents`` has them.
    about
        A part of the name that they are about.
    """
    board = CLIENT.get()
    found = await board.ask_for(ListedIncidents, "/board/incidents", **asked)
    times, places = await board.times(), BoardPlaces(board.url)
    wanted = [incident for incident in found.incidents if _is_about(incident.scope, about)]
    data = INCIDENTS.made_from(
        found,
        times,
        incidents=[incident_part(incident, times, places) for incident in wanted[:most]],
        link=places.incidents(**asked),
    )
    data.leave_out(incidents=len(wanted))
    listed = replace(found, incidents=wanted[:most])
    return answered(data, _lines(listed, asked, len(wanted), times, places.incidents(**asked)))


def _is_about(scope: ScopeAnswer, wanted: str) -> bool:
    return wanted.lower() in NamedScope.of(scope).scope.lower()


def incident_part(written: Listed, times: ToolTimes, places: BoardPlaces) -> AnswerPart:
    """Return one incident, as ``GET /incidents`` or ``/board/incidents`` has it."""
    amounts = written.added_up or written
    return INCIDENT.made_from(
        written,
        times,
        observed=amounts.observed,
        expected=amounts.expected,
        memos=_memos(written),
        link=places.incident(written.id),
    )


def _memos(written: Listed) -> int:
    return written.memos if isinstance(written.memos, int) else len(written.memos)


def incident_words(written: Listed, times: ToolTimes, *, at: int | None = None) -> str:
    """Return one incident in words; an open one has lasted until ``at``, the watermark, epoch seconds."""
    return " ".join(_words(written, times, at))


def _words(written: Listed, times: ToolTimes, at: int | None) -> Iterator[str]:
    about, measure = NamedScope.of(written.scope), shown(written.measure, 80)
    where = f" ({about.where})" if about.where else ""
    yield f"{written.verdict.value} of {measure_in_words(measure, about.kind)} at {about.words}{where}:"
    if shown(written.error_type or None):
        yield f"{quoted(written.error_type)},"
    failures = written.failures
    if failures:
        share = failures.failed / failures.requests if failures.requests else None
        yield f"{failures.failed:,.0f} of {failures.requests:,.0f} failed ({share_in_words(share)}),"
    mean = written.added_up
    amounts = mean or written
    observed, expected = (
        amount(value, measure, about.kind) for value in (amounts.observed, amounts.expected)
    )
    yield f"{observed}{f' over {duration(mean.seconds)}' if mean else ''}, expected {expected};"
    if written.end is not None:
        span, lasted = times.span(written.start, written.end), duration(written.end - written.start)
        yield f"{span} ({lasted}), {written.state};"
    else:
        lasted = "" if at is None else f", for {duration(at - written.start)}"
        yield f"since {times.words(written.start)}{lasted}, {written.state};"
    yield f"{', '.join(_facts(written))};"
    yield f"id {written.id}"


def _facts(written: Listed) -> Iterator[str]:
    yield f"severity {written.severity.level}"
    yield _sent(written.sent)
    costs = written.costs if isinstance(written, IncidentAnswer) else None
    if costs and abs(costs) >= A_CENT:
        yield f"costs {ENGLISH.figures.costs(costs)}"
    if written.acknowledged:
        yield f"acknowledged by {quoted(written.acknowledged.by, 60)}"
    if written.labelled:
        yield f"labelled {written.labelled.label.value}"
    if memos := _memos(written):
        yield "1 memo" if memos == 1 else f"{memos} memos"


def _sent(sent: str) -> str:
    return {"page": "people are called", "digest": "in the digest"}.get(sent, "held back")


def _lines(
    listed: ListedIncidents, asked: Mapping[str, str], count: int, times: ToolTimes, link: str
) -> Iterator[str]:
    state = asked.get("state", "")
    what = f"{state} incident" if state else "incident"
    span = f"in the last {asked.get('range') or '1w'} up to {times.words(listed.at)}"
    yield (
        f"No {what} {span}."
        if not count
        else f"{count} {what}{'' if count == 1 else 's'} {span}, the newest first:"
    )
    for incident in listed.incidents:
        yield f"- {incident_words(incident, times, at=listed.at)}"
    if count > len(listed.incidents):
        yield f"{count - len(listed.incidents)} older ones are left out: ask for more, or with a filter."
    if listed.left_out:
        yield f"The daemon left out {listed.left_out} that are older still: ask for a shorter range."
    yield f"The list: {link}"


async def list_changes(
    *,
    range: _Days = "1d",  # noqa: A002
    kind: _Kind = "",
    about: _About = "",
    account: AccountArgument = "",
    most: _Most = 20,
) -> Annotated[CallToolResult, CHANGES]:
    """List what changed: deployments and configuration, the newest first. They are known for a week."""
    board, asked = CLIENT.get(), {"range": range, "kind": kind, "account": account}
    found = await board.ask_for(ListedIncidents, "/board/incidents", **asked)
    times, link = await board.times(), BoardPlaces(board.url).incidents(**asked)
    wanted = [change for change in found.changes if _is_about(change.of, about)]
    listed = replace(found, changes=wanted[:most])
    newest_only = len(found.changes) >= NEWEST
    data = CHANGES.made_from(listed, times, newest_only=newest_only, link=link)
    data.leave_out(changes=len(wanted))
    return answered(data, _change_lines(listed, len(wanted), times, link, newest_only=newest_only))


def change_words(change: ChangeAnswer, times: ToolTimes) -> str:
    """Return a change in words."""
    version = f" {quoted(change.version)}" if shown(change.version) else ""
    by = f" by {quoted(change.by)}" if shown(change.by) else ""
    url = shown_url(change.url)
    of = NamedScope.of(change.of).words
    return f"{times.words(change.ts)} {quoted(change.what)}{version} of {of}{by}{f' {url}' if url else ''}"


def _change_lines(
    listed: ListedIncidents, count: int, times: ToolTimes, link: str, *, newest_only: bool
) -> Iterator[str]:
    span = times.span(listed.since, listed.at)
    if not count:
        yield f"Nothing is known to have been deployed or configured, {span}. (A source has to send changes.)"
    else:
        yield f"{count} change{'' if count == 1 else 's'}, {span}, the newest first:"
    yield from (f"- {change_words(change, times)}" for change in listed.changes)
    if count > len(listed.changes):
        yield f"{count - len(listed.changes)} older ones are left out: ask for more, or with a filter."
    if newest_only:
        yield f"The daemon tells of the newest {NEWEST} only: ask for a shorter range."
    yield f"On the timeline: {link}"
