"""A board that a browser shows."""

from typing import Any, Self

from playwright.sync_api import Browser, Locator, Page, expect

expect.set_options(timeout=60_000)  # a busy machine is slow at times


class Shown:
    """A page that writes down what it asked for and what went wrong in it."""

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
        width, height = size
        made = browser.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce", **context
        )
        self.page: Page = made.new_page()
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        if init is not None:
            self.page.add_init_script(init)
        if clock:
            self.page.clock.install()
        self.page.goto(url)
        self.page.wait_for_selector(".tile, .loading")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.context.close()

    def tile(self, name: str) -> Locator:
        """Return a tile by its name."""
        return self.page.locator(f'[data-tile="{name}"]')
