"""Fixtures for tests of the board."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.alerting.browser import chromium
from tests.streams.screens.board.judged_week import Judged, judged_once


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return judged_once(tmp_path_factory)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started
