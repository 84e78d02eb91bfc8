"""Compiles first: these tests do not expect the lines that commands print about it."""

import pytest

from streams.drivers.compile_ahead import compile_ahead


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    compile_ahead()
