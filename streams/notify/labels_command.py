"""``uneri labels`` and its route: writes the labels that people gave by buttons, for replay and tune."""

import contextlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
import typer
from aiohttp import web

from alerting.commands.labels import Label
from alerting.evaluation.labels_file import labels_to_csv, labels_to_jsonl, labels_to_yaml
from alerting.words.mrkdwn import clean
from streams.process.web.tokens import own_authorization

_WRITERS: Final = {
    ".yaml": labels_to_yaml,
    ".yml": labels_to_yaml,
    ".csv": labels_to_csv,
    ".jsonl": labels_to_jsonl,
}
"""By suffix, which also determines how the file is read."""

_SUFFIXES: Final = ".yaml, .yml, .csv or .jsonl"


def labels_route(labels: Callable[[], Sequence[Label] | None]) -> web.RouteDef:
    """Return the route ``GET /labels`` of a daemon: all labels as JSON, oldest first.

    503 if they are None, because another process notifies.
    """

    async def show(_: web.Request) -> web.Response:
        known = labels()
        if known is None:
            return web.Response(status=503, reason="it does not notify; ask the process with the role notify")
        return web.Response(body=msgspec.json.encode(known), content_type="application/json")

    return web.get("/labels", show)


def show_labels(url: str, out: Path | None) -> int:
    """Print the labels of the daemon at ``url`` as YAML, or write them to a file in the format of its suffix.

    Returns
    -------
    The exit code: 1 when no daemon returns labels there, 2 when the suffix is unknown or the file cannot be
    written.
    """
    write = _WRITERS.get(out.suffix.lower()) if out else labels_to_yaml
    if write is None:
        typer.echo(f"uneri: --out {out}: the name must end with {_SUFFIXES}", err=True)
        return 2
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}/labels")  # noqa: S310 - the user's own address
        for name, value in own_authorization().items():
            request.add_unredirected_header(name, value)  # for this daemon only
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            labels = msgspec.json.decode(answer.read(), type=list[Label])
    except (OSError, ValueError, http.client.HTTPException, msgspec.MsgspecError) as error:
        typer.echo(f"uneri: {_why(url, error)}", err=True)
        return 1
    if out is None:
        typer.echo(write(labels), nl=False)
        return 0
    try:
        out.write_text(write(labels), "utf-8")
    except OSError as error:
        typer.echo(f"uneri: --out {out}: {error.strerror or error}", err=True)
        return 2
    typer.echo(f"{len(labels)} labels written to {out}", err=True)
    return 0


def _why(url: str, error: Exception) -> str:
    """Return one line with the failure and its remedy."""
    if isinstance(error, urllib.error.HTTPError):
        if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return clean(str(json.load(error)["error"]))
        return f"{url} answered {error.code} ({clean(str(error.reason))}); is it the daemon that notifies?"
    if isinstance(error, msgspec.MsgspecError | http.client.HTTPException):
        return f"{url} did not return labels ({clean(str(error))}); is it a daemon of Uneri?"
    return f"no daemon answers at {url} ({getattr(error, 'reason', error)}); is it running?"
