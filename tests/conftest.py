"""Fixtures for the tests of all folders."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest
import structlog
from hypothesis import settings

from config.settings import LocalSettings, WebSettings
from tests.canary import _canaries, pytest_runtest_makereport
from tests.free_port import free_port
from tests.kafka.broker import Broker, BrokerUnavailableError
from tests.kafka.shared_broker import SharedBroker

__all__ = ["_canaries", "kafka", "pytest_runtest_makereport"]  # the first and the last look for secrets

if TYPE_CHECKING:
    from tests.faults.daemons import Supervisor

# What tests of a folder share says in a failure which values it compared, as the tests themselves do.
pytest.register_assert_rewrite(
    "tests.alerting", "tests.attacks", "tests.faults", "tests.main_job", "tests.otelcol", "tests.streams"
)

# A busy machine is slow, which is not an error; `make release-check` draws four times as many examples.
settings.register_profile("house", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile("house")

LONGEST = (
    "tests/main_job/test_kafka_job.py",
    "tests/main_job/test_embedded_job.py",
    "tests/main_job/",
    "tests/faults/test_broker_faults.py",
    "tests/faults/test_kafka_kills.py",
    "tests/faults/test_history_kills.py",
    "tests/kafka/test_intake.py",
    "tests/kafka/test_guards.py",
    "tests/faults/",
    "tests/kafka/",
    "tests/streams/screens/board/report/test_report_browser.py",
    "tests/streams/screens/board/",
    "tests/streams/offline/",
    "tests/streams/engine/stages/",
    "tests/detectors/judge/",
    "tests/streams/notify/test_slack_presses.py",
    "tests/streams/drivers/local/test_request_bounds.py",
    "tests/config/test_mutations.py",
    "tests/streams/cli/",
    "tests/streams/engine/",
    "tests/streams/drivers/local/",
    "tests/streams/record/history/",
)
"""Minutes of waiting in one file, or ten seconds of work, the longest first: what begins last ends last."""


@pytest.fixture
def closed_port() -> int:
    """Return a port on which nobody listens, and which nobody is given meanwhile."""
    return free_port()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage while ten thousand tests are loaded, nor look at them in every collection after.

    Collections as often as by default are a tenth of what all tests take.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000)
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Of a test with ``variants``, leave all cases but the first to a release."""
    case = getattr(item, "callspec", None)
    if case is not None and item.get_closest_marker("variants") and any(case.indices.values()):
        item.add_marker(pytest.mark.release)


@pytest.hookimpl(trylast=True)  # after the order was shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first, so that the processes that run them end together."""

    def rank(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(LONGEST) if item.nodeid.startswith(name)), len(LONGEST))

    items.sort(key=rank)


_DEFAULT_PORTS: Final = {int(web.listen.rpartition(":")[2]) for web in (LocalSettings(), WebSettings())}
_asked: Final[list[Any]] = []


def _note_default_ports(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.bind", "socket.connect"}:
        address = arguments[1]
        if isinstance(address, tuple) and address[1] in _DEFAULT_PORTS:
            _asked.append(address)


sys.addaudithook(_note_default_ports)


@pytest.fixture(autouse=True)
def _no_default_port() -> Iterator[None]:
    """Fail a test that listens on, or asks, a port on which a daemon of this machine may be."""
    _asked.clear()
    yield
    assert not _asked, "a test needs ports of its own"


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Undo what a command that ran in this process did to it.

    Others look at what is logged, and a signal that is ignored stays ignored in the processes they start.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    structlog.reset_defaults()
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``host:port`` of a real Apache Kafka broker that lives as long as the test session.

    The processes of one session share it. ``UNERI_TEST_KAFKA=host:port`` names one of your own. Without Java
    or Maven the test is skipped, unless ``UNERI_REQUIRE_KAFKA=1`` makes that a failure.
    """
    given = os.environ.get("UNERI_TEST_KAFKA")
    if given:
        yield given
        return
    folder = tmp_path_factory.getbasetemp()
    shared = SharedBroker(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)
    try:
        address = shared.join()
    except BrokerUnavailableError as error:
        if os.environ.get("UNERI_REQUIRE_KAFKA") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        yield address
    finally:
        shared.leave()


@pytest.fixture(scope="session")
def supervisor() -> Iterator["Supervisor"]:
    from tests.faults.daemons import Supervisor  # noqa: PLC0415 - before it, its assertions are registered

    with Supervisor() as forks_daemons:
        yield forks_daemons


@pytest.fixture
def own_broker(kafka: str) -> Iterator[Broker]:  # noqa: ARG001 - no Kafka, no test
    """A broker of the test alone, which it may harm: on the shared one, groups of others come and go."""
    with Broker() as broker:
        yield broker
