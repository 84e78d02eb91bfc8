"""A real browser for the report: the system's Chromium, driven by Playwright; none is ever downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a headless browser.

    Without one the test is skipped, unless ``UNERI_REQUIRE_BROWSER=1`` says that this is a failure.
    """
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        missing = f"no browser: none of {', '.join(NAMES)} is on the path; apt-get install chromium"
        if os.environ.get("UNERI_REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        # The sandbox wants rights that root in a container has not; the pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
