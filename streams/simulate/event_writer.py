"""Where generated events go: a file, standard output, a daemon over HTTP, or a Kafka topic."""

import gzip
import http.client
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

import zstandard

HTTP_BATCH: Final = 5_000  # events in one request
HTTP_TRIES: Final = 6
HTTP_TIMEOUT: Final = 30.0  # seconds
TOPIC_PARTITIONS: Final = 4


class WriteError(RuntimeError):
    """The events cannot be delivered; one line, with the remedy."""


class EventWriter(AbstractContextManager["EventWriter"], Protocol):
    """Takes events in the order they arrive. What was written is delivered when the context ends well."""

    def write(self, lines: Sequence[bytes], arrivals: Sequence[int]) -> None:
        """Deliver events and the moments they arrive at (epoch milliseconds), one each."""


def event_writer(to: str) -> EventWriter:
    """Return the writer for a target.

    Parameters
    ----------
    to : str
        A path (``.gz`` and ``.zst`` are compressed), ``-`` for standard output, ``http://host:port/events``,
        or ``kafka://host:port/topic`` (a missing topic is made, with ``?partitions=4``).

    Raises
    ------
    WriteError
        The target is none of these. Whether it can be reached shows when the context is entered.
    """
    if "://" not in to:
        return FileWriter(to)
    parts = urlsplit(to)
    try:
        port = parts.port
    except ValueError:
        raise WriteError(f"{to}: the port is no number; write {parts.scheme}://host:port/…") from None
    if not parts.hostname:
        raise WriteError(f"{to}: no host; write http://host:port/events or kafka://host:port/topic")
    if parts.scheme in {"http", "https"}:
        return HttpWriter(parts)
    topic = parts.path.strip("/")
    if parts.scheme == "kafka" and port and topic and "/" not in topic:
        wished = parse_qs(parts.query).get("partitions", [str(TOPIC_PARTITIONS)])[-1]
        if not wished.isdigit() or not int(wished):
            raise WriteError(f"{to}: partitions is {wished!r}; write a number such as ?partitions=4")
        from streams.simulate.event_writer_kafka import KafkaWriter

        return KafkaWriter(f"{parts.hostname}:{port}", topic, int(wished))
    raise WriteError(
        f"{to}: not a target; write a file, -, http://host:port/events or kafka://host:port/topic"
    )


class FileWriter:
    """NDJSON in a file that is replaced, or on standard output."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open = ExitStack()
        self._file: IO[bytes]

    def __enter__(self) -> Self:
        if self._path == "-":
            self._file = sys.stdout.buffer
            return self
        try:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            self._file = self._open.enter_context(self._opened())
        except OSError as error:
            raise WriteError(f"{self._path}: cannot be written: {error.strerror or error}") from None
        return self

    def _opened(self) -> Any:
        if self._path.endswith(".gz"):
            # without a time of writing in the header, the same events give the same file
            raw = self._open.enter_context(Path(self._path).open("wb"))  # noqa: SIM115 - closed by the exit stack
            return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
        if self._path.endswith(".zst"):
            return zstandard.open(self._path, "wb", cctx=zstandard.ZstdCompressor(level=3))
        return Path(self._path).open("wb")

    def write(self, lines: Sequence[bytes], arrivals: Sequence[int]) -> None:  # noqa: ARG002 - a line has its ts
        """Append the lines."""
        if lines:
            try:
                self._file.write(b"\n".join(lines) + b"\n")
                if self._path == "-":
                    self._file.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                raise WriteError(f"{self._path}: cannot be written: {error.strerror or error}") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


class HttpWriter:
    """NDJSON batches to a daemon's intake; a busy or absent daemon is waited for."""

    def __init__(self, parts: SplitResult, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = parts.geturl()
        self._path = (parts.path or "/events") + (f"?{parts.query}" if parts.query else "")
        self._sleep = sleep
        connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = connection(parts.hostname or "", parts.port, timeout=HTTP_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def write(self, lines: Sequence[bytes], arrivals: Sequence[int]) -> None:  # noqa: ARG002 - a line has its ts
        """Post the lines; returns when the daemon has taken all of them."""
        for first in range(0, len(lines), HTTP_BATCH):
            self._post(b"\n".join(lines[first : first + HTTP_BATCH]) + b"\n")

    def _post(self, body: bytes) -> None:
        said, attempt = "", -1
        while (attempt := attempt + 1) < HTTP_TRIES:
            if attempt:
                self._sleep(min(0.25 * 2**attempt, 10.0))
            try:
                self._connection.request("POST", self._path, body, {"Content-Type": "application/x-ndjson"})
                answer = self._connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                said = str(error) or type(error).__name__
                if not attempt:
                    sys.stderr.write(f"uneri: {self._url} does not answer ({said}); trying for a while\n")
                continue
            if answer.status < 300:  # noqa: PLR2004 - HTTP's own classes
                return
            said = f"{answer.status} {_reason(text) or answer.reason}"
            wait = answer.headers.get("Retry-After", "")
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and wait.isdigit():
                self._sleep(float(wait))  # it is there and says how long: that is no failed attempt
                attempt = -1
                continue
            if answer.status != 429 and answer.status < 500:  # noqa: PLR2004
                raise WriteError(f"{self._url}: refused the events: {said}")
        raise WriteError(f"{self._url}: did not take the events ({said}); is `uneri run` listening there?")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def _reason(text: bytes) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return ""
