"""A real OpenTelemetry Collector, built by Go once a machine, that runs our own example."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from config.yaml_tree import to_yaml
from tests.free_port import free_port

HERE: Final = Path(__file__).parent
EXAMPLE: Final = HERE.parents[1] / "senders" / "otel" / "collector.yaml"
RECIPE: Final = ("main.go", "go.mod", "go.sum")
PATIENCE: Final = 60.0  # seconds until it must listen, and until it must have ended
_GO: Final = (1, 26)  # the oldest that its modules are written for


class CollectorUnavailableError(RuntimeError):
    """There is no way to build a collector here; the message says what is missing."""


def collector() -> Path:
    """Return the program, built on first use into a cache folder of the user.

    Raises
    ------
    CollectorUnavailableError
        When Go is missing or too old, or the modules cannot be fetched.
    """
    recipe = [(HERE / name).read_bytes() for name in RECIPE]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uneri-tests"
    cache.mkdir(parents=True, exist_ok=True)
    program = cache / f"otelcol-{sha256(b'|'.join(recipe)).hexdigest()[:16]}"
    with (cache / "otelcol.lock").open("w") as lock:  # two test runs may start at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.is_file():
            _build(program)
    return program


def _build(program: Path) -> None:
    go = shutil.which("go")
    if go is None or not _is_new_enough(go):
        raise CollectorUnavailableError(
            f"no OpenTelemetry Collector for the tests: Go {_GO[0]}.{_GO[1]} or newer not found on PATH"
        )
    part = program.with_suffix(".part")
    built = subprocess.run(
        [go, "build", "-mod=readonly", "-o", part, "."],
        cwd=HERE, capture_output=True, text=True, check=False,
        env={**os.environ, "GOFLAGS": "-buildvcs=false"},
    )  # fmt: skip
    if built.returncode:
        reason = built.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise CollectorUnavailableError(f"no OpenTelemetry Collector for the tests: go build: {reason[0]}")
    part.rename(program)


def _is_new_enough(go: str) -> bool:
    printed = subprocess.run(
        [go, "env", "GOVERSION"], cwd="/", capture_output=True, text=True, check=False, timeout=60
    ).stdout.strip()
    numbers = printed.removeprefix("go").split(".")[:2]
    return all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) >= _GO


def require_collector() -> None:
    """Skip a test where there is none, unless ``UNERI_REQUIRE_COLLECTOR=1`` makes that a failure."""
    try:
        collector()
    except CollectorUnavailableError as error:
        if os.environ.get("UNERI_REQUIRE_COLLECTOR") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


class Collector:
    """A collector that runs ``senders/otel/collector.yaml`` on ports of its own, for a ``with`` block.

    At the end of the block it sends on what it still holds.

    Parameters
    ----------
    folder
        For its configuration and its log.
    exporter
        The one of the example that is used: ``otlp_http/uneri`` or ``kafka/uneri``.
    environment
        What the example takes from it.
    """

    def __init__(self, folder: Path, exporter: str, environment: Mapping[str, str]) -> None:
        self._program = collector()
        self._folder = folder
        self.port = free_port()
        self._environment = {"UNERI_URL": "http://127.0.0.1:1", "UNERI_TOKEN": "none",
                             "KAFKA_BROKERS": "127.0.0.1:1", **environment}  # fmt: skip
        # Requests of hours are sent in a moment: what overtakes others would be hours late.
        in_order = {"sending_queue": {"num_consumers": 1}}
        own = {
            "exporters": {"otlp_http/uneri": in_order, "kafka/uneri": in_order},
            "receivers": {
                "otlp": {
                    "protocols": {
                        "grpc": {"endpoint": f"127.0.0.1:{free_port()}"},
                        "http": {"endpoint": f"127.0.0.1:{self.port}"},
                    }
                }
            },
            "service": {
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {"traces": {"exporters": [exporter]}},
            },
        }
        self._own = folder / "collector.yaml"
        self._own.write_text(to_yaml(own))
        self._log = folder / "collector.log"

    @property
    def url(self) -> str:
        """Where SDKs send spans."""
        return f"http://127.0.0.1:{self.port}/v1/traces"

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [self._program, "--config", EXAMPLE, "--config", self._own],
                env={**os.environ, **self._environment}, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self._listens():
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < deadline, "the collector does not listen"
            time.sleep(0.1)
        return self

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE)
        said = self._log.read_text()
        assert code == 0, said[-3000:]
        assert "Dropping data" not in said
