"""Says when machine code is compiled: the first start of a version waits for it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from detectors.state.compiled import COMPILES

BEGINS = "compiling machine code for this processor, once per version; takes about a minute"


Say = Callable[[str], object]


def on_standard_error(line: str) -> None:
    """Say it as commands do."""
    typer.echo(f"uneri: {line}", err=True)


@contextmanager
def announced(say: Say) -> Iterator[None]:
    """Call ``say`` with a line when the compiler begins, and with one at the end; never if all is cached."""
    if not COMPILES:
        yield
        return
    from numba.core.event import Listener, install_listener

    began = time.monotonic()
    paths: list[str | None] = []

    class Compilation(Listener):
        def on_start(self, event: Any) -> None:
            function = event.data["dispatcher"]
            if function.py_func.__module__.startswith("numba."):
                return  # a part of one of ours, compiled into it
            if not paths:
                say(BEGINS)
            paths.append(function.stats.cache_path)

        def on_end(self, event: Any) -> None:
            pass

    with install_listener("numba:compile", Compilation()):
        yield
    if paths:
        say(_ended(paths, time.monotonic() - began))


def _ended(paths: list[str | None], seconds: float) -> str:
    kept = [path for path in paths if path is not None]
    done = f"compiled {len(paths)} functions in {seconds:.0f} s"
    if len(kept) < len(paths):
        return (
            f"{done}; they cannot be kept, so every start compiles them again: "
            "set NUMBA_CACHE_DIR to a folder that this user can write"
        )
    return f"{done}; kept in {os.path.commonpath(kept)} for the next start"
