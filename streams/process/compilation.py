"""Says when machine code is compiled, and has two processes do it: the first start of a version waits."""

import atexit
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import typer

from detectors.state.compiled import COMPILES, is_kept
from streams.process.machine import cores

BEGINS = "compiling machine code for this processor, once per version; takes up to a minute"

GC_THRESHOLD: Final = 50_000
"""New objects before a garbage collection: a compiler makes many that stay, and little garbage."""

NICE: Final = 10  # of what nobody waits for

PATIENCE: Final = 120.0  # seconds for what another process compiles
POLL_SECONDS: Final = 0.1

Say = Callable[[str], object]


def on_standard_error(line: str) -> None:
    """Say it as commands do."""
    typer.echo(f"uneri: {line}", err=True)


class Helper:
    """Python beside this process that compiles another part into the same cache; at most one, once."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; not for one processor, where it would only take memory."""
        if not self._program or cores() == 1:
            return
        with suppress(OSError):  # no room for another: this one compiles all
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter, and a program of ours
                [sys.executable, "-P", "-c", self._program],  # a folder named streams here is not ours
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> None:
        """Wait until it has ended. What it could not compile, this process does."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Later:
    """Machine code that helpers make beside a process that does without it until then."""

    def __init__(self) -> None:
        self._helpers: list[Helper] = []
        self._due: tuple[str, Later] | None = None

    def begin(self, *programs: str) -> None:
        """Have it made by these programs, which leave this process the processors and end with it."""
        for program in programs:
            helper = Helper(f"import os; os.nice({NICE})\n{program}")
            helper.start()
            atexit.register(helper.stop)
            self._helpers.append(helper)

    def begin_at_need(self, program: str, after: "Later") -> None:
        """Have it made by a program when somebody first asks for it and something else is made."""
        self._due = program, after

    def ready(self) -> bool:
        """Whether it is made, or nobody makes it: then it is this process's turn, at its first call."""
        if self._due is not None:
            program, after = self._due
            if not after.ready():
                return False
            self._due = None
            self.begin(program)
        return not any(helper.runs for helper in self._helpers)


SPANS: Final = Later()
"""That of the scanner of OpenTelemetry's spans, for which plain code stands in."""

JUDGEMENT: Final = Later()
"""That of the engine, for which the records wait in the log of a daemon that takes them in already.

Plain code checks them meanwhile.
"""


def wait_until_kept(function: Callable[..., object], seconds: float = PATIENCE) -> None:
    """Wait until another process has compiled a function, if it does so in time."""
    until = time.monotonic() + seconds
    while is_kept(function) is False and time.monotonic() < until:
        time.sleep(POLL_SECONDS)


@contextmanager
def announced(say: Say, beside: str = "") -> Iterator[Helper]:
    """Call ``say`` with a line when the compiler begins, and with one at the end; never if all is cached.

    Parameters
    ----------
    say
        Takes the lines.
    beside
        A program that compiles what the block does not need before it waits for the helper. It is started
        with the compiler, if its work can be kept for this process.
    """
    helper = Helper(beside)
    if not COMPILES:
        yield helper
        return
    from numba.core.event import Listener, install_listener

    began = time.monotonic()
    paths: list[str | None] = []
    within = 0

    class Compilation(Listener):
        def on_start(self, event: Any) -> None:
            nonlocal within
            within += 1
            if within > 1:
                return  # a part of another, compiled into it
            path = event.data["dispatcher"].stats.cache_path
            if not paths:
                say(BEGINS)
                if path is not None:
                    helper.start()
            paths.append(path)

        def on_end(self, _: Any) -> None:
            nonlocal within
            within -= 1

    usual = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *usual[1:])
    try:
        with install_listener("numba:compile", Compilation()):
            yield helper
    finally:
        helper.stop()
        gc.set_threshold(*usual)
    if paths:
        say(_ended(paths, time.monotonic() - began))


def _ended(paths: list[str | None], seconds: float) -> str:
    kept = [path for path in paths if path is not None]
    done = f"compiled in {seconds:.0f} s"
    if len(kept) < len(paths):
        return (
            f"{done}; they cannot be kept, so every start compiles them again: "
            "set NUMBA_CACHE_DIR to a folder that this user can write"
        )
    return f"{done}; kept in {os.path.commonpath(kept)} for the next start"
