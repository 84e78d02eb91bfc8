"""A real Prometheus that holds given samples, and promtool."""

import json
import os
import shutil
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cramjam
import pytest

from tests.free_port import free_port

STALE: Final = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""Prometheus' mark of the end of a series."""

Sample = tuple[int, float]  # milliseconds, value


def program(name: str) -> str:
    """Return the path of a program of Debian's package prometheus; without it, the test is skipped.

    ``UNERI_REQUIRE_PROMETHEUS=1`` makes that a failure, as CI does.
    """
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is missing: apt-get install prometheus"
        if os.environ.get("UNERI_REQUIRE_PROMETHEUS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Prometheus:
    """One that answers at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url

    def write(self, series: Sequence[tuple[Mapping[str, str], Sequence[Sample]]]) -> None:
        """Write samples as another Prometheus would."""
        body = b"".join(_field(1, _series(labels, samples)) for labels, samples in series)
        request = urllib.request.Request(  # noqa: S310 - our own
            f"{self.url}/api/v1/write",
            bytes(cramjam.snappy.compress_raw(body)),
            {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"},
        )
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 - our own

    def ask(self, path: str, **parameters: object) -> dict[str, Any]:
        """Return its answer, which may be a refusal."""
        return asked(self.url, path, **parameters)


def asked(url: str, path: str, **parameters: object) -> dict[str, Any]:
    """Return an API's answer to a posted query."""
    body = urllib.parse.urlencode(parameters).encode()
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{path}", body, timeout=60) as answer:  # noqa: S310 - our own
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            found = json.load(error)
    return found


@contextmanager
def prometheus(folder: Path, *options: str, scraped: Sequence[object] = ()) -> Iterator[Prometheus]:
    """Run a Prometheus that takes what is written to it, and scrapes nothing but these jobs."""
    config = folder / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": list(scraped)}))
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--log.level=error",
        *options,
    ]
    with (folder / "prometheus.log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            _wait(running, f"http://127.0.0.1:{port}/-/ready", folder / "prometheus.log")
            yield Prometheus(f"http://127.0.0.1:{port}")
        finally:
            running.kill()
            running.wait()


def _wait(running: subprocess.Popen[bytes], url: str, log: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and running.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"Prometheus does not start: {log.read_text()}")


def _series(labels: Mapping[str, str], samples: Sequence[Sample]) -> bytes:
    named = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in sorted(labels.items()))
    values = (b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at) for at, value in samples)
    return b"".join([*(_field(1, raw) for raw in named), *(_field(2, value) for value in values)])


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
