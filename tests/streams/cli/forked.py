"""``uneri`` as a process of its own that need not load everything first.

A command that is refused in one line takes a second and more of processor time, nearly all to load what it is
made of. Here, a process that has loaded it becomes the command, with an environment, a folder, streams and an
exit code of its own. What is about how the program starts, starts it.
"""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from streams.cli.main import main
from streams.drivers.compile_ahead import compile_ahead

ROOT = Path(__file__).parents[3]
LONGEST = 120
"""Seconds that a command may take."""

_PIPE = 60_000  # bytes that a pipe takes without a reader


def uneri(
    *arguments: object,
    given: bytes = b"",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    program: str = "",
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, as ``subprocess.run`` does.

    ``program`` is Python that runs in its place, with the arguments in ``sys.argv``.
    """
    assert len(given) < _PIPE
    argv = [*map(str, arguments)]
    asked = {"argv": argv, "cwd": str(cwd or Path.cwd()), "env": dict(env or os.environ), "program": program}
    read, write = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, _server().dup() as server:
        try:
            os.write(write, given)
            os.close(write)
            message = json.dumps(asked).encode()
            socket.send_fds(server, [len(message).to_bytes(4, "big")], [read, out.fileno(), err.fileno()])
            server.sendall(message)
        finally:
            os.close(read)
        code = int.from_bytes(_exactly(server, 4), "big", signed=True)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(argv, code, out.read(), err.read())


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        cwd=ROOT,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _exactly(server: socket.socket, size: int) -> bytes:
    read = server.recv(size, socket.MSG_WAITALL)
    assert len(read) == size, "the process that becomes commands has ended"
    return read


def _load() -> None:
    for module in iter_modules([str(ROOT / "streams" / "cli")]):
        import_module(f"streams.cli.{module.name}")
    for name in (
        "streams.drivers.local.daemon",
        "streams.drivers.kafka.daemon",
        "streams.cli.check.check",
        "streams.offline.score.score",
    ):
        import_module(name)
    compile_ahead(lambda _: None)


def _serve(asking: socket.socket) -> str:
    """Fork for each command that is asked for; return its program in the process that is to become it."""
    while True:
        size, streams, *_ = socket.recv_fds(asking, 4, 3)
        if not size:
            os._exit(0)
        asked: dict[str, Any] = json.loads(_exactly(asking, int.from_bytes(size, "big")))
        child = os.fork()
        if not child:
            _become(asked, streams)
            asking.close()
            return str(asked["program"])
        for stream in streams:
            os.close(stream)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        asking.sendall(code.to_bytes(4, "big", signed=True))


def _become(asked: dict[str, Any], streams: list[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv[:] = ["uneri", *asked["argv"]]
    signal.alarm(LONGEST)


def _run(program: str) -> int:
    try:
        if program:
            exec(program, {"__name__": "__main__"})  # noqa: S102 - a test's own
        else:
            main()
    except SystemExit as ended:
        if not isinstance(ended.code, str):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except Exception:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    """End as a program does, but let the system free the memory: Python takes longer than the command."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _load()
    gc.freeze()  # a collection would copy all that is shared with the process that forks
    _end(_run(_serve(socket.socket(fileno=int(sys.argv[1])))))
