"""The entry point, kept small so that an interrupt while the rest loads ends quietly."""

import os
import signal
import sys
from typing import Any


def main(arguments: list[str] | None = None) -> Any:
    """Entry point of the ``uneri`` command."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing to clean up before a command runs
    given = sys.argv[1:] if arguments is None else arguments
    replays = given[:1] == ["replay"] and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if replays:
        from streams.process.stop_requests import exit_now

        signal.signal(signal.SIGTERM, exit_now)
    if given[:1] == ["run"]:  # a reload that is asked for while it starts waits until it runs
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    _refuse_bytes(given)
    from streams.cli.commands import app

    signal.signal(signal.SIGINT, usual)
    if sys.stdout is None:  # closed: nobody reads
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    try:
        app(args=arguments)
    except OSError as error:  # of help: other commands name what cannot be written
        print(f"uneri: standard output: {error.strerror}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except ImportError as error:
        from streams.process.extras import missing
        from streams.process.library_guard import UnknownVersionError

        remedy = str(error) if isinstance(error, UnknownVersionError) else None
        if isinstance(error, ModuleNotFoundError):
            remedy = missing(error)
        if remedy is None:
            raise
        print(f"uneri: {remedy}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    finally:
        if replays:  # the work is done; the exit code must stand
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _refuse_bytes(arguments: list[str]) -> None:
    """End where an argument is not text; paths may be anything."""
    for argument in arguments:
        if not argument.isascii() and not os.path.exists(argument):  # noqa: PTH110  no import for it
            try:
                argument.encode()
            except UnicodeEncodeError:
                print(f"uneri: {argument!a} is not UTF-8", file=sys.stderr)  # noqa: T201
                sys.exit(2)
