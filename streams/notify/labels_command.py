"""``uneri labels``: what people said of incidents by pressing buttons, as a file for replay and tune."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import typer
from aiohttp import web

from alerting.commands.labels import Label
from alerting.evaluation.labels_file import labels_to_csv, labels_to_jsonl, labels_to_yaml
from alerting.words.mrkdwn import clean

_FORMS: Final = {
    ".yaml": labels_to_yaml,
    ".yml": labels_to_yaml,
    ".csv": labels_to_csv,
    ".jsonl": labels_to_jsonl,
}
"""By suffix, which is what decides when the file is read again."""
_ENDINGS: Final = ".yaml, .yml, .csv or .jsonl"


def labels_route(labels: Callable[[], Sequence[Label] | None]) -> web.RouteDef:
    """Return the route ``GET /labels`` of a daemon: all labels as JSON, oldest first.

    503 where they are None: another process notifies.
    """

    async def show(_: web.Request) -> web.Response:
        known = labels()
        if known is None:
            return web.Response(status=503, reason="it does not notify: ask the process that does")
        return web.Response(body=msgspec.json.encode(known), content_type="application/json")

    return web.get("/labels", show)


def show_labels(url: str, out: Path | None) -> int:
    """Print the labels of the daemon at ``url`` as YAML, or leave them in a file, as its name ends.

    Returns
    -------
    The exit code: 1 when no daemon answers there with labels, 2 when the name of the file says no form or
    it cannot be written.
    """
    form = _FORMS.get(out.suffix.lower()) if out else labels_to_yaml
    if form is None:
        typer.echo(f"uneri: --out {out}: end the name with {_ENDINGS}", err=True)
        return 2
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/labels", timeout=5) as answer:  # noqa: S310 - the user's own address
            labels = msgspec.json.decode(answer.read(), type=list[Label])
    except (OSError, ValueError, http.client.HTTPException, msgspec.MsgspecError) as error:
        typer.echo(f"uneri: {_why(url, error)}", err=True)
        return 1
    if out is None:
        typer.echo(form(labels), nl=False)
        return 0
    try:
        out.write_text(form(labels), "utf-8")
    except OSError as error:
        typer.echo(f"uneri: --out {out}: {error.strerror or error}", err=True)
        return 2
    typer.echo(f"{len(labels)} labels in {out}", err=True)
    return 0


def _why(url: str, error: Exception) -> str:
    """Say in one line what came instead of labels."""
    if isinstance(error, urllib.error.HTTPError):
        return f"{url} answered {error.code} ({clean(str(error.reason))}); is it the daemon that notifies?"
    if isinstance(error, msgspec.MsgspecError | http.client.HTTPException):
        return f"{url} answered something else than labels ({clean(str(error))}); is it a daemon of Uneri?"
    return f"no daemon answers at {url} ({getattr(error, 'reason', error)}); is it running?"
