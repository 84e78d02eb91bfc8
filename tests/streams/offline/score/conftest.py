"""Compiles first: what commands say about it is not what these tests look at."""

import pytest

from streams.drivers.compile_ahead import compile_ahead, compile_score


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    compile_ahead()
    compile_score()
