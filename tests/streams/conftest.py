"""A log for tests of what is accepted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.drivers.local.sqlite_store import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "db") as opened:
        yield opened
