"""Incidents in a real browser: what people see of them, do about them and note, on all open boards."""

import re
import time
from typing import Any

from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from alerting.commands.command import Command, CommandKind
from detectors.model.finding import RestsOn
from detectors.model.scope import Scope
from streams.screens.board.wall.wall import WallAccount
from tests.alerting.given import IOS, share
from tests.streams.screens.board.board_client import OPERATE, READ, TOKENS
from tests.streams.screens.board.board_server import BoardThread
from tests.streams.screens.board.incidents.incidents_given import (
    GivenIncidents,
    busy_incidents,
    failures_of_callers,
    notice_of,
)
from tests.streams.screens.board.service_map.map_given import map_given
from tests.streams.screens.board.shown import Shown
from tests.streams.screens.board.wall_given import HOSTILE, wall_given

OVERLAID = """
() => [...document.querySelectorAll(".tick small")].map((one) => one.getBoundingClientRect())
  .filter((box) => box.width > 0)
  .filter((box, place, all) => place > 0 && box.left < all[place - 1].right).length
"""


def busy(**options: Any) -> BoardThread:
    now = int(time.time())
    return BoardThread(wall_given("busy", now), service=busy_incidents(now), **options)


def hostile_incidents(now: int) -> GivenIncidents:
    """Return incidents in which everything that an event or a person can name is markup."""
    notice = notice_of("spike", now - now % 60, "hostile")
    scope = Scope("table", "aws", HOSTILE, HOSTILE, HOSTILE)
    primary = replace(notice.incident.primary, scope=scope, sentence=HOSTILE)
    service = GivenIncidents([replace(notice, incidents=[replace(notice.incident, primary=primary)])], now)
    given: list[dict[str, Any]] = [
        {"kind": CommandKind.ACKNOWLEDGE, "incident": "hostile"},
        {"kind": CommandKind.EXPECTED, "incident": "hostile", "why": HOSTILE},
        {"kind": CommandKind.NOTE, "incident": "hostile", "why": HOSTILE},
        {"kind": CommandKind.NOTE, "moment": now - 60, "why": HOSTILE, "scope": f"table:{HOSTILE}"},
    ]
    for number, fields in enumerate(given):
        service.pipeline.command(Command(id=f"c{number}", at=now, by=HOSTILE, **fields))
    return service


def call_me(page: Page, name: str) -> None:
    page.get_by_label("Your name").fill(name)


def test_an_action_is_seen_at_once_on_every_open_board_with_who_did_it(browser: Browser) -> None:
    with (
        busy() as board,
        Shown(browser, f"{board.url}/?incident=spike") as mine,
        Shown(browser, f"{board.url}/?incident=spike") as theirs,
        Shown(browser, board.url) as wall,
    ):
        page = mine.page
        acknowledge = page.get_by_role("button", name="Acknowledge", exact=True)
        acknowledge.click()
        expect(page.locator(".acts .wrong")).to_contain_text("Write your name first")
        expect(page.get_by_label("Your name")).to_be_focused()
        call_me(page, "mika")
        acknowledge.click()
        expect(page.locator(".acts .done")).to_have_text("Acknowledged.")
        expect(acknowledge).to_have_count(0)
        for shown in (mine, theirs):
            expect(shown.page.locator(".ack")).to_have_text("acknowledged by mika")
            expect(shown.page.locator(".story")).to_contain_text(re.compile(r"acknowledged\s+by mika"))
        expect(wall.tile("open")).to_contain_text("acknowledged by mika")
        wall.tile("open").get_by_role("link", name="spike").click()
        expect(wall.page.locator(".ack")).to_have_text("acknowledged by mika")
        page.get_by_role("button", name="Take the acknowledgement back").click()
        expect(page.locator(".acts .done")).to_have_text("Taken back.")
        for shown in (mine, theirs, wall):
            expect(shown.page.locator(".ack")).to_have_count(0)
        expect(theirs.page.locator(".story")).to_contain_text("acknowledgement taken back")
        expect(acknowledge).to_be_visible()
        page.get_by_role("button", name="1 hour").click()
        for shown in (mine, theirs):
            expect(shown.page.locator(".held")).to_have_text(re.compile(r"Snoozed until .+, by mika"))
        theirs.page.get_by_role("button", name="End the snooze").click()
        expect(theirs.page.locator(".acts .wrong")).to_contain_text("Write your name first")
        call_me(theirs.page, "jun")
        theirs.page.get_by_role("button", name="End the snooze").click()
        expect(page.locator(".held")).to_have_count(0)
        page.get_by_role("button", name="all like it").click()
        page.get_by_label("until the morning of").fill("2020-01-01")
        page.get_by_role("button", name="Snooze all like it").click()
        expect(page.locator(".acts .wrong")).to_have_text(
            "Not done: this time has passed already; choose a later one"
        )
        assert [command.by for command in board.data.service.given[:4]] == ["mika"] * 3 + ["jun"]
        assert mine.wrong == [wrong for wrong in mine.wrong if "400" in wrong]
        assert theirs.wrong == wall.wrong == []


def resting(now: int, alike: str = "", requests: int = 41) -> GivenIncidents:
    """Return a spike with how many requests its shares rest on; without a suspect if all are alike."""
    notice = notice_of("spike", now - now % 60, "resting")
    primary = notice.incident.primary
    basis = RestsOn(requests=requests, since=now - 600, until=now, alike=alike)
    primary = replace(primary, rests_on=basis, suspects=[] if alike else [share(IOS, 0.66)])
    return GivenIncidents([replace(notice, incidents=[replace(notice.incident, primary=primary)])], now)


def test_an_incident_says_on_how_many_requests_it_blames_a_client_or_none(browser: Browser) -> None:
    now = int(time.time())
    for service, said in (
        (resting(now), "clients, of 41 requests"),
        (resting(now, "client", 4120), "all clients alike, of 4,120 requests"),
    ):
        with (
            BoardThread(wall_given("busy", now), service=service) as board,
            Shown(browser, f"{board.url}/?incident=resting") as shown,
        ):
            expect(shown.page.get_by_text(said, exact=True)).to_have_count(1)
            expect(shown.page.get_by_text(re.compile("of [0-9,]+ requests"))).to_have_count(1)
            assert shown.wrong == []


def test_a_mark_of_what_has_ended_does_not_claim_to_silence_it(browser: Browser) -> None:
    with busy() as board, Shown(browser, f"{board.url}/?incident=errors-ended") as shown:
        shown.page.get_by_role("button", name="As expected").click()
        note = shown.page.locator(".acts .pattern .note")
        expect(note).to_have_text(re.compile("^For some weeks what is like it may have to show more"))


def test_a_mark_says_what_it_teaches_before_it_is_made(browser: Browser) -> None:
    with (
        busy() as board,
        Shown(browser, f"{board.url}/?incident=spike") as mine,
        Shown(browser, f"{board.url}/?incident=spike") as theirs,
    ):
        page = mine.page
        call_me(page, "mika")
        taught = re.compile("The next one like it must show more until .+, by mika")
        silent = re.compile("Not an anomaly: silent as long as it lasts, by mika")
        page.get_by_role("button", name="Not an anomaly").click()
        teaches = page.get_by_text("what is like it may have to show more before anybody is called")
        expect(teaches).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(teaches).to_have_count(0)
        given = [command.kind for command in board.data.service.given]
        assert CommandKind.NOT_AN_ANOMALY not in given, "it teaches, and asks first"
        page.get_by_role("button", name="Not an anomaly").click()
        page.get_by_role("button", name="Mark it: Not an anomaly").click()
        expect(page.locator(".held")).to_have_text([taught, silent])
        page.get_by_role("button", name="Take the mark back").click()
        expect(page.locator(".held")).to_have_count(0)
        page.get_by_role("button", name="As expected").click()
        page.get_by_role("button", name="Mark it: As expected").click()
        expect(page.locator(".held")).to_have_count(2)
        page.get_by_role("button", name="Ask for no more").click()
        expect(page.locator(".held")).to_have_text([re.compile("As expected: silent as long as it lasts")])
        expect(theirs.page.locator(".marks")).to_contain_text("expected, says mika")
        assert mine.wrong == theirs.wrong == []


def test_memos_appear_with_who_and_when_and_what_was_learnt_last_time_comes_first(browser: Browser) -> None:
    with (
        busy() as board,
        Shown(browser, f"{board.url}/?incident=spike") as mine,
        Shown(browser, f"{board.url}/?incidents") as theirs,
    ):
        page = mine.page
        expect(page.locator(".learnt")).to_contain_text("ios 3.2.1 retries without backoff")
        call_me(page, "mika")
        page.get_by_label("What should the next one know?").fill("*again*\nios 3.2.1")
        page.get_by_role("button", name="Note", exact=True).click()
        memo = page.locator(".memos .memo")
        expect(memo).to_contain_text("*again*\nios 3.2.1", use_inner_text=True)
        expect(memo.locator(".aside")).to_contain_text(re.compile(r"mika · \d\d:\d\d"))
        card = theirs.page.locator(".card", has_text="37 wcu/s")
        expect(card.locator(".memo")).to_have_count(2)
        page.get_by_role("button", name="Remove the memo of mika").click()
        expect(memo).to_have_count(0)
        expect(card.locator(".memo")).to_have_count(1)
        page = theirs.page
        call_me(page, "jun")
        page.get_by_label("What happened?").fill("the campaign ends")
        page.get_by_label("About (optional)").fill("service:inventory")
        page.get_by_role("button", name="Note", exact=True).click()
        expect(page.locator(".memos .memo").first).to_contain_text("the campaign ends")
        expect(page.locator(".memos .memo").first).to_contain_text("jun")
        given = board.data.service.given[-1]
        assert abs((given.moment or 0) - time.time()) < 600, "the clock of the zone is understood"
        mine.page.locator(".learnt").get_by_role("link", name="the incident then").click()
        expect(mine.page.locator(".story")).to_contain_text("resolved")
        assert mine.wrong == theirs.wrong == []


def test_what_narrows_the_list_stands_in_the_address_and_ended_ones_are_there_too(browser: Browser) -> None:
    with busy() as board, Shown(browser, f"{board.url}/?incidents") as shown:
        page = shown.page
        bars, ended = page.locator("a.bar"), page.locator(".ended li")
        expect(bars).to_have_count(6)
        expect(ended).to_have_count(3)
        page.get_by_role("button", name="1 day").click()
        expect(bars).to_have_count(4)
        expect(page).to_have_url(f"{board.url}/?incidents&range=1d")
        page.get_by_role("button", name="5 weeks").click()
        page.get_by_label("Verdict").select_option("fatal")
        expect(bars).to_have_count(2)
        expect(page.locator(".card")).to_have_count(1)
        page.get_by_label("State").select_option("ended")
        expect(page.locator(".card")).to_have_count(0)
        expect(ended).to_have_count(1)
        page.reload()
        expect(ended).to_have_count(1)
        expect(page.get_by_label("Verdict")).to_have_value("fatal")
        page.get_by_label("Verdict").select_option("")
        page.get_by_role("searchbox", name="Find").fill("checkout")
        expect(ended).to_have_count(1)
        expect(ended).to_contain_text("POST /cart/checkout")
        ended.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("route POST /cart/checkout")
        expect(page.locator(".story")).to_contain_text("resolved")
        expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
        page.go_back()
        expect(page.get_by_role("searchbox", name="Find")).to_have_value("checkout")
        assert shown.wrong == []


def test_the_timeline_is_walked_by_the_keyboard_and_says_what_each_bar_and_mark_is(browser: Browser) -> None:
    with busy() as board, Shown(browser, f"{board.url}/?incidents") as shown:
        page = shown.page
        bars = page.locator("a.bar")
        expect(bars).to_have_count(6)
        expect(page.locator("a.bar[tabindex='0']")).to_have_count(1)
        names = [bar.get_attribute("aria-label") or "" for bar in bars.all()]
        assert all(
            re.match(r"(spike|new error|absence), .*, since .*, (still open|lasted .*)", name)
            for name in names
        )
        page.locator("a.bar[tabindex='0']").focus()
        for _ in range(len(names)):
            page.keyboard.press("ArrowRight")
        expect(page.locator("a.bar[tabindex='0']")).to_be_focused()
        mark = page.get_by_role("button", name="jun: The campaign *summer*")
        mark.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".told").last).to_contain_text("The campaign *summer* begins.")
        expect(page.get_by_role("button", name="deploy · 41 · inventory-put-item · ci")).to_be_visible()
        page.locator("a.bar[tabindex='0']").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect(page.locator(".story")).to_be_visible()
        assert "/?incident=" in page.url
        assert shown.wrong == []


def test_a_browser_that_only_reads_shows_why_and_signs_in_with_another_token(browser: Browser) -> None:
    with busy(tokens=TOKENS) as board, Shown(browser, f"{board.url}/?incident=spike#{READ}") as shown:
        page = shown.page
        expect(page.locator(".acts")).to_contain_text("its token does not allow operate")
        expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
        page.get_by_role("button", name="Sign in with another token").click()
        expect(page.get_by_role("alert")).to_contain_text("a token that allows operate")
        page.get_by_label("Token").fill(OPERATE)
        page.get_by_role("button", name="Open the board").click()
        call_me(page, "mika")
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.locator(".ack")).to_have_text("acknowledged by mika")
        page.reload()
        expect(page.get_by_label("Your name")).to_have_value("mika")


def test_an_action_that_fails_says_so_in_one_line_and_loses_nothing(browser: Browser) -> None:
    with busy() as board, Shown(browser, f"{board.url}/?incident=spike") as shown:
        page = shown.page
        call_me(page, "mika")
        page.get_by_label("What should the next one know?").fill("so")
        board.stop()
        page.get_by_role("button", name="Note", exact=True).click()
        expect(page.locator(".memos .wrong")).to_contain_text("There was no answer, so it may be done.")
        expect(page.get_by_label("What should the next one know?")).to_have_value("so")
        board.start()
        page.get_by_role("button", name="Note", exact=True).click()
        expect(page.locator(".memos .done")).to_have_text("Noted.")
        expect(page.locator(".memos .memo")).to_have_count(1)
        page.get_by_label("What should the next one know?").fill("long " * 300)
        page.get_by_role("button", name="Note", exact=True).click()
        expect(page.locator(".memos .wrong")).to_contain_text(
            "at most 1,000 characters, and this one has 1,499"
        )
        expect(page.get_by_label("What should the next one know?")).to_have_value("long " * 300)
        expect(page.locator(".memos .memo")).to_have_count(1)


def test_of_a_drop_the_callers_have_fewer_calls(browser: Browser) -> None:
    now = int(time.time())
    service = GivenIncidents([notice_of("drop", now - now % 60)], now)
    with (
        BoardThread(wall_given("busy", now), service=service) as board,
        Shown(browser, f"{board.url}/?incident=drop") as shown,
    ):
        split = shown.page.locator(".split").first
        expect(split).to_have_text("93\u00a0% fewer calls")
        shown.page.get_by_role("button", name="日本語").click()
        expect(split).to_have_text("呼び出し減 93%")


def test_shares_of_failures_are_not_split_into_calls(browser: Browser) -> None:
    now = int(time.time())
    service = GivenIncidents([failures_of_callers(now - now % 60)], now)
    with (
        BoardThread(wall_given("busy", now), service=service) as board,
        Shown(browser, f"{board.url}/?incident=errors") as shown,
    ):
        expect(shown.page.locator(".shares .number").first).to_have_text("91\u00a0%")
        expect(shown.page.locator(".split")).to_have_count(0)


def test_an_incident_can_be_taken_along_and_one_that_is_forgotten_says_so(browser: Browser) -> None:
    with busy() as board, Shown(browser, f"{board.url}/?incident=spike") as shown:
        page = shown.page
        with page.expect_download() as download:
            page.get_by_role("link", name="Save as JSON").click()
        assert download.value.suggested_filename == "incident-spike.json"
        curve = shown.tile("curve")
        expect(curve.locator("canvas")).to_be_visible()
        expect(curve.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile("expected"))
        expect(curve.get_by_role("link")).to_have_attribute(
            "href", re.compile(r"\?scope=table%3Aitems.*&from=\d+")
        )
        page.get_by_role("button", name="Copy as Markdown").click()
        expect(page.locator(".export [role=status]")).to_have_text("Copied.")
        expect(page.locator(".export textarea")).to_have_value(re.compile("^# .*items"))
        for missing in ("?incident=nothing", "?incident="):
            page.goto(f"{board.url}/{missing}")
            expect(page.locator(".wrong")).to_have_text(
                "There is no such incident, or it ended more than 30 days ago."
            )


def test_names_of_events_and_people_are_text_on_the_pages_of_incidents(browser: Browser) -> None:
    now = int(time.time())
    with BoardThread(wall_given("busy", now), service=hostile_incidents(now)) as board:
        for path in ("incidents", "incident=hostile"):
            with Shown(browser, f"{board.url}/?{path}") as shown:
                shown.page.wait_for_selector("textarea")
                shown.hold_to_text(HOSTILE)
                shown.hold_to_width()
                unknown = "404"  # this scope is in no history
                assert [text for text in shown.wrong if unknown not in text] == []


def test_the_days_of_the_timeline_leave_each_other_room_on_a_phone(browser: Browser) -> None:
    with busy() as board, Shown(browser, f"{board.url}/?incidents&lang=ja", size=(390, 900)) as shown:
        expect(shown.page.locator(".tick small").first).to_be_visible()
        assert shown.page.evaluate(OVERLAID) == 0


def test_names_of_256_characters_fit_every_screen(browser: Browser) -> None:
    now, long = int(time.time()), "n" * 256
    notice, wall, shown_map = notice_of("spike", now, "long"), wall_given("busy", now), map_given("busy", now)
    primary = replace(notice.incident.primary, scope=Scope("table", "aws", long, long, long))
    service = GivenIncidents([replace(notice, incidents=[replace(notice.incident, primary=primary)])], now)
    wall = replace(wall, accounts=[WallAccount(long, "aws", long), *wall.accounts])
    shown_map = replace(shown_map, nodes=[replace(node, label=long) for node in shown_map.nodes])
    with BoardThread(wall, shown=shown_map, service=service) as board:
        for path in ("map", "map&as=list", "incidents", "incident=long"):
            with Shown(browser, f"{board.url}/?{path}") as shown:
                expect(shown.page.locator("main").get_by_text(long).first).to_be_attached()
                shown.hold_to_width()
