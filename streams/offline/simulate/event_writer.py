"""Writers of generated events to files, standard output, or a daemon over HTTP, and the choice among them."""

import gzip
import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, Final, Protocol, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

from config.settings import KafkaSettings
from detectors.state import zstd
from streams.process.command_error import CommandError
from streams.process.web.tokens import own_authorization

TOPIC_PARTITIONS: Final = 4
HTTP_BATCH: Final = 5_000  # events in one request
HTTP_TRIES: Final = 6
HTTP_TIMEOUT: Final = 30.0  # seconds


class WriteError(CommandError):
    """Events that cannot be delivered; one line, with the remedy."""


@contextmanager
def writing(file: object) -> Iterator[None]:
    """Name a file that cannot be written, with the remedy."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        why = error.strerror or error
        raise WriteError(f"{file}: cannot be written: {why}; choose another file") from None


class EventWriter(AbstractContextManager["EventWriter"], Protocol):
    """Accepts events in order of arrival. They are delivered once the context exits without an error."""

    def write(self, lines: Sequence[bytes], arrivals: Sequence[int]) -> None:
        """Deliver events, with the arrival of each in epoch milliseconds."""


class FileWriter:
    """NDJSON to a file, which is replaced, or to standard output."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open = ExitStack()
        self._file: IO[bytes]

    def __enter__(self) -> Self:
        if self._path == "-":
            self._file = sys.stdout.buffer
            return self
        with writing(self._path):
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            self._file = self._open.enter_context(self._opened())
        return self

    def _opened(self) -> Any:
        if self._path.endswith(".gz"):
            # no time in the header: the same events give the same file
            raw = self._open.enter_context(Path(self._path).open("wb"))  # noqa: SIM115 - closed by the exit stack
            return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
        if self._path.endswith(".zst"):
            return zstd.ZstdFile(self._path, "wb", level=3)
        return Path(self._path).open("wb")

    def write(self, lines: Sequence[bytes], arrivals: Sequence[int]) -> None:  # noqa: ARG002 - a line has its ts
        """Append the lines."""
        if lines:
            with writing(self._path):
                self._file.write(b"\n".join(lines) + b"\n")
                if self._path == "-":
                    self._file.flush()

    def __exit__(self, *_: object) -> None:
        self._open.close()


class HttpWriter(EventWriter):
    """NDJSON batches to a daemon's intake; retries while the daemon is busy or absent."""

    def __init__(self, parts: SplitResult, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = parts.geturl()
        self._path = (parts.path or "/events") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/x-ndjson"} | own_authorization()
        self._sleep = sleep
        connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = connection(parts.hostname or "", parts.port, timeout=HTTP_TIMEOUT)

    def write(self, lines: Sequence[bytes], arrivals: Sequence[int]) -> None:  # noqa: ARG002 - a line has its ts
        """Post the lines; returns when the daemon has accepted all of them."""
        for first in range(0, len(lines), HTTP_BATCH):
            self._post(b"\n".join(lines[first : first + HTTP_BATCH]) + b"\n")

    def _post(self, body: bytes) -> None:
        reason, attempt = "", -1
        while (attempt := attempt + 1) < HTTP_TRIES:
            if attempt:
                self._sleep(min(0.25 * 2**attempt, 10.0))
            try:
                self._connection.request("POST", self._path, body, self._headers)
                answer = self._connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                reason = str(error) or type(error).__name__
                if not attempt:
                    sys.stderr.write(f"uneri: {self._url} does not answer ({reason}); retrying\n")
                continue
            if answer.status < 300:  # noqa: PLR2004 - HTTP's own classes
                return
            reason = f"{answer.status} {_reason(text) or answer.reason}"
            wait = answer.headers.get("Retry-After", "")
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and wait.isdigit():
                self._sleep(float(wait))  # the daemon is busy, which is not a failed attempt
                attempt = -1
                continue
            if answer.status != 429 and answer.status < 500:  # noqa: PLR2004
                raise WriteError(f"{self._url}: refused the events: {reason}; check the address")
        raise WriteError(
            f"{self._url}: did not accept the events ({reason}); check that `uneri run` listens there"
        )

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _reason(text: bytes) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return ""


def open_writer(to: str, kafka: KafkaSettings | None = None) -> EventWriter:
    """Return the writer for a target, which is opened when the context is entered.

    Parameters
    ----------
    to : str
        A path (compressed if it ends with ``.gz`` or ``.zst``), ``-`` for standard output,
        ``http://host:port/events``, or ``kafka://host:port/topic`` (created if missing, with
        ``?partitions=4``).

    Raises
    ------
    WriteError
        The target is none of these.
    """
    if "://" not in to:
        return FileWriter(to)
    parts = urlsplit(to)
    try:
        port = parts.port
    except ValueError:
        raise WriteError(f"{to}: not a valid port; write {parts.scheme}://host:port/…") from None
    if not parts.hostname:
        raise WriteError(f"{to}: no host; write http://host:port/events or kafka://host:port/topic")
    if parts.scheme in {"http", "https"}:
        return HttpWriter(parts)
    topic = parts.path.strip("/")
    if parts.scheme == "kafka" and port and topic and "/" not in topic:
        partitions = parse_qs(parts.query).get("partitions", [str(TOPIC_PARTITIONS)])[-1]
        if not partitions.isdigit() or not int(partitions):
            raise WriteError(f"{to}: partitions is {partitions!r}; write a number such as ?partitions=4")
        from streams.offline.simulate.kafka_writer import KafkaWriter

        at = {"brokers": [parts.netloc.rpartition("@")[2]]}
        return KafkaWriter((kafka or KafkaSettings()).model_copy(update=at), topic, int(partitions))
    raise WriteError(
        f"{to}: not a valid target; write a file, -, http://host:port/events or kafka://host:port/topic"
    )
