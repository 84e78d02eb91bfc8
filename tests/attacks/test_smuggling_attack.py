"""Requests that a proxy and a server read differently, and heads that no client sends."""

import re
import socket
import time
from pathlib import Path

from tests.attacks.attacked import Attacked, HonestSender

SECRET = "uneri-attack-0123456789abcdef"  # noqa: S105 - a bait
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
EVENT = b'{"ts":1,"service":"smuggled"}'
HOST = b"Host: 127.0.0.1\r\n"
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(EVENT), EVENT)
INNER = b"POST /reload HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Uneri: 1\r\nContent-Length: 0\r\n\r\n"


def post(*headers: bytes, body: bytes = EVENT, target: bytes = b"/events") -> bytes:
    return (
        b"POST " + target + b" HTTP/1.1\r\n" + HOST + b"".join(h + b"\r\n" for h in headers) + b"\r\n" + body
    )


LENGTH = b"Content-Length: %d" % len(EVENT)
CHUNKED = b"Transfer-Encoding: chunked"

REFUSED = {
    "a length and chunks": post(LENGTH, CHUNKED, body=CHUNK),
    "chunks and a length": post(CHUNKED, b"Content-Length: 0", body=CHUNK + INNER),
    "two lengths": post(LENGTH, b"Content-Length: 0"),
    "two lengths in one": post(b"Content-Length: %d, 0" % len(EVENT)),
    "a length with a sign": post(b"Content-Length: +%d" % len(EVENT)),
    "a negative length": post(b"Content-Length: -1"),
    "a length in hex": post(b"Content-Length: 0x1d"),
    "a length of another alphabet": post("Content-Length: \u0662\u0669".encode()),
    "a length of 400 digits": post(b"Content-Length: " + b"9" * 400),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked", body=CHUNK),
    "chunked that is not last": post(b"Transfer-Encoding: chunked, identity", body=CHUNK),
    "chunked by a vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=CHUNK),
    "chunked before a colon": post(b"Transfer-Encoding : chunked", body=CHUNK),
    "a folded head": post(b"Transfer-Encoding:\r\n chunked", LENGTH),
    "a NUL in a head": post(b"X-A: a\x00b", LENGTH),
    "a bare return in a head": post(b"X-A: a\rTransfer-Encoding: chunked", LENGTH),
    "a head without a name": post(b": nobody", LENGTH),
    "a name with a space": post(b"X A: b", LENGTH),
    "a chunk of no hex": post(CHUNKED, body=b"zz\r\n" + CHUNK),
    "a negative chunk": post(CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk that overflows": post(CHUNKED, body=b"f" * 40 + b"\r\nx"),
    "a chunk with bare line ends": post(CHUNKED, body=CHUNK.replace(b"\r\n", b"\n")),
    "no method": b" /events HTTP/1.1\r\n" + HOST + b"\r\n",
    "another protocol": b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    "the head of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("160301020001000100fc0303") + bytes(500),
    "a long target": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long head": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "many heads": b"GET / HTTP/1.1\r\n"
    + HOST
    + b"".join(b"X-%d: a\r\n" % n for n in range(50_000))
    + b"\r\n",
}
"""What must not be read as two requests, nor stored."""

STRANGE = {
    "a huge extension": post(CHUNKED, body=b"1;" + b"a" * 100_000 + b"\r\nx\r\n0\r\n\r\n"),
    "a target with a host": b"GET http://evil.example/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a target with a user": b"GET http://a:b@127.0.0.1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a target of another scheme": b"GET file:///etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "only a star": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an upgrade": b"GET /status HTTP/1.1\r\n"
    + HOST
    + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    "a socket of the web": b"GET /board/events HTTP/1.1\r\n"
    + HOST
    + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "a body on a GET": b"GET /status HTTP/1.1\r\n" + HOST + LENGTH + b"\r\n\r\n" + INNER,
    "two hosts": b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    "no host": b"GET /status HTTP/1.1\r\n\r\n",
    "an old protocol": b"GET /status HTTP/0.9\r\n\r\n",
    "bare line ends": b"GET /status HTTP/1.1\nHost: 127.0.0.1\n\n",
    "an expectation": post(LENGTH, b"Expect: 200-maybe\xff"),
    "a target of no UTF-8": b"GET /\xff\xfe%ff%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a trace": b"TRACE / HTTP/1.1\r\n" + HOST + b"Cookie: a=b\r\n\r\n",
}
"""What may be answered, but neither ends in a traceback nor reaches anything else."""


def test_what_can_be_read_in_two_ways_is_refused_and_not_stored(broker: str | None, tmp_path: Path) -> None:
    token = HOST + b"Authorization: Bearer %s\r\n" % SECRET.encode()
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            wrong = {}
            for what, request in REFUSED.items():
                answer = daemon.exchange(request.replace(HOST, token, 1) + INNER)
                if STATUS.findall(answer) not in ([], [b"400"], [b"404"], [b"405"], [b"501"], [b"505"]):
                    wrong[what] = answer
                assert SECRET.encode() not in answer, what
            for what, request in STRANGE.items():
                answer = daemon.exchange(request.replace(HOST, token, 1))
                if b" 500 " in answer or b"root:" in answer or SECRET.encode() in answer:
                    wrong[what] = answer
            assert wrong == {}
            honest.fills_a_minute()
        honest.is_counted()
        assert daemon.metric("uneri_late_records_total") == daemon.metric("uneri_rejected_records_total") == 0
        assert daemon.get("/readyz").status == 200
        assert SECRET not in daemon.output()
    assert len(daemon.lines()) < 30


def test_requests_in_a_row_are_answered_in_their_order(tmp_path: Path) -> None:
    event = b'{"ts":%d,"service":"pipelined"}' % time.time()
    stored = b"POST /events HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(event) + event
    chunked = post(CHUNKED, body=b"%x;a=b\r\n%s\r\n0\r\nX-Trailer: a\r\n\r\n" % (len(event), event))
    nowhere = b"GET /nowhere HTTP/1.1\r\n" + HOST
    with Attacked(tmp_path) as daemon:
        answer = bytearray()
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as opened:
            opened.sendall((stored + INNER + chunked + nowhere + b"\r\n") * 50)
            opened.sendall(nowhere + b"Connection: close\r\n\r\n")
            while received := opened.recv(65536):
                answer += received
        assert STATUS.findall(answer) == [b"202", b"415", b"202", b"404"] * 50 + [b"404"]
        daemon.wait(lambda: daemon.metric("uneri_records_total") == 100, "records")
