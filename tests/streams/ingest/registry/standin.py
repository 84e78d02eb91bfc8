"""A server that answers as a schema registry does, on a port that stays its own while it is down."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

from tests.free_port import free_port

_ANSWERS = {
    "page": b"<html>Welcome</html>",
    "nonsense": b'{"schema": 7}',
    "huge": b'{"schema": "' + b" " * (3 << 20) + b'"}',
}
_CODES = {"/schemas/ids/": 40403, "/subjects/": 40401}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    standin: "RegistryStandin"

    def handle_error(self, *_: object) -> None:
        """Log nothing about clients that have gone."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.standin.answer(self)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class RegistryStandin:
    """Has schemas by id, GUID, and subject with version; ``fault`` is what it does instead of answering.

    A fault is a status, or: hang, drip, page, nonsense, huge.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.known: dict[str, Any] = {"/schemas/types": ["JSON", "PROTOBUF", "AVRO"]}
        self.fault: str | int | None = None
        self.authorization: str | None = None
        self.calls: list[str] = []
        self.closing = threading.Event()
        self._context = context
        self.port = free_port()
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{self.port}"
        self._server: _Server | None = None

    def has(self, number: int, schema: object, kind: str | None = None, *references: tuple[str, int]) -> None:
        """Register a schema."""
        self.known[f"/schemas/ids/{number}"] = _kept(schema, kind, references)

    def has_subject(self, subject: str, version: int, schema: object, *references: tuple[str, int]) -> None:
        """Register what others refer to."""
        self.known[f"/subjects/{subject}/versions/{version}"] = _kept(schema, None, references)

    def start(self) -> None:
        """Listen."""
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.standin = self
        if self._context is not None:
            self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.stop()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request, or fail as it should."""
        path = unquote(request.path)
        self.calls.append(path)
        if self.fault == "hang":
            self.closing.wait(60)
        elif self.fault == "drip":
            self._drip(request)
        elif isinstance(self.fault, int):
            _send(request, self.fault, b"{}", Location=f"{self.url}{request.path}")
        elif self.fault is not None:
            _send(request, 200, _ANSWERS[self.fault])
        elif self.authorization is not None and request.headers["Authorization"] != self.authorization:
            _send(request, 401, b'{"error_code": 401, "message": "Unauthorized"}')
        elif path in self.known:
            _send(request, 200, json.dumps(self.known[path]).encode())
        else:
            code = next((code for prefix, code in _CODES.items() if path.startswith(prefix)), 404)
            _send(request, 404, json.dumps({"error_code": code, "message": "not found"}).encode())

    def _drip(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        while not self.closing.wait(0.05):
            request.wfile.write(b" ")
            request.wfile.flush()


def _kept(schema: object, kind: str | None, references: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    kept: dict[str, Any] = {"schema": schema if isinstance(schema, str) else json.dumps(schema), "id": 7}
    if kind is not None:
        kept["schemaType"] = kind
    if references:
        kept["references"] = [
            {"name": name, "subject": name, "version": version} for name, version in references
        ]
    return kept


def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    request.send_response(status)
    request.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
