"""Requests to a running daemon, and the commands that are one such request: ``status`` and ``reload``.

An answer becomes lines on standard output, or one on standard error.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import typer

from streams.process.web.tokens import own_authorization

_RELOAD_SECONDS: Final = 120.0  # the engine ends the run it is in, and deliveries under way end
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


class RefusedError(Exception):
    """The daemon, or another server at its address, refuses; the message has the reason."""


class NoDaemonError(Exception):
    """No server answers; the message has the remedy."""


def request_to(url: str, method: str, body: bytes | None) -> urllib.request.Request:
    """Return a request for a daemon, with the token of this user if there is one; the body is JSON."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310 - the user's own address
    for name, value in own_authorization().items():
        request.add_unredirected_header(name, value)  # for this daemon only
    return request


def ask_daemon(
    method: str,
    url: str,
    body: bytes | None = None,
    messages: Mapping[str, str] | None = None,
    *,
    seconds: float = 10.0,
) -> Any:
    """Return the decoded JSON of an answer; the parameters are those of ``call_daemon``.

    Raises
    ------
    RefusedError, NoDaemonError
        When there is no answer.
    """
    try:
        with urllib.request.urlopen(request_to(url, method, body), timeout=seconds) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise RefusedError(_refusal(error, messages or {})) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NoDaemonError(f"no daemon answers at {url} ({reason}); is it running? Check --url") from error


def call_daemon(
    method: str,
    url: str,
    body: bytes | None,
    lines: Callable[[Any], list[str]],
    messages: Mapping[str, str] | None = None,
    *,
    seconds: float = 10.0,
) -> int:
    """Print the lines of an answer and return 0, or print why there is none and return 1.

    Parameters
    ----------
    body
        JSON.
    lines
        Renders the decoded JSON of the answer.
    messages
        Texts for the results (``said``) with which the daemon may refuse.
    seconds
        Patience for the answer.
    """
    try:
        answer = ask_daemon(method, url, body, messages, seconds=seconds)
    except (RefusedError, NoDaemonError) as error:
        typer.echo(f"uneri: {error}", err=True)
        return 1
    for line in lines(answer):
        typer.echo(line)
    return 0


def utc(at: float) -> str:
    """Return a time, epoch seconds, for people."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _refusal(error: urllib.error.HTTPError, messages: Mapping[str, str]) -> str:
    status = f"{error.url} answers HTTP {error.code} {error.reason}; check --url"
    try:
        answer = json.load(error)
    except ValueError:
        return status
    return messages.get(answer.get("said"), str(answer.get("error") or status))


def show_status(url: str) -> int:
    """Print the status of the daemon at ``url``; return the exit code."""
    return call_daemon("GET", f"{url}/status", None, status_lines)


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


def reload_daemon(url: str) -> int:
    """Reload the daemon at ``url``; return the exit code, which is 1 if something waits for a restart."""
    waits: list[str] = []

    def lines(answer: dict[str, Any]) -> list[str]:
        waits.extend(answer["restart"])
        changed = f"changed: {', '.join(answer['changed'])}" if answer["changed"] else "nothing has changed"
        restart = [f"restart the daemon for: {', '.join(waits)}"] if waits else []
        return [f"{changed}; secrets and limits were read again", *restart]

    return call_daemon("POST", f"{url}/reload", b"{}", lines, seconds=_RELOAD_SECONDS) or bool(waits)
