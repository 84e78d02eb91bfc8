"""``uneri silence``, ``silences`` and ``unsilence``: the silences of a running daemon."""

import getpass
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
import typer

from alerting.commands.dispatch import CommandResult
from alerting.commands.slash import LONGEST_TEXT, Fault, Help, SilenceRequest, parse
from alerting.pipeline.silences import Silence
from alerting.words.mrkdwn import clean
from streams.cli.daemon_call import call_daemon, utc
from streams.notify.command_routes import SilenceBody

_HELP: Final = {
    Fault.WHOM: "name what to silence, such as table:items, function:put-*, account:123456789012, "
    "service:shop, verdict:spike, measure:wcu or everything",
    Fault.HOW_LONG: "give a duration in m, h or d, such as --for 2h",
    Fault.TOO_LONG: "choose a duration between a minute and three months",
    Fault.ALONE: 'name what to silence, or write "everything", but not both',
    Fault.TEXT: f"too long; write at most {LONGEST_TEXT} characters (the first 200 of --why are kept)",
}

_REFUSALS: Final = {
    CommandResult.UNKNOWN.value: "no silence has this ID, or several begin with it; see `uneri silences`",
    CommandResult.CONFIGURED.value: "this silence is in the configuration; remove it there",
    CommandResult.PAST.value: "the silence would end before it begins; choose a longer duration",
}


def add_silence(url: str, what: Sequence[str], seconds: str, why: str) -> int:
    """Silence matching incidents at the daemon at ``url``; return the exit code."""
    words = " ".join(f'"{word}"' for word in what)
    match parse(f"silence {words} {seconds} {why}"):
        case SilenceRequest(matching, lasts, reason):
            body = SilenceBody(matching=matching, seconds=lasts, why=reason, by=getpass.getuser())
            return call_daemon("POST", f"{url}/silences", msgspec.json.encode(body), _silenced, _REFUSALS)
        case Help(fault, word):
            help_ = _HELP.get(fault or Fault.WHOM, _HELP[Fault.WHOM])
            typer.echo(f"uneri: {word!r}: {help_}" if word else f"uneri: {help_}", err=True)
    return 2


def end_silence(url: str, name: str) -> int:
    """End a silence, or all silences of an incident, at the daemon at ``url``; return the exit code."""
    if not name.strip():
        typer.echo("uneri: name the silence or its incident; `uneri silences` lists them", err=True)
        return 2
    target = f"{url}/silences/{quote(name, safe='')}?by={quote(getpass.getuser(), safe='')}"
    return call_daemon("DELETE", target, b"{}", lambda _: ["ended"], _REFUSALS)


def show_silences(url: str) -> int:
    """Print the active silences of the daemon at ``url``, by their end; return the exit code."""
    return call_daemon("GET", f"{url}/silences", None, _listed)


def _silenced(answer: dict[str, Any]) -> list[str]:
    name = answer["silence"]
    lines = [f"{name}  until {utc(answer['until'])}; end it with `uneri unsilence {name[:8]}`"]
    if answer.get("fits") == 0:
        lines.append(
            "note: no known incident matches; check that the names are spelled as in Uneri's messages"
        )
    return lines


def _listed(answer: Any) -> list[str]:
    lines = []
    for silence in msgspec.convert(answer, list[Silence]):
        end = "while the incident lasts" if silence.until is None else f"until {utc(silence.until)}"
        why = f": {clean(silence.why)}" if silence.why else ""
        lines.append(f"{silence.id}  {clean(silence.what)}  {end}  by {clean(silence.by)}{why}")
    return lines or ["none"]
