"""Fixtures for tests of the MCP server: a backend that was judged for a day."""

import pytest

from tests.streams.screens.board.judged_week import Judged, judged_once


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return judged_once(tmp_path_factory, days=1)
