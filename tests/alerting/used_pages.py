"""Pages of a browser that several tests use one after the other.

A page of its own costs a second of processor time, nearly all for the process that draws it; another address
in a page that is there costs a third of that.
"""

from typing import Any
from weakref import WeakKeyDictionary

from playwright.sync_api import Browser, Error, Page

_IDLE: WeakKeyDictionary[Browser, dict[str, list[Page]]] = WeakKeyDictionary()


class UsedPage:
    """A page, alone in a context with these options, that writes down what it asks for and what goes wrong.

    It is empty at first, and as good as new: whoever had it before left nothing in it.
    """

    def __init__(self, browser: Browser, size: tuple[int, int], **options: Any) -> None:
        width, height = size
        self._scripts = options.get("java_script_enabled", True)
        self._idle = _IDLE.setdefault(browser, {}).setdefault(repr(sorted(options.items())), [])
        if self._idle:
            self.page = self._idle.pop()
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.emulate_media(media="null", color_scheme=options.get("color_scheme", "light"))
        else:
            context = browser.new_context(viewport={"width": width, "height": height}, **options)
            self.page = context.new_page()
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self._heard: dict[Any, Any] = {
            "console": lambda message: self.wrong.append(message.text),
            "pageerror": lambda error: self.wrong.append(str(error)),
            "request": lambda request: self.asked.append(request.url),
        }
        for event, heard in self._heard.items():
            self.page.on(event, heard)

    def close(self) -> None:
        """End the page, for nobody can use it after what was done to it."""
        self.page.context.close()

    def leave(self) -> None:
        """Let the next test with these options have the page."""
        context = self.page.context
        if self.page.is_closed() or len(context.pages) > 1:
            context.close()
            return
        for event, heard in self._heard.items():
            self.page.remove_listener(event, heard)
        try:
            if self.page.url.startswith("http"):
                self.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
            if self._scripts:  # who asks for it itself keeps its process; not before it has answered
                self.page.evaluate("() => { setTimeout(() => location.replace('about:blank')); }")
                self.page.wait_for_url("about:blank")
            else:  # nothing that was set would ever come
                self.page.goto("about:blank")
        except Error:
            # It was on its way elsewhere, and the driver may never answer who closes it now: it is left
            # alone, and ends with the browser.
            return
        self.page.mouse.move(-1, -1)  # out of it, for it points at something of the next test otherwise
        context.clear_cookies()
        self._idle.append(self.page)
