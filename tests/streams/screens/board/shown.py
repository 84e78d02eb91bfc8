"""A board that a browser shows."""

from typing import Any, Self

from playwright.sync_api import Browser, Locator, expect

from tests.alerting.used_pages import UsedPage

expect.set_options(timeout=60_000)  # a busy machine is slow at times


class Shown(UsedPage):
    """A page of the board, waited for until there is something on it."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        size: tuple[int, int] = (1440, 900),
        init: str | None = None,
        clock: bool = False,
        **context: Any,
    ) -> None:
        super().__init__(browser, size, reduced_motion="reduce", **context)
        self._altered = clock or init is not None  # for as long as the page lives
        if init is not None:
            self.page.add_init_script(init)
        if clock:
            self.page.clock.install()
        self.page.goto(url)
        self.page.wait_for_selector(".tile, .loading")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None or self._altered:
            self.close()
        else:
            self.leave()

    def tile(self, name: str) -> Locator:
        """Return a tile by its name."""
        return self.page.locator(f'[data-tile="{name}"]')
