"""Compiles machine code in several processes, and announces it: the first start of a version waits."""

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
"""New objects before a garbage collection: a compiler makes many lasting ones, and little garbage."""

NICE: Final = 10  # of background compilation

PATIENCE: Final = 120.0  # seconds to wait for the compilation of another process
POLL_SECONDS: Final = 0.1

Announce = Callable[[str], object]


def on_standard_error(line: str) -> None:
    """Write a line in the form of commands."""
    typer.echo(f"uneri: {line}", err=True)


class CompileProcess:
    """A second process that compiles another part into the same cache, at most once."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless there is a single processor, where it would only cost memory."""
        if not self._program or cores() == 1:
            return
        with suppress(OSError):  # no second process: this one compiles all
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter, and a program of ours
                [sys.executable, "-P", "-c", self._program],  # a folder named streams here is not ours
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    @property
    def runs(self) -> bool:
        """True from the start until the end."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> None:
        """Wait until it has ended. This process compiles what is missing then."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Kill it, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class BackgroundCompile:
    """Machine code that other processes compile, while this one works without it."""

    def __init__(self) -> None:
        self._processes: list[CompileProcess] = []
        self._due: tuple[str, BackgroundCompile] | None = None

    def begin(self, *programs: str) -> None:
        """Start these programs, at a low priority; they end with this process."""
        for program in programs:
            process = CompileProcess(f"import os; os.nice({NICE})\n{program}")
            process.start()
            atexit.register(process.stop)
            self._processes.append(process)

    def begin_at_need(self, program: str, after: "BackgroundCompile") -> None:
        """Start a program at the first question whether it is ready, once ``after`` is ready."""
        self._due = program, after

    def ready(self) -> bool:
        """Return whether no process compiles it any more: if none did, this one does at its first call."""
        if self._due is not None:
            program, after = self._due
            if not after.ready():
                return False
            self._due = None
            self.begin(program)
        return not any(process.runs for process in self._processes)


SPANS: Final = BackgroundCompile()
"""The scanner of OpenTelemetry spans; plain code replaces it until then."""

JUDGEMENT: Final = BackgroundCompile()
"""The engine; a daemon that accepts records already checks them with plain code and logs them until then."""


def wait_until_kept(function: Callable[..., object], seconds: float = PATIENCE) -> None:
    """Wait until another process has compiled a function, if it does so in time."""
    until = time.monotonic() + seconds
    while is_kept(function) is False and time.monotonic() < until:
        time.sleep(POLL_SECONDS)


@contextmanager
def announce_compiling(say: Announce, beside: str = "") -> Iterator[CompileProcess]:
    """Announce the begin and the end of a compilation in the block; nothing if all code is cached.

    Parameters
    ----------
    say
        Receives the lines.
    beside
        A program that compiles another part, which the block needs only after it has waited for the process
        that is yielded. It starts with the compiler, if its work can be kept for this process.
    """
    process = CompileProcess(beside)
    if not COMPILES:
        yield process
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
                    process.start()
            paths.append(path)

        def on_end(self, _: Any) -> None:
            nonlocal within
            within -= 1

    usual = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *usual[1:])
    try:
        with install_listener("numba:compile", Compilation()):
            yield process
    finally:
        process.stop()
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
