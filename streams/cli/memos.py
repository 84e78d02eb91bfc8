"""``uneri note``, ``memos`` and ``forget``: the notes of people, at a running daemon."""

import functools
import getpass
import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
import typer

from alerting.commands.dispatch import CommandResult
from alerting.commands.memo import LONGEST, memo_text
from alerting.words.mrkdwn import clean
from config.sections.values import scope_name
from streams.cli.daemon_call import call_daemon, utc
from streams.notify.command_routes import MemoBody
from streams.process.times import parse_time

_REFUSALS: Final = {
    CommandResult.UNKNOWN.value: "no incident has this ID, or several begin with it; it is in the last line "
    "of its message, and `uneri status` lists open ones",
}
_NO_MEMO: Final = "no memo has this ID, or several begin with it; `uneri memos --ids` lists them"
_SHOWN: Final = 60  # characters of a memo that was removed


class MemoUsageError(ValueError):
    """A memo is not written as it must be; the message has the remedy."""


def add_memo(url: str, words: Sequence[str], at: str | None, scope: str) -> int:
    """Keep a memo at the daemon at ``url``; return the exit code."""
    try:
        body = memo_body(words, at, scope)
    except ValueError as error:
        typer.echo(f"uneri: {error}", err=True)
        return 2
    return call_daemon("POST", f"{url}/memos", msgspec.json.encode(body), _noted, _REFUSALS)


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


def forget_memo(url: str, name: str) -> int:
    """Remove a memo at the daemon at ``url``; return the exit code."""
    if not name.strip():
        typer.echo("uneri: name the memo; `uneri memos --ids` lists them", err=True)
        return 2
    target = f"{url}/memos/{quote(name, safe='')}?by={quote(getpass.getuser(), safe='')}"
    return call_daemon("DELETE", target, b"{}", _forgotten, {CommandResult.UNKNOWN.value: _NO_MEMO})


def show_memos(url: str, incident: str | None, *, ids: bool = False) -> int:
    """Print the memos of the daemon at ``url``, or those of one kind of incident; return the exit code."""
    query = "" if incident is None else f"?incident={quote(incident, safe='')}"
    lines = functools.partial(_listed, ids=ids)
    return call_daemon("GET", f"{url}/memos{query}", None, lines, _REFUSALS)


def _noted(answer: dict[str, Any]) -> list[str]:
    memo = answer["memo"]
    if memo is None:  # the same was noted before
        return ["noted already"]
    return [f"noted on {_about(memo)}" if memo.get("incident") else f"noted at {utc(memo['at'])}"]


def _forgotten(answer: dict[str, Any]) -> list[str]:
    memo = answer["memo"]
    return ["removed already" if memo is None else f"removed: {' '.join(memo['text'].split())[:_SHOWN]}"]


def _listed(answer: dict[str, Any], *, ids: bool = False) -> list[str]:
    lines = []
    for memo in answer["memos"]:
        about, name = _about(memo), f"{memo['id']}  " if ids else ""
        first, *others = memo["text"].split("\n")
        by = clean(memo.get("name") or memo["by"])
        lines.append(f"{name}{utc(memo['at'])}  {about + '  ' if about else ''}by {by}: {first}")
        lines += [f"    {other}" for other in others]
    return lines or ["none"]


def _about(memo: dict[str, Any]) -> str:
    return f"incident {memo['incident']}" if memo.get("incident") else clean(memo["scope"])
