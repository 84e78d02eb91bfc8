"""CPU of the OpenTelemetry Collector itself for spans: received, batched, and sent on over HTTP.

It is the program of the tests with our own example of its configuration, between a sender and a server that
reads everything and keeps nothing. The CPU time is the collector's alone, less that of a start.
"""

import http.client
import http.server
import resource
import tempfile
import threading
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from tests.otelcol.collector import Collector, CollectorUnavailableError


class _Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called
        """Log nothing."""


def spans_per_second(messages: Sequence[bytes], spans: int) -> float | None:
    """Return the spans that one core takes in a second; None where there is no collector."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sink) as sink:
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        try:
            url = f"http://127.0.0.1:{sink.server_port}"
            return spans / (_cpu_seconds(url, messages) - _cpu_seconds(url, []))
        except CollectorUnavailableError as error:
            print(error)
            return None
        finally:
            sink.shutdown()


def _cpu_seconds(url: str, messages: Sequence[bytes]) -> float:
    """Return the CPU of a collector from its start to its end, with everything sent on."""
    before = _of_children()
    with (
        tempfile.TemporaryDirectory() as folder,
        Collector(Path(folder), "otlp_http/uneri", {"UNERI_URL": url}) as collector,
    ):
        sender = http.client.HTTPConnection("127.0.0.1", collector.port)
        for message in messages:
            sender.request("POST", "/v1/traces", message, {"Content-Type": "application/x-protobuf"})
            answer = sender.getresponse()
            answer.read()
            if answer.status != HTTPStatus.OK:
                raise RuntimeError(f"the collector answers {answer.status}")
        sender.close()
    return _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
