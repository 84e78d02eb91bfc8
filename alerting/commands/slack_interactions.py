"""Parses Slack's interaction payloads. They are untrusted: only ids and names are used."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.labels import scope_of
from alerting.commands.memo import LONGEST as LONGEST_MEMO
from alerting.commands.memo import memo_text
from alerting.commands.slash import LONGEST, morning_of, tomorrow
from alerting.incidents.incident import Incident
from alerting.incidents.notice import identify
from config.settings import DigestSettings

HOUR: Final = 3600
DETAILS: Final = "details"
PATTERN: Final = "pattern"
NOTE: Final = "note"
_AT_ONCE: Final = {
    "acknowledge": CommandKind.ACKNOWLEDGE,
    "expected": CommandKind.EXPECTED,
    "not_an_anomaly": CommandKind.NOT_AN_ANOMALY,
    "take_back": CommandKind.TAKE_BACK,
}
_MODALS: Final = {PATTERN: CommandKind.SNOOZE, NOTE: CommandKind.NOTE}
_USER: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
_VALUE: Final = re.compile(r"([0-9A-Za-z][0-9A-Za-z_-]{0,79}):([0-9]{1,9})")
_WHY: Final = 200  # characters kept of a reason
_NAME: Final = 60  # and of a name


class ButtonPress(NamedTuple):
    """A command given by a button, before its incident is looked up."""

    command: Command
    choice: str  # of a menu
    response_url: str  # where an answer that only the user sees may be posted


class ModalRequest(NamedTuple):
    """A button that opens a modal about an incident."""

    view: str  # DETAILS, PATTERN or NOTE
    incident: str
    user: str
    trigger: str  # valid for one ``views.open`` within three seconds
    response_url: str


class ModalSubmission(NamedTuple):
    """A command given by a modal: a memo, or a snooze of all incidents like this one."""

    command: Command  # that snooze has no matcher until the incident is looked up


class UnknownPayload(NamedTuple):
    """A payload that cannot be parsed. ``why`` is for the log."""

    why: str


Interaction = ButtonPress | ModalRequest | ModalSubmission | UnknownPayload


class _User(msgspec.Struct):
    id: str
    username: str = ""

    @property
    def name(self) -> str:
        return name_of(self.username)


class _Option(msgspec.Struct):
    value: str = ""


class _Action(msgspec.Struct):
    action_id: str
    action_ts: str = ""
    value: str | None = None
    selected_option: _Option | None = None


class _Input(msgspec.Struct):
    type: str = ""
    value: str | None = None
    selected_date: str | None = None


class _State(msgspec.Struct):
    values: dict[str, dict[str, _Input]] = {}


class _View(msgspec.Struct):
    id: str = ""
    callback_id: str = ""
    private_metadata: str = ""
    state: _State = msgspec.field(default_factory=_State)


class _Payload(msgspec.Struct):
    type: str
    user: _User
    actions: list[_Action] = []
    trigger_id: str = ""
    response_url: str = ""
    view: _View | None = None


def parse_interaction(
    payload: Mapping[str, Any], at: int, digest: DigestSettings, zone: ZoneInfo
) -> Interaction:
    """Parse a ``block_actions`` or ``view_submission`` payload. Never raises.

    Only the incident's id and the user's id and name are used, and the ids are checked; the caller looks up
    the incident. The command's id follows from incident, kind, user and Slack's time of the press:
    what arrives twice is one command.

    ``at`` is wall time, epoch seconds; ``digest`` and ``zone`` give the end of "until tomorrow".
    """
    try:
        given = msgspec.convert(payload, _Payload, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        return UnknownPayload(f"not an interaction payload: {error}")
    if not _USER.fullmatch(given.user.id):
        return UnknownPayload("not a valid user id")
    if given.type == "block_actions":
        return _button(given, at, digest, zone)
    if given.type == "view_submission" and given.view is not None and given.view.callback_id in _MODALS:
        return _submission(given, given.view, at, digest, zone)
    return UnknownPayload(f"unknown payload type {given.type[:40]!r}")


def _button(given: _Payload, at: int, digest: DigestSettings, zone: ZoneInfo) -> Interaction:
    if len(given.actions) != 1:
        return UnknownPayload(f"{len(given.actions)} actions in one payload instead of one")
    action = given.actions[0]
    name, value, choice = action.action_id, action.value or "", ""
    if name == "snooze":
        choice, _, value = (action.selected_option or _Option()).value.partition(":")
    place = _VALUE.fullmatch(value)
    if place is None:
        return UnknownPayload("the button's value is not an incident id and a revision")
    incident, user, response_url = place[1], given.user.id, given.response_url
    if name in (DETAILS, NOTE) or choice == PATTERN:
        view = name if name in (DETAILS, NOTE) else PATTERN
        return ModalRequest(view, incident, user, given.trigger_id, response_url)
    untils = {"1h": lambda: at + HOUR, "tomorrow": lambda: tomorrow(at, digest, zone)}
    if name == "snooze" and choice in untils:
        ask, until = CommandKind.SNOOZE, untils[choice]()
    elif name in _AT_ONCE:
        ask, until = _AT_ONCE[name], None
    else:
        return UnknownPayload(f"unknown button {name[:40]!r}")
    key = identify("press", incident, ask, user, action.action_ts or given.trigger_id)
    return ButtonPress(
        Command(id=key, kind=ask, at=at, by=user, incident=incident, until=until, name=given.user.name),
        choice,
        response_url,
    )


def _submission(given: _Payload, view: _View, at: int, digest: DigestSettings, zone: ZoneInfo) -> Interaction:
    place = _VALUE.fullmatch(view.private_metadata)
    if place is None:
        return UnknownPayload("the modal's metadata is not an incident id and a revision")
    kind, user = _MODALS[view.callback_id], given.user
    inputs = [field for block in view.state.values.values() for field in block.values()]
    text = next((field.value for field in inputs if field.value), "")
    why, until = memo_text(text)[:LONGEST_MEMO], None
    if kind is CommandKind.SNOOZE:
        day = next((field.selected_date for field in inputs if field.selected_date), "")
        try:
            until = min(morning_of(date.fromisoformat(day), digest, zone), at + LONGEST)
        except (ValueError, OverflowError):
            return UnknownPayload("the modal has no valid date")
        why = " ".join(why.split())[:_WHY]
    key = identify("press", place[1], kind, user.id, view.id)
    return ModalSubmission(
        Command(id=key, kind=kind, at=at, by=user.id, incident=place[1], until=until, why=why, name=user.name)
    )


def name_of(username: str) -> str:
    r"""Return Slack's name of a user as it is kept: one line of visible characters.

    Examples
    --------
    >>> name_of("mika\n\u202eops")
    'mika ops'
    """
    return " ".join(memo_text(username).split())[:_NAME]


def pattern_of(incident: Incident) -> Matcher:
    """Return the matcher of "this pattern": the same account, scope, measure and verdict."""
    primary = incident.primary
    return Matcher(
        accounts=[primary.about.account] if primary.about.account else [],
        scopes=[scope_of(primary)],
        verdicts=[incident.verdict.value],
        measures=[primary.measure.value],
    )
