"""``uneri reload``: have a running daemon read its configuration again."""

from typing import Any, Final

from streams.cli.daemon_call import call_daemon

_SECONDS: Final = 120.0  # the engine ends the run it is in, and deliveries under way end


def reload_daemon(url: str) -> int:
    """Reload the daemon at ``url``; return the exit code, which is 1 if something waits for a restart."""
    waits: list[str] = []

    def lines(answer: dict[str, Any]) -> list[str]:
        waits.extend(answer["restart"])
        changed = f"changed: {', '.join(answer['changed'])}" if answer["changed"] else "nothing has changed"
        told = [f"{changed}; secrets and limits were read again"]
        return [*told, f"restart the daemon for: {', '.join(waits)}"] if waits else told

    return call_daemon("POST", f"{url}/reload", b"{}", lines, seconds=_SECONDS) or bool(waits)
