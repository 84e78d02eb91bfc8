"""The board in a real browser: every screen, look and language, what people read, and what they press."""

import re
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect

from alerting.messages.incident_answer import WhoAnswer
from streams.screens.board.wall.wall import Wall, WallLearning
from tests.streams.screens.board.board_server import BoardThread
from tests.streams.screens.board.shown import OVER, WIDTHS, Shown
from tests.streams.screens.board.wall_given import HOSTILE, hostile_wall, incidents, wall_given

LETTERS = "(one) => parseFloat(getComputedStyle(one).fontSize)"
CUT = """
(selector) => [...document.querySelectorAll(selector)]
  .filter((each) => each.scrollWidth > each.clientWidth + 1)
  .map((each) => each.textContent.trim())
"""


@pytest.fixture(scope="module")
def board() -> Iterator[BoardThread]:
    with BoardThread(given()) as served:
        yield served


def given(kind: str = "calm", language: Any = "en", **changes: Any) -> Wall:
    return replace(wall_given(kind, int(time.time()), language=language), **changes)


@pytest.mark.parametrize(("kind", "language"), [("calm", "ja"), ("learning", "en"), ("stale", "ja")])
def test_it_fits_every_screen_and_nothing_goes_wrong(browser: Browser, kind: str, language: str) -> None:
    with BoardThread(given(kind, language)) as board, Shown(browser, board.url) as shown:
        shown.page.wait_for_selector(".desk")
        for width, page in product(WIDTHS, ("/", "/?map", "/?incidents")):
            shown.page.set_viewport_size({"width": width, "height": 900})
            shown.page.locator(f'nav a[href="{page}"]').click()
            assert shown.page.evaluate(OVER) == 0, (width, page)
        assert shown.wrong == []


@pytest.mark.parametrize(
    ("kind", "language", "size"),
    [
        ("calm", "en", (1920, 1080)),
        ("busy", "ja", (1920, 1080)),
        ("busy", "en", (3840, 2160)),
        ("learning", "ja", (3840, 2160)),
    ],
)
def test_a_wall_is_read_from_five_metres_and_nothing_is_cut_off(
    browser: Browser, kind: str, language: str, size: tuple[int, int]
) -> None:
    scale = size[1] / 1080
    with (
        BoardThread(given(kind, language)) as board,
        Shown(browser, f"{board.url}/?wall", size=size) as shown,
    ):
        page = shown.page
        page.wait_for_selector(".overview")
        letters = f"(at) => [...document.querySelectorAll(at)].map({LETTERS})"
        read = ".label, .layer dt, .open li, .quiet p, .state, .fresh"
        assert min(page.evaluate(letters, read)) >= 40 * scale
        assert min(page.evaluate(letters, ".numbers .big")) >= 110 * scale
        assert page.locator(".tile").count() <= 12
        root = "document.documentElement"
        assert page.evaluate(f"[{root}.scrollWidth, {root}.scrollHeight]") == list(size)
        assert (
            page.evaluate(CUT, ".numbers .big, .limits .big, .tile .label, .layers dl, .state, .head") == []
        )
        main = page.locator("main").bounding_box()
        assert main is not None
        for locator in page.locator(".tile").all():
            box = locator.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= main["y"] + main["height"] + 1
        assert page.evaluate("getComputedStyle(document.body).cursor") == "none"
        assert shown.wrong == []


def test_what_is_well_is_quiet_and_what_is_not_is_filled_marked_and_named(browser: Browser) -> None:
    with BoardThread(given("busy")) as board, Shown(browser, board.url) as shown:
        ground = "(one) => getComputedStyle(one).backgroundColor"
        well, critical, warning = (
            shown.tile(name) for name in ("errors_user", "errors_backend", "throttles")
        )
        assert len({locator.evaluate(ground) for locator in (well, critical, warning)}) == 3
        assert well.locator(".mark").count() == 0
        for tile, word in ((critical, "spike"), (warning, "high")):
            assert tile.locator(".mark svg path").count() == 1
            assert tile.locator(".mark").inner_text().lower() == word
        shapes = {locator.locator(".mark path").get_attribute("d") for locator in (critical, warning)}
        assert len(shapes) == 2, "the shape says what it is, not only the colour"


def test_names_of_an_incident_lead_to_their_pages_at_its_own_time(browser: Browser) -> None:
    with BoardThread(given("busy")) as board, Shown(browser, board.url) as shown:
        window = f"&from={board.data.given.incidents[0].start - 3 * 3600}"
        for path, within in (("/", "[data-tile=open] li"), ("/?incidents", ".card")):
            shown.page.goto(board.url + path)
            row = shown.page.locator(within, has_text="37 wcu/s")
            for name in ("items", "inventory-put-item", "ios 3.2.1"):
                link = row.get_by_role("link", name=name, exact=True).first
                expect(link).to_have_attribute("href", re.compile(f"scope=.*{window}$"))


def test_a_number_leads_to_the_incident_that_colours_it_or_to_who_has_most_of_it(browser: Browser) -> None:
    with BoardThread(given("busy")) as board, Shown(browser, board.url) as shown:
        for tile, name, address in (
            (shown.tile("errors_backend"), "backend errors", "incident=spike"),
            (shown.tile("throttles"), "throttles", "scope=table%3Aitems"),
            (shown.tile("errors_user"), "user errors", "scope=account%3A123456789012"),
            (shown.tile("layers"), "API", "incident=spike"),
            (shown.tile("layers"), "auth", "scope=account%3A123456789012"),
        ):
            expect(tile.get_by_role("link", name=name)).to_have_attribute("href", re.compile(address))
        shown.tile("errors_backend").locator(".value").click(force=True)
        expect(shown.page).to_have_url(re.compile("incident=spike"))


def test_the_numbers_are_those_of_the_data(browser: Browser, board: BoardThread) -> None:
    wall = given()
    requests, *rest = wall.numbers
    items, *tables = wall.tables
    changed = replace(
        wall,
        numbers=[replace(requests, value=1234.4, hour=1230.0, hour_week_before=1000.0), *rest],
        tables=[
            replace(items, used=612.3, share=0.6123, days_left=4.2, days_left_early=3.0, days_left_late=6.0),
            *tables,
        ],
    )
    with Shown(browser, board.url) as shown:
        board.show(changed)
        expect(shown.tile("requests").locator(".value")).to_have_text("1,230")
        expect(shown.tile("requests").locator(".note")).to_have_text("+23 % on last week, in 1 h")
        expect(shown.tile("table-items").locator(".value")).to_have_text("61")
        expect(shown.tile("table-items").locator(".left")).to_have_text("limit in 3 to 6 days")
        expect(shown.tile("layers").locator(".value").first).to_have_text("84")


def test_what_is_not_known_is_a_dash_and_never_a_zero(browser: Browser, board: BoardThread) -> None:
    wall = given()
    unknown = [replace(number, value=None, expected=None, hour=None, trend=[]) for number in wall.numbers]
    with Shown(browser, board.url) as shown:
        board.show(replace(wall, numbers=unknown, layers=[replace(layer, p95=None) for layer in wall.layers]))
        expect(shown.tile("requests").locator(".value")).to_have_text("–")
        assert set(shown.page.locator(".numbers .value, .layer .value").all_inner_texts()) == {"–"}
        assert shown.wrong == []


def test_an_empty_board_says_what_is_missing_and_when_there_will_be_more(browser: Browser) -> None:
    nobody = WallLearning(0, 7, {}, post="/events")
    empty = Wall(now=int(time.time()), zone="UTC", language="en", state="learning", learning=nobody)
    with BoardThread(empty) as board, Shown(browser, board.url) as shown:
        expect(shown.page.locator(".empty")).to_contain_text("a minute after the first event")
        expect(shown.page.locator(".empty pre")).to_contain_text(f"curl {board.url}/events -d")
        expect(shown.page.locator(".fresh")).to_have_text("no data yet")
        board.show(
            replace(given("learning"), zone="UTC", learning=WallLearning(2.4, 7, {"route": 3, "table": 0}))
        )
        expect(shown.tile("learning")).to_contain_text("Day 3 of 7")
        expect(shown.tile("learning")).to_contain_text("So far: 3 routes. No event has tables yet.")
        assert shown.wrong == []


def test_a_step_changes_numbers_in_place(browser: Browser, board: BoardThread) -> None:
    with Shown(browser, board.url) as shown:
        shown.page.wait_for_selector(".desk")
        mark = "() => { for (const each of document.querySelectorAll('.tile, canvas')) each.before_ = true }"
        shown.page.evaluate(mark)
        wall = given()
        requests, *rest = wall.numbers
        board.show(replace(wall, numbers=[replace(requests, value=777.0), *rest]))
        expect(shown.tile("requests").locator(".value")).to_have_text("777")
        kept = "() => [...document.querySelectorAll('.tile, canvas')].every((each) => each.before_)"
        assert shown.page.evaluate(kept)


def test_names_of_events_are_text_everywhere(browser: Browser) -> None:
    with BoardThread(hostile_wall(int(time.time()))) as board:
        for path in ("/", "/?incidents", "/?wall", "/?wall=month", "/?wall=rankings"):
            with Shown(browser, board.url + path) as shown:
                shown.page.wait_for_selector(".tile")
                shown.hold_to_text(HOSTILE)
                shown.hold_to_width(wide=True)
                assert shown.wrong == [], "nothing was even tried, so nothing had to be refused"


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString"])
def test_an_address_with_words_of_the_language_of_scripts_is_an_address_like_others(
    browser: Browser, board: BoardThread, name: str
) -> None:
    asked = ("lang", "look", "map&as", "incidents&verdict", "incidents&state", "incident", "wall", "every")
    with Shown(browser, board.url) as shown:
        for path in (*(f"{text}={name}" for text in asked), f"scope={name}:{name}", f"{name}=1"):
            shown.page.goto(f"{board.url}/?{path}")
            expect(shown.page.locator("#main h1, #main .tile, #main .wrong").first).to_be_visible()
        assert [text for text in shown.wrong if "Failed to load resource" not in text] == []


def test_names_that_nobody_sees_or_that_turn_what_stands_around_them_can_be_read(
    browser: Browser, board: BoardThread
) -> None:
    read = """async (names) => {
      const main = document.querySelector("script[type=module]").src;
      const { legible } = await import(main.replace("main", "readable"));
      return names.map(legible);
    }"""
    names = ["items", "\u200b", " \u00a0\u2800", "a\u202eb\u2066c\u2069", "ا\u200cب", "", "👩\u200d🚀"]
    with Shown(browser, board.url) as shown:
        said = shown.page.evaluate(read, names)
        assert said == ["items", "U+200B", "U+0020 U+00A0 U+2800", "abc", "ا\u200cب", "", "👩\u200d🚀"]
        wall = given("busy")
        [first, *rest] = wall.incidents
        unseen = replace(first, scope=replace(first.scope, name="\u200b"))
        board.show(replace(wall, incidents=[unseen, *rest]))
        expect(shown.tile("open").get_by_role("link", name="U+200B")).to_be_visible()
        board.show(given())


def test_the_wall_is_red_for_pages_only_and_amber_for_what_somebody_works_on(browser: Browser) -> None:
    now = int(time.time())
    digest, silenced, page = (
        replace(incident, sent=sent, reason="silenced by mika")
        for incident, sent in zip(
            incidents(now, "growth", "limit", "spike"), ("digest", "none", "page"), strict=True
        )
    )
    with BoardThread(given(incidents=[digest, silenced])) as board, Shown(browser, board.url) as shown:
        state, quiet = shown.page.locator(".state"), shown.tile("open")
        expect(state).to_have_text("All well")
        expect(quiet).to_contain_text("No incident is open")
        expect(quiet).to_contain_text("1 growing, in the digest")
        expect(quiet).to_contain_text("1 silenced or held")
        board.show(given(incidents=[digest, silenced, page]))
        expect(state).to_have_text("1 incident open")
        expect(shown.tile("open")).to_have_class(re.compile("critical"))
        board.show(
            given(incidents=[digest, silenced, replace(page, acknowledged=WhoAnswer(by="mika", at=now))])
        )
        expect(shown.tile("open")).to_have_class(re.compile("warning"))
        expect(shown.tile("open")).to_contain_text("acknowledged by mika")
        shown.page.get_by_role("link", name="Incidents").click()
        expect(shown.page.locator(".card .badge")).to_have_text(["spike", "growth", "limit"])
        expect(shown.page.get_by_text("silenced by mika")).to_be_visible()


def test_what_is_too_small_to_page_is_counted_on_the_quiet_wall_and_listed_with_its_reason(
    browser: Browser,
) -> None:
    reason = "certain, but too small to page; 0.8 times what pages by incidents.page.fall"
    [found] = incidents(int(time.time()), "spike")
    small = replace(found, sent="digest", reason=reason)
    with BoardThread(given(incidents=[small])) as board, Shown(browser, board.url) as shown:
        expect(shown.page.locator(".state")).to_have_text("All well")
        expect(shown.tile("open")).to_contain_text("1 too small to page, in the digest")
        shown.page.get_by_role("link", name="Incidents").click()
        expect(shown.page.get_by_text(reason)).to_be_visible()


def test_an_incident_shows_what_changed_before_its_requests_and_what_was_learnt(browser: Browser) -> None:
    with BoardThread(given("busy")) as board, Shown(browser, f"{board.url}/?incidents") as shown:
        card = shown.page.locator(".card", has_text="37 wcu/s")
        expect(card.get_by_role("link", name="deploy 42")).to_have_attribute(
            "href", "https://ci.example.com/42"
        )
        expect(card.get_by_role("link", name="trace").first).to_have_attribute(
            "href", "https://console.example.com/trace/1"
        )
        expect(card.locator(".examples")).to_contain_text("POST /items/{id} · 500 · Provisioned")
        expect(card.locator(".examples")).to_contain_text("812 ms · ios 3.2.1 game-42")
        expect(card.locator(".memo")).to_contain_text("retries without backoff")
        expect(card.locator(".memo")).to_contain_text("mika")


def test_what_the_daemon_says_of_everything_is_said_and_an_incident_says_more(browser: Browser) -> None:
    now = int(time.time())
    with BoardThread(given(state="stale")) as board, Shown(browser, board.url) as shown:
        state = shown.page.locator(".state")
        expect(state).to_have_text("Stale data")
        expect(shown.page.get_by_role("alert")).to_contain_text("No new data for")
        board.show(given("learning"))
        expect(state).to_have_text("Learning")
        board.show(given("learning", incidents=incidents(now, "fatal")))
        expect(state).to_have_text("1 incident open")
        expect(state).to_have_class("state attention")
        board.show(given(state="attention"))
        expect(state).to_have_text("Needs attention")


def test_incidents_are_found_by_what_people_call_them(browser: Browser) -> None:
    with BoardThread(given("busy")) as board, Shown(browser, f"{board.url}/?incidents") as shown:
        cards = shown.page.locator(".card")
        expect(cards).to_have_count(3)
        expect(shown.page).to_have_title("(3) Needs attention · Uneri")
        shown.page.get_by_role("searchbox", name="Find").fill("absence nightly")
        expect(cards).to_have_count(1)
        expect(shown.page.get_by_role("status").last).to_have_text("1 of 3 shown")
        shown.page.get_by_role("searchbox", name="Find").fill("ios items")
        expect(cards).to_have_count(2)
        shown.page.get_by_role("searchbox", name="Find").fill("nobody")
        expect(shown.page.get_by_text("No incident matches.")).to_be_visible()


def test_an_incident_shows_who_causes_it_and_since_when(browser: Browser) -> None:
    with BoardThread(given("busy")) as board, Shown(browser, f"{board.url}/?incidents") as shown:
        card = shown.page.locator(".card", has_text="37 wcu/s")
        expect(card.get_by_role("heading", level=2)).to_have_text("table items")
        expect(card).to_contain_text("usually 8")
        expect(card).to_contain_text("inventory-put-item91 %")
        expect(card).to_contain_text("ios 3.2.188 %")
        expect(card).to_contain_text("for 24 min")


def test_the_keyboard_reaches_everything_and_pages_have_addresses(
    browser: Browser, board: BoardThread
) -> None:
    with Shown(browser, board.url) as shown:
        page = shown.page
        page.wait_for_selector(".desk")
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to content")).to_be_focused()
        for name in ("Wall", "Map", "Incidents"):
            page.keyboard.press("Tab")
            expect(page.get_by_role("link", name=name)).to_be_focused()
        expect(page.get_by_role("link", name="Incidents")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Incidents")).to_have_attribute("aria-current", "page")
        assert page.url.endswith("/?incidents")
        page.go_back()
        expect(page.get_by_role("link", name="Wall")).to_have_attribute("aria-current", "page")
        page.reload()
        page.wait_for_selector(".desk")


def test_look_and_language_can_be_chosen_and_stay_chosen(browser: Browser, board: BoardThread) -> None:
    with Shown(browser, board.url, color_scheme="dark") as shown:
        page = shown.page
        page.wait_for_selector(".desk")
        look = (
            "() => [document.documentElement.dataset.look, getComputedStyle(document.body).backgroundColor]"
        )
        assert page.evaluate(look)[0] == "dark"
        page.emulate_media(color_scheme="light")
        page.wait_for_function("() => document.documentElement.dataset.look === 'light'")
        page.get_by_role("button", name="Look: as the system").click()
        page.get_by_role("button", name="Look: light").click()
        assert page.evaluate(look)[0] == "dark"
        page.get_by_role("button", name="日本語").click()
        expect(page.get_by_role("link", name="ウォール")).to_be_visible()
        page.reload()
        expect(page.get_by_role("link", name="インシデント")).to_be_visible()
        assert page.evaluate(look)[0] == "dark"
        assert page.evaluate("document.documentElement.lang") == "ja"


def test_paper_is_light_and_has_nothing_to_press(browser: Browser, board: BoardThread) -> None:
    for path, drawn in (("/?look=dark", ".desk"), ("/?incidents&look=dark", ".list")):
        with Shown(browser, board.url + path) as shown:
            page = shown.page
            page.wait_for_selector(drawn)
            page.emulate_media(media="print")
            expect(page.locator("html")).to_have_attribute("data-look", "light")
            for pressed in ("nav", ".find", ".switches"):
                expect(page.locator(pressed)).to_be_hidden()
            expect(page.locator(".tile").first).to_be_visible()
            page.emulate_media(media="screen")
            expect(page.locator("html")).to_have_attribute("data-look", "dark")


def test_times_are_those_of_the_configured_zone(browser: Browser) -> None:
    at = 1_764_200_012  # 08:33:32 in Tokyo, 18:33:32 the day before in New York
    for zone, expected in (("Asia/Tokyo", "08:33"), ("America/New_York", "18:33")):
        wall = replace(wall_given("calm", at), zone=zone)
        with (
            BoardThread(wall, now=lambda: at) as board,
            Shown(browser, board.url, timezone_id="Europe/Paris") as shown,
        ):
            expect(shown.page.locator(".clock")).to_contain_text(expected)


def test_both_languages_say_the_same_things(browser: Browser, board: BoardThread) -> None:
    compared = """async () => {
      const main = document.querySelector("script[type=module]").src;
      const { LANGUAGES } = await import(main.replace("main", "words"));
      const shape = (thing) => typeof thing === "object" && !Array.isArray(thing)
        ? Object.fromEntries(Object.keys(thing).sort().map((key) => [key, shape(thing[key])]))
        : typeof thing;
      return Object.values(LANGUAGES).map((words) => JSON.stringify(shape(words)));
    }"""
    with Shown(browser, board.url) as shown:
        en, ja = shown.page.evaluate(compared)
        assert en == ja


def test_figures_have_as_many_digits_now_as_in_a_minute(browser: Browser, board: BoardThread) -> None:
    written = """async (given) => {
      const main = document.querySelector("script[type=module]").src;
      const { Figures } = await import(main.replace("main", "figures"));
      const [en, ja] = ["en", "ja"].map((language) => new Figures(language, "Asia/Tokyo"));
      return {
        shares: given.shares.map((share) => en.hundred(share)),
        numbers: given.numbers.map((value) => en.number(value)),
        changes: given.changes.map(([now, then]) => en.change(now, then)),
        times: given.times.map((value) => en.value(value, "ms")),
        spans: given.spans.map((seconds) => `${en.duration(seconds)}, ${ja.duration(seconds)}`),
        days: given.days.map((days) => `${en.days(days)}, ${ja.days(days)}`),
      };
    }"""
    given = {
        "shares": [0, 0.00001, 0.00018, 0.0002, 0.018, 0.02, 0.34, 0.994, 0.9999, 1, 1.2],
        "numbers": [0, 0.034, 4.12, 38.4, 412.3, 1234.6, 1_284_000, None],
        "changes": [[103, 100], [100, 103], [100, 100], [2000, 100], [5, 0], [None, 1]],
        "times": [4.2, 84.2, 412, 1840, 12345],
        "spans": [12, 119, 7000, 200_000, 0.5],
        "days": [0.5, 1, 2.44, 9.4, 41.2],
    }
    with Shown(browser, board.url) as shown:
        said = shown.page.evaluate(written, given)
    assert {
        name: [item and item.replace("\u00a0", " ") for item in each_] for name, each_ in said.items()
    } == {
        "shares": ["0", "<0.01", "0.02", "0.02", "1.8", "2.0", "34", "99", "99", "100", "120"],
        "numbers": ["0", "0.034", "4.1", "38", "412", "1,230", "1.28M", "–"],
        "changes": ["+3 %", "−2 %", "±0 %", "20×", None, None],
        "times": ["4.2 ms", "84 ms", "412 ms", "1.8 s", "12 s"],
        "spans": ["12 s, 12秒", "1 min, 1分", "1 h, 1時間", "2 days, 2日", "0 s, 0秒"],
        "days": ["12 h, 12時間", "1 day, 1日", "2.4 days, 2.4日", "9 days, 9日", "41 days, 41日"],
    }
