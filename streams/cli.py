"""The way into the command line: so little that an interrupt while the rest loads is quiet."""

import signal
from typing import Any


def main(arguments: list[str] | None = None) -> Any:
    """Entry point of the ``uneri`` command."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # before a command runs there is nothing to clean up
    from streams.commands import app

    signal.signal(signal.SIGINT, usual)
    app(args=arguments)
