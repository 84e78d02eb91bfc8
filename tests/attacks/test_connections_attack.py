"""Connections: thousands of strangers, heads and bodies that never end, beside who sends in earnest."""

import contextlib
import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.attacks.attacked import Attacked, HonestSender

INTAKE = "uneri_" + "i" * 40
READ = "uneri_" + "r" * 40
ENVIRONMENT = {"UNERI_INTAKE_TOKEN": INTAKE, "UNERI_READ_TOKEN": READ}
HEAD = b"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    """Allow this process as many connections as it attacks with."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(20_000, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def connected(count: int, port: int, said: bytes = b"") -> Iterator[socket.socket]:
    """Yield connections that said something: as many as the other side takes."""
    for _ in range(count):
        with contextlib.suppress(OSError):
            connection = socket.create_connection(("127.0.0.1", port), 1)
            connection.setblocking(False)
            yield connection
            connection.send(said)


class LineSender:
    """Sends lines over one connection with a token, for as long as its ``with`` block lasts."""

    def __init__(self, to: Attacked) -> None:
        self.sent = 0
        self.answer: dict[str, int] = {}
        self._to = to
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        with socket.create_connection(("127.0.0.1", self._to.tcp), 60) as connection:
            connection.sendall(f"Bearer {INTAKE}\n".encode())
            while not self._stop.wait(0.1):
                record = {"ts": time.time(), "service": "lines"}
                connection.sendall(json.dumps(record).encode() + b"\n")
                self.sent += 1
            connection.shutdown(socket.SHUT_WR)
            self.answer = json.loads(connection.makefile().readline())


def test_strangers_however_many_cost_nobody_a_connection_or_a_record(
    broker: str | None, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {INTAKE}"}
    held: list[socket.socket] = []
    with Attacked(tmp_path, broker, environment=ENVIRONMENT) as daemon:
        daemon.headers["Authorization"] = f"Bearer {READ}"
        with HonestSender(daemon, headers=headers) as honest, LineSender(daemon) as lines:
            begun = time.monotonic()
            held += connected(120, daemon.tcp)
            time.sleep(6)
            held += connected(3000, daemon.tcp, b"Bearer ")
            held += connected(3000, daemon.port, HEAD + b"X-Slow: ")
            held += connected(300, daemon.port, HEAD + b"Content-Length: 9999\r\n\r\n{")
            with LineSender(daemon) as late:
                while time.monotonic() - begun < 125:
                    for connection in held:
                        with contextlib.suppress(OSError):
                            connection.send(b"x")
                    assert daemon.get("/healthz").status == 200
                    time.sleep(1)
        honest.is_counted()
        for connection in held:
            connection.close()
        assert lines.answer == {"accepted": lines.sent}
        assert late.answer == {"accepted": late.sent}
        daemon.wait(lambda: daemon.get("/readyz").status == 200, "readiness", 20)
        assert len(daemon.lines()) < 60, daemon.output()
