"""Real Apache Kafka brokers on free ports of 127.0.0.1, for tests and benchmarks: one, or a cluster."""

import base64
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.drivers.kafka.connections.client import open_client
from tests.free_port import free_port

HERE = Path(__file__).parent
JARS = HERE.parent.parent / ".kafka" / "libs"
GOAL = "dependency:copy-dependencies"
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
"""A broker of a test lives for seconds: optimising its code costs more than it gives."""

PROPERTIES = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{listeners}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
log.dirs={folder}/log
offsets.topic.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
# Test events lie in the past; the default of 7 days of wall time would delete them at once.
log.retention.ms=-1
"""


class Listener(NamedTuple):
    """Another address of a broker."""

    name: str  # capitals
    protocol: str  # SSL, SASL_SSL …
    port: int


class BrokerUnavailableError(RuntimeError):
    """There is no way to run a broker here; the message says what is missing."""


def jars() -> Path:
    """Return the folder with Apache Kafka's jars, fetched from Maven Central on first use.

    Raises
    ------
    BrokerUnavailableError
        When Java or Maven is not installed, or Maven could not fetch the jars.
    """
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if "java" in missing or (missing and not JARS.is_dir()):
        raise BrokerUnavailableError(
            f"no Apache Kafka for the tests: {' and '.join(missing)} not found on PATH; "
            "install them, or set UNERI_TEST_KAFKA=host:port to a broker of your own"
        )
    JARS.parent.mkdir(exist_ok=True)
    with (JARS.parent / "lock").open("w") as lock:  # two test runs may start at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not JARS.is_dir():
            part = JARS.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            fetched = subprocess.run(
                ["mvn", "-q", "-B", "-f", HERE / "pom.xml", GOAL, f"-DoutputDirectory={part}"],  # noqa: S607 - found on PATH above
                capture_output=True,
                text=True,
                check=False,
            )
            if fetched.returncode:
                reason = next(
                    (line for line in fetched.stdout.splitlines() if "ERROR" in line), "no reason given"
                )
                raise BrokerUnavailableError(
                    f"no Apache Kafka for the tests: mvn could not fetch it: {reason}"
                )
            part.rename(JARS)
    return JARS


def _cluster_id() -> str:
    cluster = "-"
    while cluster.startswith("-"):  # would be read as an option
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
    return cluster


class Broker:
    """A single-node KRaft broker in a folder of its own.

    ``start`` may follow ``kill`` or ``stop``: the broker comes back on its port with its data. ``close``
    ends it and removes the folder; a ``with`` block starts and closes it.

    Parameters
    ----------
    heap, options
        Of the Java machine.
    listeners
        Besides that of ``address``, which takes everybody.
    properties
        Lines for its configuration.
    format_options
        For its storage, such as the first users.
    """

    def __init__(
        self,
        heap: str = "512m",
        options: Sequence[str] = SHORT_LIVED,
        *,
        listeners: Sequence[Listener] = (),
        properties: str = "",
        format_options: Sequence[str] = (),
    ) -> None:
        self.port = free_port()
        self.controller = free_port()
        self._listeners = listeners
        self._properties = properties
        self._format_options = format_options
        self.environment: Mapping[str, str] = {}
        """Variables for its next start, besides those of this process."""
        self._java = ["java", f"-Xmx{heap}", *options]
        self._node = 1
        self._voters = f"1@127.0.0.1:{self.controller}"
        self._replicas = 1
        self._cluster = _cluster_id()
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def seconds(self) -> float:
        """Seconds of a processor that it has taken, on Linux; 0 when it does not run."""
        if self._process is None:
            return 0.0
        fields = Path(f"/proc/{self._process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def join(self, node: int, voters: str, replicas: int, cluster: str) -> None:
        """Be a part of a cluster; before the first start."""
        self._node, self._voters, self._replicas, self._cluster = node, voters, replicas, cluster

    def start(self, timeout: float = 180) -> None:
        """Start it and return when it answers an admin request.

        Raises
        ------
        BrokerUnavailableError
            When there is no Java or Maven, or the broker ended or stayed silent; the message has its
            last words.
        """
        self.launch()
        self.wait(timeout)

    def launch(self) -> None:
        """Start it and return at once.

        Raises
        ------
        BrokerUnavailableError
            When there is no Java or Maven.
        """
        classpath = f"{jars()}/*"
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="uneri-kafka-"))
            settings = self._folder / "server.properties"
            settings.write_text(
                PROPERTIES.format(
                    port=self.port,
                    controller=self.controller,
                    folder=self._folder,
                    node=self._node,
                    voters=self._voters,
                    replicas=self._replicas,
                    in_sync=min(2, self._replicas),
                    listeners="".join(
                        f",{listener.name}://127.0.0.1:{listener.port}" for listener in self._listeners
                    ),
                    protocols="".join(
                        f",{listener.name}:{listener.protocol}" for listener in self._listeners
                    ),
                )
                + self._properties
            )
            formatted = subprocess.run(
                [
                    *self._java,
                    "-cp",
                    classpath,
                    "kafka.tools.StorageTool",
                    "format",
                    "-t",
                    self._cluster,
                    "-c",
                    settings,
                    *self._format_options,
                ],
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert formatted.returncode == 0, formatted.stdout
        settings = self._folder / "server.properties"
        words = self._folder / "broker.out"
        with words.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._java, "-cp", classpath, QUIET, "kafka.Kafka", settings],
                env={**os.environ, **self.environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a test run ends the tests first, then the broker
            )

    def wait(self, timeout: float = 180) -> None:
        """Return when it answers an admin request.

        Raises
        ------
        BrokerUnavailableError
            When it ended or stayed silent; the message has its last words.
        """
        assert self._process is not None
        assert self._folder is not None
        words = self._folder / "broker.out"
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = words.read_text(errors="replace")[-1500:]
                self.kill()
                raise BrokerUnavailableError(f"the test broker did not come up: {last}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
        try:
            with open_client(
                KafkaAdminClient, bootstrap_servers=self.address, request_timeout_ms=5000
            ) as admin:
                admin.list_topics()
        except KafkaError:
            return False
        return True

    def stop(self, timeout: float = 20) -> None:
        """Shut down in order; the data stays."""
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End it at once, as a power cut would; the data stays."""
        self._end(signal.SIGKILL, 20)

    def freeze(self) -> None:
        """Let it hang: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        self._signal(signal.SIGCONT)

    def keep(self, folder: Path) -> None:
        """Copy its data at rest to a folder; it is down meanwhile."""
        assert self._folder is not None
        self.stop()
        shutil.copytree(self._folder, folder)
        self.start()

    def go_back(self, folder: Path) -> None:
        """Come back after a power cut with the data that ``keep`` copied."""
        assert self._folder is not None
        self.kill()
        shutil.rmtree(self._folder)
        shutil.copytree(folder, self._folder)
        self.start()

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals, timeout: float) -> None:
        if self._process is None:
            return
        self._signal(number)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class Cluster:
    """Brokers that are each other's quorum; topics of three replicas survive the loss of one."""

    def __init__(self, count: int = 3, heap: str = "384m") -> None:
        self.brokers = [Broker(heap) for _ in range(count)]
        voters = ",".join(
            f"{node}@127.0.0.1:{broker.controller}" for node, broker in enumerate(self.brokers, 1)
        )
        cluster = _cluster_id()
        for node, broker in enumerate(self.brokers, 1):
            broker.join(node, voters, count, cluster)

    @property
    def address(self) -> str:
        """``host:port`` of all, with commas."""
        return ",".join(broker.address for broker in self.brokers)

    def __enter__(self) -> Self:
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for broker in self.brokers:
            broker.close()
