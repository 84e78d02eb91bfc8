"""The commands about silences, memos, labels and settings, each one request to a running daemon."""

import getpass
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import typer

from alerting.commands.dispatch import CommandResult
from alerting.commands.labels import Label
from alerting.commands.memo import LONGEST, MemoAnswer, memo_text
from alerting.commands.slash import LONGEST_TEXT, Fault, Help, SilenceRequest, parse
from alerting.evaluation.labels_file import labels_to_csv, labels_to_jsonl, labels_to_yaml
from alerting.pipeline.silences import Silence
from alerting.words.mrkdwn import clean
from config.sections.values import scope_name
from streams.cli.daemon_call import DaemonCommand
from streams.notify.command_routes import MemoBody, MemosAnswer, NotedAnswer, SilenceBody, SilencedAnswer
from streams.process.command_error import UsageError
from streams.process.reloading import ReloadAnswer
from streams.process.times import parse_time, utc

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
    "of its message, and `uneri incidents` lists open ones",
}
_NO_MEMO: Final = "no memo has this ID, or several begin with it; `uneri memos --ids` lists them"
_REMOVED: Final = 60  # characters of a memo that was removed

_WRITERS: Final = {
    ".yaml": labels_to_yaml,
    ".yml": labels_to_yaml,
    ".csv": labels_to_csv,
    ".jsonl": labels_to_jsonl,
}
"""Of labels, by suffix, which also determines how replay and tune read the file."""


def silence_body(what: Sequence[str], seconds: str, why: str) -> SilenceBody:
    """Return the body for the words of a command line, or raise ``UsageError`` when they are no silence."""
    words = " ".join(f'"{word}"' for word in what)
    asked = parse(f"silence {words} {seconds} {why}")
    if not isinstance(asked, SilenceRequest):
        fault, word = asked if isinstance(asked, Help) else Help()
        remedy = _HELP.get(fault or Fault.WHOM, _HELP[Fault.WHOM])
        raise UsageError(f"{word!r}: {remedy}" if word else remedy)
    return SilenceBody(matching=asked.matcher, seconds=asked.seconds, why=asked.why, by=getpass.getuser())


def memo_body(words: Sequence[str], at: str | None, scope: str) -> MemoBody:
    """Return the body for the words of a command line, or raise ``UsageError`` when they are no memo.

    Examples
    --------
    >>> memo_body(["3f9a", "ios", "again"], None, "").text
    'ios again'
    >>> memo_body(["a", "game", "day"], "2026-01-02", "table:items").at
    1767312000
    """
    moment = None
    if at is not None:
        try:
            moment = int(time.time() if at == "now" else parse_time(at))
        except ValueError as error:
            raise UsageError(str(error)) from None
    incident, rest = (None, words) if moment is not None else (words[0], words[1:])
    text = memo_text(" ".join(rest))
    if incident is not None and scope:
        raise UsageError("--scope is of a memo on the timeline: add --at TIME, such as --at now")
    if not text:
        wanted = (
            "what to note" if moment is not None else "an incident and what to note, or --at TIME and what"
        )
        raise UsageError(f"write {wanted}")
    if len(text) > LONGEST:
        raise UsageError(f"a memo holds up to {LONGEST:,} characters, this has {len(text):,}; shorten it")
    if scope:
        try:
            scope_name(scope)
        except ValueError as error:
            raise UsageError(f"--scope {scope}: {error}") from None
    return MemoBody(text=text, incident=incident, at=moment, scope=scope, by=getpass.getuser())


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


def export_labels(url: str, out: Path | None) -> None:
    """Print the labels of the daemon at ``url`` as YAML, or write them to a file as its suffix says."""
    write = _WRITERS.get(out.suffix.lower()) if out else labels_to_yaml
    if write is None:
        raise UsageError(f"--out {out}: the name must end with .yaml, .yml, .csv or .jsonl")
    labels = _LABELS.run(url)
    if out is None:
        typer.echo(write(labels), nl=False)
        return
    try:
        out.write_text(write(labels), "utf-8")
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror or error}") from None
    typer.echo(f"{len(labels)} labels written to {out}", err=True)


def _reload_lines(answer: ReloadAnswer) -> list[str]:
    changed = f"changed: {', '.join(answer.changed)}" if answer.changed else "nothing has changed"
    restart = [f"restart the daemon for: {', '.join(answer.restart)}"] if answer.restart else []
    return [f"{changed}; secrets and limits were read again", *restart]


RELOAD: Final = DaemonCommand(
    "POST",
    "/reload",
    ReloadAnswer,
    _reload_lines,
    seconds=120.0,  # the engine ends the run it is in, and deliveries under way end
)
_LABELS: Final = DaemonCommand("GET", "/labels", list[Label], lambda _: [])
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
MEMOS_WITH_IDS: Final = MEMOS._replace(lines=partial(_memo_lines, ids=True))
NOTE: Final = DaemonCommand("POST", "/memos", NotedAnswer, _noted, _OF_INCIDENTS)
FORGET: Final = DaemonCommand(
    "DELETE",
    "/memos/",
    NotedAnswer,
    _forgotten,
    {CommandResult.UNKNOWN.value: _NO_MEMO},
    "name the memo; `uneri memos --ids` lists them",
)
