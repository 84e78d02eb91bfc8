"""What tests of all folders share."""

import os
from collections.abc import Iterator

import pytest

from tests.canary import _canaries, pytest_runtest_makereport
from tests.kafka.broker import Broker, BrokerUnavailableError

__all__ = ["_canaries", "kafka", "pytest_runtest_makereport"]  # the first and the last look for secrets


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """``host:port`` of a real Apache Kafka broker that lives as long as the test session.

    ``UNERI_TEST_KAFKA=host:port`` names one of your own. Without Java or Maven the test is skipped, unless
    ``UNERI_REQUIRE_KAFKA=1`` says that this is a failure.
    """
    given = os.environ.get("UNERI_TEST_KAFKA")
    if given:
        yield given
        return
    broker = Broker()
    try:
        broker.start()
    except BrokerUnavailableError as error:
        broker.close()
        if os.environ.get("UNERI_REQUIRE_KAFKA") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        yield broker.address
    finally:
        broker.close()
