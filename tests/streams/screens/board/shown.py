"""A board that a browser shows."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self

from playwright.sync_api import Browser, Locator, expect

from tests.alerting.used_pages import UsedPage

WIDTHS: Final = (320, 390, 768, 1440, 1920, 3840)
OVER: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CONTRASTS: Final = Path(__file__).with_name("contrast.js").read_text("utf-8")
_AXE: Final = Path(__file__).with_name("axe").joinpath("axe.min.js").read_text("utf-8")
_SERIOUS: Final = """
() => axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => [one.id, ...one.nodes.map((node) => node.html)]))
"""

_WORK: Final = """
() => {
  const began = performance.now();
  const frame = document.createElement("div");
  document.body.append(frame);
  for (let round = 0; round < 20; round += 1) {
    const all = Array.from({ length: 500 }, (_, number) => {
      const one = document.createElement("p");
      one.textContent = String(number);
      return one;
    });
    frame.replaceChildren(...all);
    for (const one of all) one.getBoundingClientRect();
  }
  frame.remove();
  return performance.now() - began;
}
"""
_USUAL: Final = 350.0  # milliseconds that this takes on two quiet cores

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

    def hold_to_width(self, widths: Iterable[int] = WIDTHS, *, wide: bool = False) -> None:
        """Hold the page to screens of these widths: nothing goes beyond their edge."""
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": width * 9 // 16 if wide else 900})
            assert self.page.evaluate(OVER) == 0, (self.page.url, width)

    def hold_to_looks(self) -> None:
        """Hold what is shown to the contrast of text, and to what axe finds serious."""
        found = self.page.evaluate(CONTRASTS)
        assert len(found) > 8
        assert [text for text in found if text["contrast"] < 4.5] == []
        self.page.evaluate(_AXE)
        assert self.page.evaluate(_SERIOUS) == []

    def hold_to_text(self, name: str) -> None:
        """Hold a hostile name to be text that is seen: nothing of it became markup, a script or a link."""
        expect(self.page.get_by_text(name[:20]).first).to_be_visible()
        assert self.page.locator("img, script:not([src]), iframe, [onerror]").count() == 0
        assert self.page.title().endswith("· Uneri")
        hrefs = self.page.eval_on_selector_all("a[href]", "(all) => all.map((one) => one.href)")
        assert [href for href in hrefs if not href.startswith("http")] == []

    def slowness(self) -> float:
        """Return how many times longer than on two quiet cores work takes this browser now, at least 1."""
        taken: float = self.page.evaluate(_WORK)
        return max(1.0, taken / _USUAL)

    def tile(self, name: str) -> Locator:
        """Return a tile by its name."""
        return self.page.locator(f'[data-tile="{name}"]')
