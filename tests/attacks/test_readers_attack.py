"""Readers that do not read, sign in a thousand times, or announce what never comes."""

import json
import socket
from contextlib import ExitStack
from pathlib import Path

from streams.process.web.tokens import new_token
from tests.attacks.attacked import Attacked, HonestSender

JSON = {"Content-Type": "application/json"}
READERS = 300  # more than may be open


def test_readers_that_do_not_read_and_a_thousand_sessions_cost_nothing(
    broker: str | None, tmp_path: Path
) -> None:
    read, intake = new_token(), new_token()
    environment = {"UNERI_READ_TOKEN": read, "UNERI_INTAKE_TOKEN": intake}
    head = f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {read}\r\n"
    with Attacked(tmp_path, broker, environment=environment) as daemon, ExitStack() as opened:
        daemon.headers = {"Authorization": f"Bearer {read}"}

        def reader(request: str) -> socket.socket:
            found = opened.enter_context(socket.socket())
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            found.connect(("127.0.0.1", daemon.port))
            found.sendall(f"{request} {head}\r\n".encode())
            return found

        with HonestSender(daemon, headers={"Authorization": f"Bearer {intake}"}) as honest:
            for _ in range(READERS):
                reader("GET /board/events")
            for path in ("/metrics", "/board/map", "/board/wall", "/openapi.json") * 10:
                reader(f"GET {path}")
            cookies = set()
            for _ in range(1000):
                answer = daemon.ask("/board/session", json.dumps({"token": read}).encode(), JSON)
                assert answer.status == 204, answer
                cookies.add(answer.headers["Set-Cookie"])
            assert len(cookies) == 1000
            for route in ("/events", "/v1/traces", "/board/session", "/silences"):
                for length in (4 << 30, 2**63, 10**30):
                    request = f"POST {route} {head.replace(read, intake)}Content-Length: {length}\r\n\r\n"
                    said = daemon.exchange(request.encode() + b"x")
                    assert said[9:12] in {b"400", b"401", b"403", b"413", b"415"}, (route, length, said)
            honest.fills_a_minute()
        honest.is_counted()
        assert daemon.get("/readyz").status == 200
    assert len(daemon.lines()) < 40
