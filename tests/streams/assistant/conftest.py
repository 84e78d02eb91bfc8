"""What several tests of the MCP server share: a backend that was judged for a day."""

import pytest

from tests.streams.board.judged_week import Judged


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return Judged(tmp_path_factory.mktemp("history"), days=1)
