"""``uneri status``: the state of a running daemon."""

from datetime import UTC, datetime
from typing import Any, Final

from streams.cli.daemon_call import call_daemon

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
"""What an empty value is shown as, other than ``none``."""


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
            shown = f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
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
