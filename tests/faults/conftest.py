"""Fixtures of the fault tests: one input, on one broker and in a file."""

import pytest

from tests.faults.kafka_run import Input
from tests.faults.local_run import LOCAL_TAIL, LocalInput
from tests.faults.traffic import traffic


@pytest.fixture(scope="session")
def given(kafka: str) -> Input:
    one = Input(kafka, traffic(1))
    one.fill()
    return one


@pytest.fixture(scope="session")
def followed(tmp_path_factory: pytest.TempPathFactory) -> LocalInput:
    return LocalInput(traffic(1, 1, LOCAL_TAIL).partitions[0], tmp_path_factory.mktemp("followed"))
