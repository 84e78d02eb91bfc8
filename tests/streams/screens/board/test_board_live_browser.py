"""A board that stays open: steps, sleep, a daemon that dies, a token that is removed, a night on a wall."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect

from alerting.messages.incident_answer import WhoAnswer
from streams.process.web.tokens import AccessScope, Tokens
from streams.screens.board.wall.wall import Wall
from streams.screens.board.wall.wall_stream import StreamPatience
from tests.streams.screens.board.board_client import OPERATE, READ, TOKENS, known
from tests.streams.screens.board.board_server import BoardThread
from tests.streams.screens.board.incidents.incidents_given import busy_incidents
from tests.streams.screens.board.shown import Shown
from tests.streams.screens.board.wall_given import wall_given

BRISK = StreamPatience(beat=0.2)
STEPS = 1440  # a day

# Stands in the place of the stream, so that a test plays steps as fast as the page draws them.
PLAYED = """
  window.Streaming = window.EventSource;
  window.EventSource = class {
    constructor() { this.heard = {}; window.played = this; }
    addEventListener(name, use) { this.heard[name] = use; }
    close() {}
    play(name, data) { this.heard[name]({ data: JSON.stringify(data) }); }
  };
"""

BEAT = """
  () => played.play("beat", { now: Date.now() / 1000, build: document.documentElement.dataset.build })
"""


def given(kind: str = "calm", **changes: Any) -> Wall:
    return replace(wall_given(kind, int(time.time())), **changes)


def counting(wall: Wall, value: float) -> Wall:
    """Return a wall whose first number is this."""
    requests, *rest = wall.numbers
    return replace(wall, numbers=[replace(requests, value=value), *rest])


def until(condition: Callable[[], bool]) -> None:
    """Wait for something in the daemon, which notices a closed connection when it next writes."""
    patience = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.02)


# -- connection --


def test_a_daemon_that_dies_and_comes_back_under_an_open_board_is_shown_and_followed(
    browser: Browser,
) -> None:
    with BoardThread(given()) as board, Shown(browser, board.url) as shown:
        shown.page.wait_for_selector(".desk")
        banner = shown.page.get_by_role("alert")
        expect(banner).to_be_empty()
        board.stop()
        expect(banner).to_contain_text("No connection to Uneri for", timeout=60_000)
        expect(shown.page.locator(".state")).to_have_text("No connection")
        said = banner.locator("> :not([aria-hidden])")
        expect(said).to_have_text("No connection")  # a screen reader does not read it every second
        expect(shown.page.locator(".desk")).to_be_visible()
        board.data.given = counting(given(), 777)
        board.start()
        expect(banner).to_be_empty(timeout=60_000)
        expect(shown.tile("requests").locator(".value")).to_have_text("777")
        board.show(counting(given(), 778))
        expect(shown.tile("requests").locator(".value")).to_have_text("778")


def test_a_board_that_slept_a_night_is_right_as_soon_as_it_wakes(browser: Browser) -> None:
    with BoardThread(given()) as board, Shown(browser, board.url, init=PLAYED, clock=True) as shown:
        page = shown.page
        step = json.loads(msgspec.json.encode(given()))
        page.evaluate("(step) => played.play('step', step)", step)
        page.wait_for_selector(".desk")
        page.evaluate("() => { window.EventSource = Streaming }")
        board.show(counting(given(), 777))  # which it does not hear, nor that its connection is gone
        page.clock.fast_forward("08:00:00")
        expect(shown.tile("requests").locator(".value")).to_have_text("777")
        board.show(counting(given(), 778))
        expect(shown.tile("requests").locator(".value")).to_have_text("778")


def test_a_hidden_tab_leaves_its_connection_to_others_and_keeps_its_title_right(browser: Browser) -> None:
    away = "Object.defineProperty(Document.prototype, 'hidden', { get: () => Boolean(window.away) })"
    turn = "(away) => { window.away = away; document.dispatchEvent(new Event('visibilitychange')) }"
    with (
        BoardThread(given(), patience=BRISK) as board,
        Shown(browser, board.url, init=away, clock=True) as shown,
    ):
        page = shown.page
        page.wait_for_selector(".desk")
        page.evaluate(turn, True)
        page.clock.fast_forward("00:35")
        until(lambda: board.served.board.boards == 0)
        board.show(given("busy"))
        page.clock.fast_forward("01:05")
        expect(page).to_have_title("(3) Needs attention · Uneri")
        assert board.served.board.boards == 0
        page.evaluate(turn, False)
        until(lambda: board.served.board.boards == 1)
        board.show(counting(given(), 778))
        expect(shown.tile("requests").locator(".value")).to_have_text("778")


def test_old_data_are_called_so_as_soon_as_they_are_old(browser: Browser) -> None:
    wall = given(stale_after=180)
    with (
        BoardThread(wall, patience=BRISK) as board,
        Shown(browser, board.url, init=PLAYED, clock=True) as shown,
    ):
        page = shown.page
        step = json.loads(msgspec.json.encode(wall))
        page.evaluate("(step) => played.play('step', step)", step)
        expect(page.locator(".state")).to_have_text("All well")
        for _ in range(6):
            page.evaluate(BEAT)
            page.clock.fast_forward("00:35")
        page.evaluate(BEAT)
        expect(page.locator(".state")).to_have_text("Stale data")
        expect(page.get_by_role("alert")).to_contain_text(re.compile(r"No new data for [3-5] min"))


def test_incidents_of_a_process_that_sends_no_more_are_called_old(browser: Browser) -> None:
    now = time.time()
    wall = given(incidents_until=int(now) - 1200, stale_after=180)
    with BoardThread(wall) as board, Shown(browser, board.url) as shown:
        alert = shown.page.get_by_role("alert")
        expect(alert).to_contain_text("is a process with the role notify running?")
        board.show(given(incidents_until=0))
        expect(alert).to_contain_text("no process with the role notify has told of any yet")
        board.show(given(incidents_until=int(now)))
        expect(alert).to_have_text("")


def test_trouble_with_the_data_is_said_and_what_is_known_stays(browser: Browser) -> None:
    with BoardThread(given()) as board, Shown(browser, board.url) as shown:
        shown.page.wait_for_selector(".desk")
        board.data.trouble = "the history cannot be read (Input/output error); look at the disk"
        board.show(given())
        expect(shown.page.get_by_role("alert")).to_contain_text("look at the disk")
        expect(shown.page.locator(".desk")).to_be_visible()
        board.data.trouble = None
        board.show(given())
        expect(shown.page.get_by_role("alert")).to_be_empty()


def test_a_wrong_clock_of_a_television_does_not_make_data_old(browser: Browser) -> None:
    wrong = "const real = Date.now; Date.now = () => real() - 86400000 * 3;"
    wall = given(stale_after=3600)  # so long that no machine is too slow
    with BoardThread(wall, patience=BRISK) as board, Shown(browser, board.url, init=wrong) as shown:
        expect(shown.page.locator(".fresh")).to_contain_text(re.compile(r"data \d+ (s|min) old"))
        expect(shown.page.locator(".state")).to_have_text("All well")


def test_a_board_loads_itself_again_once_when_the_daemon_was_upgraded(browser: Browser) -> None:
    with BoardThread(given(), patience=BRISK) as board, Shown(browser, board.url) as shown:
        shown.page.wait_for_selector(".desk")
        shown.page.evaluate("() => { window.old = true }")
        board.served.board._stream._build = "newer"
        shown.page.wait_for_function("() => !window.old")
        shown.page.wait_for_selector(".desk")
        shown.page.evaluate("() => { window.old = true }")
        shown.page.wait_for_timeout(600)
        assert shown.page.evaluate("window.old"), (
            "two versions behind one address are no reason to load for ever"
        )


# -- who may see it --


def test_a_board_asks_for_a_token_once(browser: Browser) -> None:
    with BoardThread(given(), TOKENS) as board, Shown(browser, board.url) as shown:
        page = shown.page
        field = page.get_by_label("Token")
        field.fill("uneri_not_this_one_at_all")
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_contain_text("does not allow read")
        field.fill(READ)
        page.get_by_role("button").click()
        page.wait_for_selector(".desk")
        assert page.evaluate("document.cookie") == ""
        page.reload()
        page.wait_for_selector(".desk")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()
        assert not any(READ in url for url in shown.asked)


def test_a_wall_takes_its_token_from_the_address_which_forgets_it(browser: Browser) -> None:
    with BoardThread(given(), TOKENS) as board, Shown(browser, f"{board.url}/?wall#{READ}") as shown:
        shown.page.wait_for_selector(".overview")
        assert shown.page.url == f"{board.url}/?wall"
        assert not any(READ in url for url in shown.asked)
        shown.page.reload()
        shown.page.wait_for_selector(".overview")


def test_a_token_that_is_pasted_where_the_board_is_open_is_taken_and_forgotten_too(browser: Browser) -> None:
    with BoardThread(given(), TOKENS) as board, Shown(browser, board.url) as shown:
        page = shown.page
        expect(page.get_by_label("Token")).to_be_visible()
        page.goto(f"{board.url}/#uneri_not_this_one_at_all")
        expect(page.get_by_role("alert")).to_contain_text("not known")
        assert page.url == f"{board.url}/"
        page.goto(f"{board.url}/#{READ}")
        page.wait_for_selector(".desk")
        assert page.url == f"{board.url}/"
        page.goto(f"{board.url}/#{OPERATE}")
        page.wait_for_function("() => !location.hash")
        page.wait_for_selector(".desk")
        assert not any(READ in url or OPERATE in url for url in shown.asked)


def test_a_wall_with_a_token_that_is_not_known_says_so(browser: Browser) -> None:
    with (
        BoardThread(given(), TOKENS) as board,
        Shown(browser, f"{board.url}/?wall#uneri_not_this_one_at_all") as shown,
    ):
        expect(shown.page.get_by_role("alert")).to_contain_text("not known")
        assert shown.page.url == f"{board.url}/?wall"


def test_a_removed_token_ends_at_the_next_step_with_a_sign_in(browser: Browser) -> None:
    with BoardThread(given(), TOKENS) as board, Shown(browser, f"{board.url}/#{READ}") as shown:
        shown.page.wait_for_selector(".desk")
        board.replace_tokens(Tokens([known(OPERATE, AccessScope.OPERATE, AccessScope.READ)]))
        board.show(given())
        expect(shown.page.get_by_label("Token")).to_be_visible()
        expect(shown.page.get_by_role("alert")).to_contain_text("no longer in the configuration")
        expect(shown.page.locator(".desk")).to_have_count(0)


def test_a_restart_of_the_daemon_signs_no_wall_out(browser: Browser) -> None:
    with BoardThread(given(), TOKENS) as board, Shown(browser, f"{board.url}/?wall#{READ}") as shown:
        shown.page.wait_for_selector(".overview")
        board.stop()
        expect(shown.page.get_by_role("alert")).to_contain_text("No connection", timeout=60_000)
        board.data.given = counting(given(), 777)
        board.start()
        expect(shown.tile("requests").locator(".value")).to_have_text("777", timeout=60_000)


@pytest.mark.parametrize("path", ["/?incidents", "/?incident=spike", "/?scope=table:items"])
def test_a_page_that_nobody_answered_says_so_in_words_and_heals_by_itself(
    browser: Browser, path: str
) -> None:
    with (
        BoardThread(given("busy"), service=busy_incidents(int(time.time()))) as board,
        Shown(browser, board.url) as shown,
    ):
        shown.page.wait_for_selector(".desk")
        pattern = re.compile(r"/board/(incidents|scope)")
        shown.page.route(pattern, lambda route: route.abort())
        shown.page.evaluate(
            "(to) => { history.pushState(null, '', to); dispatchEvent(new Event('popstate')); }", path
        )
        main = shown.page.locator("main")
        expect(main).to_contain_text("Uneri does not answer; trying again")
        shown.page.unroute(pattern)
        expect(main).not_to_contain_text("does not answer")
        expect(main.get_by_text("items").first).to_be_visible()


# -- a screen on the wall --


def test_a_wall_turns_its_pages_and_stays_on_the_first_while_something_is_wrong(browser: Browser) -> None:
    with (
        BoardThread(given()) as board,
        Shown(browser, f"{board.url}/?wall=overview,calls,nonsense&every=20", clock=True) as shown,
    ):
        page = shown.page
        page.wait_for_selector(".overview")
        page.clock.fast_forward("00:20")
        page.wait_for_selector(".tv-page.one")
        page.clock.fast_forward("00:20")
        page.wait_for_selector(".overview")
        board.show(given("busy"))
        page.wait_for_selector(".tile.open")
        for _ in range(3):
            page.clock.fast_forward("00:20")
        page.wait_for_selector(".overview")
        busy = given("busy")
        taken = [replace(one, acknowledged=WhoAnswer(by="mika", at=0)) for one in busy.incidents]
        spiking = [replace(one, threshold=None) for one in busy.numbers]
        board.show(replace(busy, incidents=taken, numbers=spiking, tables=[]))
        page.get_by_text("acknowledged by mika").first.wait_for()
        page.clock.fast_forward("00:20")
        page.wait_for_selector(".tv-page.one")


def test_a_wall_moves_a_little_so_that_nothing_burns_in_and_loses_nothing_by_it(browser: Browser) -> None:
    with (
        BoardThread(given()) as board,
        Shown(browser, f"{board.url}/?wall", size=(1920, 1080), clock=True) as shown,
    ):
        page = shown.page
        page.wait_for_selector(".overview")
        places = set()
        for _ in range(9):
            page.clock.fast_forward("01:30")
            places.add(page.evaluate("getComputedStyle(document.querySelector('.around')).transform"))
            for locator in (page.locator(".tile").all()[0], page.locator(".tile").all()[-1]):
                box = locator.bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["y"] >= 0
                assert box["x"] + box["width"] <= 1920
                assert box["y"] + box["height"] <= 1080
        assert len(places) == 9


# -- what it costs --


def test_a_day_of_steps_leaves_memory_and_nodes_where_they_were(browser: Browser) -> None:
    walls = [json.loads(msgspec.json.encode(given(kind))) for kind in ("calm", "busy")]
    day = """([calm, busy, steps]) => {
      for (let step = 0; step < steps; step++) {
        const wall = structuredClone(step % 60 < 10 ? busy : calm);
        wall.at += step * 60;
        wall.numbers[0].value = step;
        played.play("step", wall);
        played.play("beat", { now: wall.at + 12, build: document.documentElement.dataset.build });
      }
      played.play("step", calm);
    }"""
    with BoardThread(given()) as board, Shown(browser, board.url, init=PLAYED) as shown:
        page = shown.page
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")

        def measured() -> dict[str, float]:
            page.wait_for_timeout(50)
            session.send("HeapProfiler.collectGarbage")
            found = session.send("Performance.getMetrics")["metrics"]
            return {item["name"]: item["value"] for item in found}

        page.evaluate(day, [*walls, 120])
        before = measured()
        page.evaluate(day, [*walls, STEPS])
        after = measured()
        assert after["Nodes"] <= before["Nodes"] + 20
        assert after["JSEventListeners"] <= before["JSEventListeners"]
        assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < 1_000_000
        assert shown.wrong == []
