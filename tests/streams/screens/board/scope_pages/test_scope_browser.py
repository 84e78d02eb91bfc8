"""The page of a scope in a real browser: what people read, choose, follow and find."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect

from alerting.messages.incident_answer import WhoAnswer
from detectors.model.scope import Scope
from tests.streams.screens.board.board_server import BoardThread
from tests.streams.screens.board.shown import Shown
from tests.streams.screens.board.wall_given import HOSTILE, incidents, wall_given

ITEMS = "/?scope=table:items&account=123456789012"


@pytest.fixture(scope="module")
def board() -> Iterator[BoardThread]:
    # the newest step ends with a minute, as those of a daemon do
    with BoardThread(wall_given("busy", int(time.time()) // 60 * 60 + 12)) as served:
        yield served


def opened(shown: Shown) -> Any:
    """Wait for the page, and return it."""
    expect(shown.page.locator(".scope canvas").first).to_be_visible()
    return shown.page


def test_it_answers_in_the_order_of_the_questions(browser: Browser, board: BoardThread) -> None:
    with Shown(browser, board.url + ITEMS) as shown:
        page = opened(shown)
        expect(page.get_by_role("heading", level=1)).to_have_text("table items")
        expect(page.locator("[data-state]")).to_have_attribute("data-state", "critical")
        expect(page.locator(".open-here .event").first).to_contain_text("wcu")
        expect(page.locator('[data-tile="limit-wcu"]')).to_contain_text("712 of 1,000 wcu/s")
        expect(page.locator('[data-tile="limit-wcu"]')).to_contain_text("limit in 9 to 14 days")
        wcu = page.locator('[data-measure="wcu"]')
        expect(wcu.get_by_role("link", name="spike")).to_have_attribute("href", "/?incident=spike")
        expect(wcu).to_contain_text("on the week before")
        throttles = page.locator('[data-measure="throttles"]')
        expect(throttles).to_contain_text("TableWriteProvisionedThroughputExceeded 812")
        functions = page.locator('[data-neighbours="function"]')
        expect(functions.locator("li").first).to_contain_text("inventory-put-item")
        expect(functions.locator("li").first).to_contain_text("400 wcu/s")
        expect(functions.locator("li").first).to_contain_text("57 %")
        expect(functions).to_contain_text("+40 % on the week before: calls +37 %, per call +2 %")
        expect(page.locator('[data-neighbours="client"]')).to_contain_text("and 3 more")
        events = page.locator('[data-tile="events"]')
        expect(events).to_contain_text("load test, see the runbook")
        expect(events.get_by_role("link", name="deploy 42")).to_be_visible()
        expect(events.locator(".examples li").first).to_contain_text("812 ms")
        links = page.locator('[data-tile="elsewhere"] a')
        expect(links).to_have_text(["console", "metrics"])
        tops = "(all) => all.map((one) => one.getBoundingClientRect().top)"
        order = '.open-here, [data-tile="limit-wcu"], [data-measure="requests"], [data-neighbours="function"]'
        order += ', [data-tile="events"], [data-tile="elsewhere"]'
        found = page.eval_on_selector_all(order, tops)
        assert found == sorted(found)
        assert shown.wrong == []


INKED = """(canvas) => {
  const ink = document.createElement("canvas").getContext("2d");
  ink.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--limit").trim();
  ink.fillRect(0, 0, 1, 1);
  const [red, green, blue] = ink.getImageData(0, 0, 1, 1).data;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const rows = new Set();
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === red && data[at + 1] === green && data[at + 2] === blue)
      rows.add(Math.floor(at / 4 / canvas.width));
  return rows.size;
}"""
"""How many rows of a chart have the colour of limits."""


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_limit_is_a_line_of_its_chart_or_named_beside_it(
    browser: Browser, board: BoardThread, look: str
) -> None:
    with Shown(browser, f"{board.url}{ITEMS}&look={look}") as shown:
        page = opened(shown)
        wcu, rcu = (page.locator(f'[data-measure="{measure}"]') for measure in ("wcu", "rcu"))
        expect(wcu.locator(".limit-note")).to_have_text("reaches its limit in 9 to 14 days")
        expect(wcu.get_by_role("slider")).to_have_attribute("aria-label", "wcu, limit 1,000 wcu/s")
        expect(rcu.locator(".limit-note")).to_have_text("limit 2,000 rcu/s, above the chart")
        assert wcu.locator("canvas").evaluate(INKED) > 0
        assert rcu.locator("canvas").evaluate(INKED) == 0
        page.goto(f"{board.url}/?look={look}")
        expect(shown.tile("table-items").locator(".spark .limit")).to_have_count(1)
        assert shown.wrong == []


def test_ranges_are_addresses_and_links_keep_them(browser: Browser, board: BoardThread) -> None:
    with Shown(browser, board.url + ITEMS) as shown:
        page = opened(shown)
        ranges = page.get_by_role("navigation", name="Range")
        expect(ranges.locator("[aria-current]")).to_have_text("4 hours")
        ranges.get_by_role("link", name="5 weeks").click()
        expect(page.locator(".k-extremes")).to_be_visible()
        assert page.url.endswith("&range=5w")
        expect(ranges.locator("[aria-current]")).to_have_text("5 weeks")
        page.locator('[data-neighbours="function"]').get_by_role("link", name="cart-checkout").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("function cart-checkout")
        expect(ranges.locator("[aria-current]")).to_have_text("5 weeks")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("table items")
        page.go_back()
        expect(ranges.locator("[aria-current]")).to_have_text("4 hours")
        page.locator('[data-neighbours="route"]').get_by_role("link", name="requests").click()
        expect(page.locator('[data-neighbours="client"] .number').first).to_have_text("234/s")
        page.get_by_label("from").fill("2025-11-20T09:00")
        page.get_by_label("to", exact=True).fill("2025-11-21T09:00")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".ranges [aria-current]")).to_have_count(0)
        assert "from=2025-11-20T09%3A00" in page.url
        expect(page.get_by_label("from")).to_have_value("2025-11-20T09:00")
        page.reload()
        opened(shown)
        expect(page.get_by_label("from")).to_have_value("2025-11-20T09:00")
        expect(page.locator("[data-state]")).to_have_count(0)  # that would be the state of now
        expect(page.get_by_text("There are no data before Nov 20, 10:00.")).to_be_visible()
        assert shown.wrong == []


def test_a_language_a_look_and_a_range_go_along_with_every_link(browser: Browser, board: BoardThread) -> None:
    with Shown(browser, f"{board.url}{ITEMS}&range=1d&lang=ja&look=dark") as shown:
        page = opened(shown)
        expect(page.locator(".open-here .sentence").first).to_contain_text("テーブル items の書き込み容量は")

        def led() -> set[str]:
            hrefs = "(all) => all.map((one) => one.href).filter((each) => each.startsWith(origin + '/?'))"
            return set(page.eval_on_selector_all("a[href]", hrefs))

        def without(*names: str) -> list[str]:
            return [link for link in led() if not all(name in link for name in names)]

        assert len(led()) > 10
        assert without("lang=ja", "look=dark", "range=") == []
        page.get_by_role("link", name="ウォール").click()
        page.wait_for_selector(".desk")
        assert "range=1d" in page.url
        timed = [link for link in without("lang=ja", "look=dark", "range=1d") if "from=" not in link]
        assert timed == [], "an incident leads to its own time"
        page.goto(f"{board.url}/?scope=table:nobody&lang=ja")
        expect(page.locator("main").get_by_role("alert")).to_contain_text("この名前のものは見つかりません")
        page.get_by_role("button", name="English").click()
        page.wait_for_url("**lang=en**")
        expect(page.get_by_role("link", name="Wall")).to_have_attribute("href", "/?lang=en")


def test_of_a_drop_elsewhere_a_scope_has_a_share_of_what_is_missing(browser: Browser) -> None:
    now = int(time.time()) // 60 * 60 + 12
    wall = replace(wall_given("busy", now), incidents=incidents(now, "drop"))
    with BoardThread(wall) as board, Shown(browser, f"{board.url}/?scope=function:cart-checkout") as shown:
        row = opened(shown).locator(".open-here .event")
        expect(row).to_contain_text("91\u00a0% of what is missing there")


def test_a_chart_is_read_with_the_keyboard_and_drawn_over_with_the_mouse(
    browser: Browser, board: BoardThread
) -> None:
    with Shown(browser, board.url + ITEMS) as shown:
        page = opened(shown)
        chart = page.get_by_role("slider", name="wcu")
        chart.focus()
        expect(chart).to_have_attribute("aria-valuenow", "239")
        for key in ("ArrowLeft", "ArrowLeft"):
            page.keyboard.press(key)
        expect(chart).to_have_attribute("aria-valuenow", "238")
        page.keyboard.press("Home")
        expect(chart).to_have_attribute("aria-valuenow", "0")
        said = chart.get_attribute("aria-valuetext") or ""
        assert "wcu/s" in said
        assert "expected" in said
        assert "last week" in said
        expect(page.locator('[data-measure="wcu"] .reading')).to_have_text(said)
        box = chart.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60, steps=4)
        page.mouse.up()
        page.wait_for_url("**from=*")
        assert "to=" in page.url
        expect(page.locator(".ranges [aria-current]")).to_have_count(0)
        assert shown.wrong == []


def test_names_on_the_wall_lead_to_their_pages(browser: Browser, board: BoardThread) -> None:
    with Shown(browser, board.url) as shown:
        page, title = shown.page, shown.page.get_by_role("heading", level=1)
        for tile, name, said in (
            ("table-items", "items", "table items"),
            ("concurrency-game-prod", "inventory-put-item", "function inventory-put-item"),
            ("concurrency-game-prod", "game-prod", "account 123456789012"),
            ("used", "POST /items/{id}", "route POST /items/{id}"),
            ("open", "items", "table items"),
        ):
            shown.tile(tile).get_by_role("link", name=name).first.click()
            expect(title).to_have_text(said)
            opened(shown)
            page.go_back()
            page.wait_for_selector(".desk")
        page.goto(f"{board.url}/?incidents")
        card = page.locator(".card", has_text="37 wcu/s")
        card.get_by_role("link", name="inventory-put-item").first.click()
        expect(title).to_have_text("function inventory-put-item")
        page.goto(f"{board.url}/?wall")
        page.wait_for_selector(".overview")
        assert page.locator("main a").count() == 0, "a television has no cursor"
        assert shown.wrong == []


def test_a_scope_is_found_by_a_part_of_its_name(browser: Browser, board: BoardThread) -> None:
    with Shown(browser, board.url) as shown:
        page = shown.page
        page.wait_for_selector(".desk")
        search = page.get_by_role("searchbox")
        assert search.get_attribute("placeholder") == "Go to a table, function, client … (Ctrl K)"
        page.keyboard.press("Control+k")
        page.keyboard.insert_text("put")
        found = page.locator(".found a")
        expect(found).to_have_count(1)
        search.press("ArrowDown")
        expect(found.first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("function inventory-put-item")
        expect(page.locator(".found")).to_have_count(0)
        search.fill("nothing like this")
        expect(page.locator(".found")).to_contain_text("Nothing here has a name like this")
        search.press("Escape")
        expect(page.locator(".found")).to_have_count(0)
        search.fill("orders")
        expect(found).to_have_count(2)
        search.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("table orders")
        page.goto(board.url + "/?scope=table:orders")
        expect(page.locator('[data-tile="choice"] a')).to_have_count(2)
        page.goto(board.url + "/?scope=table:nobody")
        expect(page.locator("main").get_by_role("alert")).to_contain_text("no table nobody is known here")
        page.goto(board.url + ITEMS + "&range=1y")
        expect(page.locator("main").get_by_role("alert")).to_contain_text("range is one of 4h")
        page.get_by_role("link", name="1 week").click()
        opened(shown)


def test_a_long_range_is_asked_for_seldom_and_what_happens_is_seen_at_once(browser: Browser) -> None:
    now = int(time.time()) // 60 * 60 + 12
    with BoardThread(wall_given("busy", now)) as board, Shown(browser, board.url + ITEMS) as shown:
        page = opened(shown)

        def asked() -> int:
            return sum("/board/scope?" in url for url in shown.asked)

        def show(minute: int, **changes: Any) -> None:
            board.show(replace(wall_given("busy", now + 60 * minute), **changes))

        until = page.get_by_label("to", exact=True)
        shown_until = until.input_value()
        show(1)
        expect(until).not_to_have_value(shown_until)
        page.get_by_role("link", name="13 months").click()
        expect(page.locator(".k-extremes")).to_be_visible()
        before = asked()
        show(2)
        show(3)
        first, *rest = wall_given("busy", now + 180).incidents
        first = replace(first, acknowledged=WhoAnswer(by="mika", at=now))
        show(4, incidents=[first, *rest])
        expect(page.locator(".open-here")).to_contain_text("acknowledged by mika")
        assert asked() == before + 1
        assert shown.wrong == []


def test_names_of_events_are_text(browser: Browser) -> None:
    scope = Scope("table", HOSTILE, "123456789012", HOSTILE, HOSTILE)
    with BoardThread(wall_given("busy", int(time.time()))) as board:
        board.data.more = [scope, scope._replace(kind="client", version=HOSTILE)]
        with Shown(browser, board.url) as shown:
            page = shown.page
            page.get_by_role("searchbox").fill("onerror table")
            page.locator(".found a").click()
            opened(shown)
            expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE[:20])
            shown.hold_to_width()
            shown.hold_to_text(HOSTILE)
            assert shown.wrong == []
