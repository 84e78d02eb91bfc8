"""``uneri status``: asks a running daemon how it is."""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import typer


def show_status(url: str) -> int:
    """Print the status of the daemon at ``url``; 1 when it does not answer."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/status", timeout=5) as answer:  # noqa: S310 - the user's own address
            told: dict[str, Any] = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError) as error:
        typer.echo(
            f"uneri: no daemon answers at {url} ({getattr(error, 'reason', error)}); is it running?", err=True
        )
        return 1
    for line in status_lines(told):
        typer.echo(line)
    return 0


def status_lines(told: dict[str, Any]) -> list[str]:
    """Render what ``/status`` says, one fact a line.

    Examples
    --------
    >>> status_lines({"watermark": 1760000000, "open_incidents": []})
    ['watermark       2025-10-09 08:53:20 UTC', 'open incidents  none']
    """
    lines = []
    for key, value in told.items():
        name = key.replace("_", " ")
        if key in ("watermark", "last_alert") and isinstance(value, int | float):
            shown = f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
        elif isinstance(value, dict):
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
        elif isinstance(value, list):
            shown = f"\n{'':16}".join(map(str, value)) or "none"
        else:
            shown = "none" if value is None else str(value)
        lines.append(f"{name:<16}{shown}")
    return lines
