"""``uneri silence``, ``silences`` and ``unsilence``: silences of a daemon, from a terminal beside it."""

import getpass
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
import typer

from alerting.commands.answer import CommandResult
from alerting.commands.slash import LONGEST_TEXT, Fault, Help, SilenceRequest, parse
from alerting.pipeline.silences import Silence
from alerting.words.mrkdwn import clean
from streams.notify.silence_routes import SilenceBody

_HELP: Final = {
    Fault.WHOM: "name what to silence, such as table:items, function:put-*, account:123456789012, "
    "service:shop, verdict:spike, measure:wcu or everything",
    Fault.HOW_LONG: "say for how long, such as --for 2h (m, h, d)",
    Fault.TOO_LONG: "choose between a minute and three months",
    Fault.ALONE: "name what is meant, or everything, not both",
    Fault.TEXT: f"write less: {LONGEST_TEXT} characters at most, of which the first 200 of --why are kept",
}


def silence(url: str, what: Sequence[str], seconds: str, why: str) -> int:
    """Silence what matches at the daemon at ``url``; return the exit code."""
    words = " ".join(f'"{word}"' for word in what)
    match parse(f"silence {words} {seconds} {why}"):
        case SilenceRequest(matching, lasts, reason):
            asked = SilenceBody(matching=matching, seconds=lasts, why=reason, by=getpass.getuser())
            return _call("POST", f"{url}/silences", msgspec.json.encode(asked), _silenced)
        case Help(fault, word):
            help_ = _HELP.get(fault or Fault.WHOM, _HELP[Fault.WHOM])
            typer.echo(f"uneri: {word!r}: {help_}" if word else f"uneri: {help_}", err=True)
    return 2


def unsilence(url: str, name: str) -> int:
    """End a silence of the daemon at ``url``, or all of an incident; return the exit code."""
    if not name.strip():
        typer.echo("uneri: name the silence, or its incident; uneri silences lists them", err=True)
        return 2
    target = f"{url}/silences/{quote(name, safe='')}?by={quote(getpass.getuser(), safe='')}"
    return _call("DELETE", target, b"{}", lambda _: ["it is ended"])


def show_silences(url: str) -> int:
    """Print the silences that hold at the daemon at ``url``, first ending first; return the exit code."""
    return _call("GET", f"{url}/silences", None, _listed)


def _call(method: str, url: str, body: bytes | None, lines: Callable[[Any], list[str]]) -> int:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310 - the user's own address
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            told = json.load(answer)
    except urllib.error.HTTPError as error:
        typer.echo(f"uneri: {_why(error)}", err=True)
        return 1
    except (OSError, ValueError) as error:
        typer.echo(f"uneri: no daemon answers at {url} ({getattr(error, 'reason', error)})", err=True)
        return 1
    for line in lines(told):
        typer.echo(line)
    return 0


def _why(error: urllib.error.HTTPError) -> str:
    try:
        told = json.load(error)
    except ValueError:
        return f"{error.code} {error.reason}"
    return _SAID.get(told.get("said"), str(told.get("error") or f"{error.code} {error.reason}"))


_SAID: Final = {
    CommandResult.UNKNOWN.value: "no such silence, or more than one begins so; uneri silences lists them",
    CommandResult.CONFIGURED.value: "this silence is in the configuration; end it there",
    CommandResult.PAST.value: "the silence would end before it begins",
}


def _silenced(told: dict[str, Any]) -> list[str]:
    name = told["silence"]
    lines = [f"{name}  until {_shown(told['until'])}; uneri unsilence {name[:8]} ends it"]
    if told.get("fits") == 0:
        lines.append("note: no incident known so far matches it; is it written as a message would name it?")
    return lines


def _listed(told: Any) -> list[str]:
    found = msgspec.convert(told, list[Silence])
    lines = []
    for one in found:
        end = "while it lasts" if one.until is None else f"until {_shown(one.until)}"
        why = f": {clean(one.why)}" if one.why else ""
        lines.append(f"{one.id}  {clean(one.what)}  {end}  by {clean(one.by)}{why}")
    return lines or ["none"]


def _shown(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
