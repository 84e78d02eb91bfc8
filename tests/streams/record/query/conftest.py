"""Fixtures for tests of the read API."""

import pytest

from tests.streams.record.query.judged_hours import JudgedHours


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> JudgedHours:
    return JudgedHours(tmp_path_factory.mktemp("history"))
