"""The tools that change something: the buttons of the board, pressed in the name of a person."""

from typing import Annotated, Final, Literal

import msgspec
from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult, ToolAnnotations
from msgspec import UNSET
from pydantic import Field

from alerting.commands.local_time import moment
from streams.screens.board.incidents.incident_actions import ActedAnswer
from streams.screens.mcp.answer_parts import data_of
from streams.screens.mcp.board_client import CLIENT, BoardAnswerError, BoardClient, in_path
from streams.screens.mcp.incident_tool import IncidentName
from streams.screens.mcp.tool_answer import answered, or_refusal
from streams.screens.mcp.untrusted_text import quoted, shown

ADDS: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
SILENCES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
)

Person = Annotated[
    str,
    Field(
        min_length=1,
        max_length=60,
        description="name of the person who asked for this, never a guess: everybody sees it",
    ),
]


DONE: Final = data_of(
    ActedAnswer,
    "What became of an action: done, or repeated where it had been done before. until is when a snooze "
    "ends, absent where that is with the incident; silence and memo are the ids of what it made; fits "
    "counts the known incidents that a snooze of all like it matches.",
    "said until silence? fits memo=memo.id",
    longest={"silence": 80, "memo": 80},
)


def add_acting_tools(server: MCPServer) -> None:
    """Give a server the tools that change something; only for those whose token allows operate."""
    for tool, does in (
        (acknowledge_incident, ADDS),
        (snooze_incident, SILENCES),
        (label_incident, SILENCES),
        (write_memo, ADDS),
    ):
        server.add_tool(or_refusal(tool), annotations=does)


async def acknowledge_incident(incident: IncidentName, by: Person) -> Annotated[CallToolResult, DONE]:
    """Acknowledge an incident: a person deals with it. Everybody is told who. Ask that person first."""
    path = f"/board/incidents/{in_path(incident)}/acknowledge"
    return await _done(CLIENT.get(), path, {"by": by}, f"Acknowledged by {quoted(by)}")


async def snooze_incident(
    incident: IncidentName,
    by: Person,
    span: Annotated[
        Literal["1h", "tomorrow", "pattern"],
        Field(description="an hour, until tomorrow morning, or all incidents like it until a day"),
    ] = "1h",
    until: Annotated[str, Field(description="with pattern: the day, 2026-11-30")] = "",
    why: Annotated[str, Field(max_length=200, description="the reason, shown in the list of silences")] = "",
) -> Annotated[CallToolResult, DONE]:
    """Snooze an incident: nobody is notified of it for a while. Ask the person first."""
    body: dict[str, object] = {"by": by, "for": span, "why": why}
    if until:
        body["until"] = until
    path = f"/board/incidents/{in_path(incident)}/snooze"
    return await _done(CLIENT.get(), path, body, f"Snoozed by {quoted(by)}")


async def label_incident(
    incident: IncidentName,
    by: Person,
    label: Annotated[
        Literal["expected", "not_an_anomaly", "take_back"],
        Field(
            description="expected: real and known before; not_an_anomaly: a false alarm; "
            "take_back: neither after all"
        ),
    ],
) -> Annotated[CallToolResult, DONE]:
    """Say what an incident is: it is silent while it lasts, and the next one like it must show more.

    Ask the person first.
    """
    path = f"/board/incidents/{in_path(incident)}/{label}"
    return await _done(CLIENT.get(), path, {"by": by}, f"Labelled {label} by {quoted(by)}")


async def write_memo(
    text: Annotated[str, Field(min_length=1, max_length=2000, description="what the next one should know")],
    by: Person,
    incident: Annotated[str, Field(description="id of the incident; empty for a memo on the timeline")] = "",
    at: Annotated[
        str, Field(description="of the timeline: the moment, 2026-11-27T09:00; needed without an incident")
    ] = "",
    scope: Annotated[str, Field(description="of the timeline: what it is about, table:items")] = "",
) -> Annotated[CallToolResult, DONE]:
    """Note what was learnt: the next message about the same thing shows it."""
    body: dict[str, object] = {"by": by, "text": text}
    if incident:
        body["incident"] = incident
    if scope:
        body["scope"] = scope
    return await _noted(CLIENT.get(), body, at, f"Noted by {quoted(by)}")


async def _noted(board: BoardClient, body: dict[str, object], at: str, what: str) -> CallToolResult:
    if at:
        try:
            body["at"] = moment(at, (await board.times()).zone)
        except ValueError:
            raise BoardAnswerError(f"at is no time: {shown(at, 40)}; write 2026-11-27T09:00") from None
    return await _done(board, "/board/memos", body, what)


async def _done(board: BoardClient, path: str, body: dict[str, object], what: str) -> CallToolResult:
    found = msgspec.convert(await board.act(path, body), ActedAnswer)
    times = await board.times()
    ending = f", until {times.words(found.until)}" if found.until else ""
    fits = "" if found.fits is UNSET else f"; {found.fits} known incidents are like it"
    repeated = " That had been done before." if found.said == "repeated" else ""
    return answered(DONE.made_from(found, times), [f"{what}{ending}{fits}.{repeated}"])
