"""A request to a running daemon, answered with lines on standard output or one on standard error."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import typer

from streams.process.web.tokens import own_authorization


class RefusedError(Exception):
    """A daemon, or whoever answers in its place, refuses; the message has the reason."""


class NoDaemonError(Exception):
    """Nobody answers; the message has the remedy."""


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
        When there is none.
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
    method, url, body
        The HTTP request; the body is JSON.
    lines
        Renders the decoded JSON of the answer.
    messages
        What to print for a result (``said``) that the daemon refuses with.
    seconds
        How long to wait for the answer.
    """
    try:
        answer = ask_daemon(method, url, body, messages, seconds=seconds)
    except (RefusedError, NoDaemonError) as error:
        typer.echo(f"uneri: {error}", err=True)
        return 1
    for line in lines(answer):
        typer.echo(line)
    return 0


def _refusal(error: urllib.error.HTTPError, messages: Mapping[str, str]) -> str:
    status = f"{error.url} answers HTTP {error.code} {error.reason}; check --url"
    try:
        answer = json.load(error)
    except ValueError:
        return status
    return messages.get(answer.get("said"), str(answer.get("error") or status))
