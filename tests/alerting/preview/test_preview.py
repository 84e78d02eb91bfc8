"""Messages as HTML, and the report."""

import re
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

from hypothesis import given
from msgspec.structs import replace

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice
from alerting.preview.preview import fragment, page
from alerting.words.locales import JAPANESE
from config.links import Links
from config.settings import Settings
from detectors.model.finding import Finding
from tests.alerting.given import T0, incident, scope, table_finding
from tests.alerting.message_makers import page as message_of
from tests.alerting.messages.test_message import names

ZONE = ZoneInfo("Asia/Tokyo")
LINKS = Links(Settings().links)
OURS = {"article", "svg", "rect", "path", "circle", "div", "b", "span", "time", "h3", "p", "a", "figure"}
OURS |= {"figcaption", "img"}


class Elements(HTMLParser):
    """Collects what a browser would make of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_preview_shows_the_message_with_its_links_and_its_chart() -> None:
    one = incident()
    seen = Elements(fragment(message_of(one), ZONE, at=T0, incident=one))
    for expected in (
        "Uneri",
        "18:00",
        "SPIKE · table items",
        "41 wcu/s",
        "Oct 9, 2025 17:58",
        "inventory-put-item",
    ):
        assert expected in seen.text
    assert sum(address.startswith("https://") for address in seen.addresses) >= 5
    assert sum(address.startswith("data:image/png;base64,") for address in seen.addresses) == 1


def test_a_page_needs_nothing_from_anywhere_and_has_both_looks() -> None:
    html = page(fragment(message_of(incident()), ZONE, at=T0), title="<x>", theme="dark")
    assert 'data-look="dark"' in html
    assert "prefers-color-scheme: dark" in html
    assert "<title>&lt;x&gt;</title>" in html
    assert not re.search(r'(?:src|url)\s*[=(]\s*["\']?(?:https?:)?//', html)


@given(names, names)
def test_no_string_of_an_event_becomes_html(name: str, sentence: str) -> None:
    hostile = f'{name}"><script>alert(1)</script><img src=x onerror=alert(1)>'
    one = incident(table_finding(scope=scope("table", hostile), sentence=f"{sentence}<script>"))
    seen = Elements(fragment(message_of(one), ZONE, at=T0))
    assert seen.tags <= OURS
    assert not {attribute for attribute in seen.attributes if attribute.startswith("on")}
    assert all(address.startswith("https://") for address in seen.addresses)


def notices_of(findings: list[list[Finding]]) -> tuple[Incidents, list[Notice]]:
    incidents, notices = Incidents(Settings()), []
    for step, batch in enumerate(findings):
        notices += incidents.feed(batch, T0 + 3600 * step)
    return incidents, [*notices, *incidents.feed([], T0 + 86400)]


def test_a_preview_shows_the_buttons_and_whom_the_message_calls() -> None:
    seen = Elements(fragment(message_of(incident(), mention="U012AB3CD here"), ZONE, at=T0))
    for expected in ("Acknowledge", "Snooze… ▾", "Not an anomaly", "@U012AB3CD", "@here"):
        assert expected in seen.text


def test_a_preview_shows_times_as_slack_does_in_the_language_of_the_reader() -> None:
    over = replace(incident(), state="resolved", end=T0 + 600)
    shown = Elements(fragment(message_of(over, words=JAPANESE), ZONE, at=T0, words=JAPANESE)).text
    assert "2025年10月9日 17:58 – 18:10" in shown
    next_day = replace(over, end=T0 + 86400)
    assert (
        "– 2025年10月10日 18:00"
        in Elements(fragment(message_of(next_day, words=JAPANESE), ZONE, at=T0, words=JAPANESE)).text
    )
