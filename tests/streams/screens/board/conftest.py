"""Fixtures for tests of the board."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.alerting.browser import chromium
from tests.streams.screens.board.judged_week import Judged, judged_once
from tests.streams.screens.board.page_scripts import PageScripts


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return judged_once(tmp_path_factory)


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> PageScripts:
    return PageScripts(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started
