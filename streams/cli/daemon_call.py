"""Requests to a running daemon: an answer, or one line with the reason why there is none."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from streams.process.web.tokens import own_authorization


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
    """Return the decoded JSON of an answer.

    Parameters
    ----------
    body
        JSON.
    messages
        Texts for the results (``said``) with which the daemon may refuse.
    seconds
        Patience for the answer.

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
