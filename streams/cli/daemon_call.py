"""Requests to a running daemon, the form of commands that are one such request, and ``status``."""

import getpass
import json
import ssl
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import IO, Any, Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode

import msgspec
import typer

from alerting.words.mrkdwn import clean
from alerting.words.unseen import escape_unseen_json
from streams.process.command_error import CommandError, UsageError
from streams.process.times import utc
from streams.process.web.tokens import own_authorization

_WIDTH: Final = 18

_NAMES: Final = {
    "watermark": "data until",
    "last_alert": "last page",
    "held_now": "held back now",
    "held_incidents": "which and why",
    "stages": "held back so far",
    "outbox": "messages to send",
    "unread": "read by nobody",
    "other_versions": "other versions",
    "other_configurations": "configured otherwise",
}
"""Names that are clearer than the keys."""

_TIMES: Final = ("watermark", "last_alert", "history_until", "board_until", "incidents_until")
_NONE: Final = {"held_now": "nothing", "stages": "nothing", "last_alert": "none yet"}
"""Texts for empty values other than ``none``."""


class RefusedError(CommandError):
    """The daemon, or another server at its address, refuses; the message has the reason."""


class NoDaemonError(CommandError):
    """No daemon answers; the message has the remedy."""

    def __init__(self, url: str, error: Exception) -> None:
        reason = clean(str(getattr(error, "reason", error)))
        super().__init__(f"no daemon answers at {url} ({reason}); is it running? Check --url")


@contextmanager
def answer_of(
    method: str,
    url: str,
    body: bytes | None = None,
    messages: Mapping[str, str] | None = None,
    *,
    seconds: float = 10.0,
) -> Iterator[IO[bytes]]:
    """Send a request with the token of this user, if there is one, and yield the body of the answer.

    Parameters
    ----------
    body
        JSON.
    messages
        Texts for the results (``said``) with which the daemon may refuse.
    seconds
        Patience for the answer, and then for each part of it.

    Raises
    ------
    RefusedError, NoDaemonError
        When there is no answer, or it breaks off.
    """
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310 - the user's own address
    for name, value in own_authorization().items():
        request.add_unredirected_header(name, value)  # for this daemon only
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310
            yield response
    except HTTPError as error:
        raise RefusedError(_refusal(error, messages or {})) from error
    except (URLError, HTTPException, TimeoutError, ConnectionError, ssl.SSLError, ValueError) as error:
        raise NoDaemonError(url, error) from error


def ask_daemon(
    method: str,
    url: str,
    body: bytes | None = None,
    messages: Mapping[str, str] | None = None,
    *,
    seconds: float = 10.0,
) -> Any:
    """Return the decoded JSON of an answer; parameters and errors are those of ``answer_of``."""
    with answer_of(method, url, body, messages, seconds=seconds) as answer:
        return json.load(answer)


def _refusal(error: HTTPError, messages: Mapping[str, str]) -> str:
    status = f"{error.url} answers HTTP {error.code} {clean(str(error.reason))}; check --url"
    try:
        answer = json.load(error)
    except (ValueError, OSError, HTTPException):
        return status
    if not isinstance(answer, dict):
        return status
    lines = str(answer.get("error") or status).splitlines()  # of a reload: one for each mistake
    return messages.get(answer.get("said", ""), "\n".join(clean(line) for line in lines))


class DaemonCommand(NamedTuple):
    """A command that is one request: what is sent, what answers it, and the lines that are printed of that.

    Its empty values of a query are left out. Every method raises ``CommandError`` when a name is missing, or
    there is no such answer.
    """

    method: str
    path: str  # the name of what a command shows or removes follows, then the query
    answer: Any  # a type that msgspec knows
    lines: Callable[[Any], list[str]]
    refusals: Mapping[str, str] = {}
    nameless: str = ""  # the remedy where a name is needed, and empty
    seconds: float = 10.0  # patience for the answer

    def run(
        self,
        url: str,
        name: str | None = None,
        body: msgspec.Struct | None = None,
        query: Mapping[str, str] | None = None,
        *,
        as_json: bool = False,
    ) -> Any:
        """Ask the daemon at ``url``, print its answer as lines or as JSON, and return it."""
        found, answer = self.ask(url, name, body, query)
        for line in [json_text(found)] if as_json else self.lines(answer):
            typer.echo(line)
        return answer

    def ask(
        self,
        url: str,
        name: str | None = None,
        body: msgspec.Struct | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[Any, Any]:
        """Ask the daemon at ``url``; return its answer as it came, and as this version knows it."""
        if self.nameless and not (name or "").strip():
            raise UsageError(self.nameless)
        asked = {key: value for key, value in (query or {}).items() if value}
        asked |= {"by": getpass.getuser()} if self.method == "DELETE" else {}
        target = f"{url}{self.path}{'' if name is None else quote(name, safe='')}"
        target += f"?{urlencode(asked)}" if asked else ""
        sent = None if self.method == "GET" else msgspec.json.encode({} if body is None else body)
        found = ask_daemon(self.method, target, sent, self.refusals, seconds=self.seconds)
        try:
            return found, msgspec.convert(found, self.answer)
        except msgspec.ValidationError as error:
            wrong = f"{url} does not answer as this version does ({error}); check --url"
            raise CommandError(wrong) from error


def json_text(answer: Any) -> str:
    """Return an answer as JSON in which nothing is an order to a terminal."""
    return escape_unseen_json(json.dumps(answer, ensure_ascii=False, indent=2))


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
        if key in _TIMES:
            shown = utc(value) if value else none
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


STATUS: Final = DaemonCommand("GET", "/status", dict[str, Any], status_lines)
