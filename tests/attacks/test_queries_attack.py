"""Clients of the read API that leave before they are answered."""

import socket
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.attacks.attacked import Attacked, HonestSender


def encoded(**parameters: str) -> bytes:
    return urllib.parse.urlencode(parameters, errors="surrogatepass").encode()


def test_clients_that_leave_their_queries_leave_no_trace(tmp_path: Path) -> None:
    query = encoded(query='uneri_observed{name=~"(.*)*(.*)*x"} or {__name__=~".+"}').decode()
    head = f"GET /api/v1/query?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()

    def leave(number: int) -> None:
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as opened:
            opened.sendall(head * (1 + number % 3))
            time.sleep(number % 5 / 50)
            if number % 2:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with Attacked(tmp_path) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait(lambda: daemon.status().get("watermark"), "step")
            with ThreadPoolExecutor(20) as pool:
                list(pool.map(leave, range(400)))
            assert daemon.wait(lambda: daemon.get("/api/v1/query", query="1").status == 200, "query", 30)
        assert honest.accepted
        assert daemon.get("/readyz").status == 200
    assert len(daemon.lines()) < 20
