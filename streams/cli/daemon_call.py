"""A request to a running daemon, answered with lines on standard output or one on standard error."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import typer

from streams.process.tokens import own_authorization


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
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310 - the user's own address
    for name, value in own_authorization().items():
        request.add_unredirected_header(name, value)  # for this daemon only
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        typer.echo(f"uneri: {_refusal(error, messages or {})}", err=True)
        return 1
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        typer.echo(f"uneri: no daemon answers at {url} ({reason}); is it running? Check --url", err=True)
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
