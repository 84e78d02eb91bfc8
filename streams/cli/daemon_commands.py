"""The commands that are one request to a running daemon: state, silences and memos.

An answer becomes lines on standard output, or one on standard error.
"""

import getpass
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
import typer

from alerting.commands.dispatch import CommandResult
from alerting.commands.memo import LONGEST, MemoAnswer, memo_text
from alerting.commands.slash import LONGEST_TEXT, Fault, Help, SilenceRequest, parse
from alerting.pipeline.silences import Silence
from alerting.words.mrkdwn import clean
from config.sections.values import scope_name
from streams.cli.daemon_call import NoDaemonError, RefusedError, ask_daemon, utc
from streams.notify.command_routes import MemoBody, MemosAnswer, NotedAnswer, SilenceBody, SilencedAnswer
from streams.process.reloading import ReloadAnswer
from streams.process.times import parse_time

_WIDTH: Final = 18

_NAMES: Final = {
    "watermark": "data until",
    "last_alert": "last message",
    "held_now": "held back now",
    "held_incidents": "which and why",
    "stages": "held back so far",
    "outbox": "messages to send",
}
"""Names that are clearer than the keys."""

_TIMES: Final = ("watermark", "last_alert", "history_until", "board_until", "incidents_until")
_NONE: Final = {"held_now": "nothing", "stages": "nothing", "last_alert": "none yet"}
"""Texts for empty values other than ``none``."""

_HELP: Final = {
    Fault.WHOM: "name what to silence, such as table:items, function:put-*, account:123456789012, "
    "service:shop, verdict:spike, measure:wcu or everything",
    Fault.HOW_LONG: "give a duration in m, h or d, such as --for 2h",
    Fault.TOO_LONG: "choose a duration between a minute and three months",
    Fault.ALONE: 'name what to silence, or write "everything", but not both',
    Fault.TEXT: f"too long; write at most {LONGEST_TEXT} characters (the first 200 of --why are kept)",
}

_OF_SILENCES: Final = {
    CommandResult.UNKNOWN.value: "no silence has this ID, or several begin with it; see `uneri silences`",
    CommandResult.CONFIGURED.value: "this silence is in the configuration; remove it there",
    CommandResult.PAST.value: "the silence would end before it begins; choose a longer duration",
}

_OF_INCIDENTS: Final = {
    CommandResult.UNKNOWN.value: "no incident has this ID, or several begin with it; it is in the last line "
    "of its message, and `uneri status` lists open ones",
}
_NO_MEMO: Final = "no memo has this ID, or several begin with it; `uneri memos --ids` lists them"
_REMOVED: Final = 60  # characters of a memo that was removed


class DaemonCommand(NamedTuple):
    """A command: its request, its answer and the lines of that, and texts for results that refuse it."""

    method: str
    path: str  # a name that is given follows
    answer: Any  # a type that msgspec knows
    lines: Callable[[Any], list[str]]
    refusals: Mapping[str, str] = {}
    nameless: str = ""  # the remedy where a name is needed, and empty
    seconds: float = 10.0  # patience for the answer


class MemoUsageError(ValueError):
    """A memo is not written as it must be; the message has the remedy."""


def run_daemon_command(
    command: DaemonCommand, url: str, name: str | None = None, body: msgspec.Struct | None = None
) -> int:
    """Ask the daemon at ``url``; print the lines of its answer, or why there is none. Return the exit code.

    ``name`` is that of what a command removes, or shows something of.
    """
    if command.nameless and not (name or "").strip():
        typer.echo(f"uneri: {command.nameless}", err=True)
        return 2
    target = f"{url}{command.path}{'' if name is None else quote(name, safe='')}"
    if command.method == "DELETE":
        target += f"?by={quote(getpass.getuser(), safe='')}"
    sent = None if command.method == "GET" else msgspec.json.encode({} if body is None else body)
    try:
        found = ask_daemon(command.method, target, sent, command.refusals, seconds=command.seconds)
        answer = msgspec.convert(found, command.answer)
    except (RefusedError, NoDaemonError) as error:
        typer.echo(f"uneri: {error}", err=True)
        return 1
    except msgspec.ValidationError as error:
        typer.echo(f"uneri: {url} does not answer as this version does ({error}); check --url", err=True)
        return 1
    for line in command.lines(answer):
        typer.echo(line)
    return 0


def reload_daemon(url: str) -> int:
    """Reload the daemon at ``url``; return the exit code, which is 1 if something waits for a restart."""
    waits: list[str] = []

    def lines(answer: ReloadAnswer) -> list[str]:
        waits.extend(answer.restart)
        changed = f"changed: {', '.join(answer.changed)}" if answer.changed else "nothing has changed"
        restart = [f"restart the daemon for: {', '.join(waits)}"] if waits else []
        return [f"{changed}; secrets and limits were read again", *restart]

    patience = 120.0  # the engine ends the run it is in, and deliveries under way end
    command = DaemonCommand("POST", "/reload", ReloadAnswer, lines, seconds=patience)
    return run_daemon_command(command, url) or bool(waits)


def add_silence(url: str, what: Sequence[str], seconds: str, why: str) -> int:
    """Silence matching incidents at the daemon at ``url``; return the exit code."""
    words = " ".join(f'"{word}"' for word in what)
    match parse(f"silence {words} {seconds} {why}"):
        case SilenceRequest(matching, lasts, reason):
            body = SilenceBody(matching=matching, seconds=lasts, why=reason, by=getpass.getuser())
            return run_daemon_command(SILENCE, url, body=body)
        case Help(fault, word):
            help_ = _HELP.get(fault or Fault.WHOM, _HELP[Fault.WHOM])
            typer.echo(f"uneri: {word!r}: {help_}" if word else f"uneri: {help_}", err=True)
    return 2


def add_memo(url: str, words: Sequence[str], at: str | None, scope: str) -> int:
    """Keep a memo at the daemon at ``url``; return the exit code."""
    try:
        body = memo_body(words, at, scope)
    except ValueError as error:
        typer.echo(f"uneri: {error}", err=True)
        return 2
    return run_daemon_command(NOTE, url, body=body)


def memo_body(words: Sequence[str], at: str | None, scope: str, now: float | None = None) -> MemoBody:
    """Return the body for the words of a command line.

    Raises
    ------
    ValueError
        When they are no memo; the message has the remedy.

    Examples
    --------
    >>> memo_body(["3f9a", "ios", "again"], None, "").text
    'ios again'
    >>> memo_body(["a", "game", "day"], "2026-01-02", "table:items").at
    1767312000
    """
    moment = None
    if at is not None:
        moment = int((time.time() if now is None else now) if at == "now" else parse_time(at))
    incident, rest = (None, words) if moment is not None else (words[0], words[1:])
    text = memo_text(" ".join(rest))
    if incident is not None and scope:
        raise MemoUsageError("--scope is of a memo on the timeline: add --at TIME, such as --at now")
    if not text:
        wanted = (
            "what to note" if moment is not None else "an incident and what to note, or --at TIME and what"
        )
        raise MemoUsageError(f"write {wanted}")
    if len(text) > LONGEST:
        raise MemoUsageError(f"a memo holds up to {LONGEST:,} characters, this has {len(text):,}; shorten it")
    if scope:
        try:
            scope_name(scope)
        except ValueError as error:
            raise MemoUsageError(f"--scope {scope}: {error}") from None
    return MemoBody(text=text, incident=incident, at=moment, scope=scope, by=getpass.getuser())


def status_lines(status: dict[str, Any]) -> list[str]:
    """Render the answer of ``/status``, one fact per line.

    Examples
    --------
    >>> status_lines({"watermark": 1760000000, "open_incidents": []})
    ['data until        2025-10-09 08:53:20 UTC', 'open incidents    none']
    >>> status_lines({"held_now": {}, "stages": {"quiet_hours": 2, "silences": 1}})
    ['held back now     nothing', 'held back so far  2 by quiet hours, 1 by silences']
    """
    lines = []
    for key, value in status.items():
        if key == "held_incidents" and not value:
            continue
        name = _NAMES.get(key, key.replace("_", " "))
        none = _NONE.get(key, "none")
        if key in _TIMES and isinstance(value, int | float):
            shown = utc(value)
        elif key in ("held_now", "stages"):
            shown = ", ".join(f"{v} by {k.replace('_', ' ')}" for k, v in value.items()) or none
        elif key == "baselines":
            shown = ", ".join(f"{count} {past}" for past, count in value.items()) or none
        elif isinstance(value, dict):
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) or none
        elif isinstance(value, list):
            shown = f"\n{'':{_WIDTH}}".join(map(str, value)) or none
        else:
            shown = none if value is None else str(value)
        lines.append(f"{name:<{_WIDTH}}{shown}")
    return lines


def _silenced(answer: SilencedAnswer) -> list[str]:
    name = answer.silence or ""
    lines = [f"{name}  until {utc(answer.until or 0)}; end it with `uneri unsilence {name[:8]}`"]
    if answer.fits == 0:
        lines.append(
            "note: no known incident matches; check that the names are spelled as in Uneri's messages"
        )
    return lines


def _silence_lines(silences: list[Silence]) -> list[str]:
    lines = []
    for silence in silences:
        end = "while the incident lasts" if silence.until is None else f"until {utc(silence.until)}"
        why = f": {clean(silence.why)}" if silence.why else ""
        lines.append(f"{silence.id}  {clean(silence.what)}  {end}  by {clean(silence.by)}{why}")
    return lines or ["none"]


def _noted(answer: NotedAnswer) -> list[str]:
    memo = answer.memo
    if memo is None:  # the same was noted before
        return ["noted already"]
    return [f"noted on {_about(memo)}" if memo.incident else f"noted at {utc(memo.at)}"]


def _forgotten(answer: NotedAnswer) -> list[str]:
    memo = answer.memo
    return ["removed already" if memo is None else f"removed: {' '.join(memo.text.split())[:_REMOVED]}"]


def _memo_lines(answer: MemosAnswer, *, ids: bool = False) -> list[str]:
    lines = []
    for memo in answer.memos:
        about, name = _about(memo), f"{memo.id}  " if ids else ""
        first, *others = memo.text.split("\n")
        by = clean(memo.name or memo.by)
        lines.append(f"{name}{utc(memo.at)}  {about + '  ' if about else ''}by {by}: {first}")
        lines += [f"    {other}" for other in others]
    return lines or ["none"]


def _about(memo: MemoAnswer) -> str:
    return f"incident {memo.incident}" if memo.incident else clean(memo.scope or "")


STATUS: Final = DaemonCommand("GET", "/status", dict[str, Any], status_lines)
SILENCES: Final = DaemonCommand("GET", "/silences", list[Silence], _silence_lines)
SILENCE: Final = DaemonCommand("POST", "/silences", SilencedAnswer, _silenced, _OF_SILENCES)
UNSILENCE: Final = DaemonCommand(
    "DELETE",
    "/silences/",
    SilencedAnswer,
    lambda _: ["ended"],
    _OF_SILENCES,
    "name the silence or its incident; `uneri silences` lists them",
)
MEMOS: Final = DaemonCommand("GET", "/memos", MemosAnswer, _memo_lines, _OF_INCIDENTS)
MEMOS_OF: Final = MEMOS._replace(path="/memos?incident=")
NOTE: Final = DaemonCommand("POST", "/memos", NotedAnswer, _noted, _OF_INCIDENTS)
FORGET: Final = DaemonCommand(
    "DELETE",
    "/memos/",
    NotedAnswer,
    _forgotten,
    {CommandResult.UNKNOWN.value: _NO_MEMO},
    "name the memo; `uneri memos --ids` lists them",
)


def show_memos(url: str, incident: str | None, *, ids: bool = False) -> int:
    """Print the memos of the daemon at ``url``, or those of one kind of incident; return the exit code."""
    command = MEMOS if incident is None else MEMOS_OF
    return run_daemon_command(command._replace(lines=partial(_memo_lines, ids=ids)), url, incident)
