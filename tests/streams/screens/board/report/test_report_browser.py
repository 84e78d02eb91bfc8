"""The report in a real browser, from a disk: on a phone, a laptop and a wall, light and dark, on paper."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from alerting.messages.render import Renderer
from streams.screens.board.report.report import write_report
from tests.alerting.browser import chromium
from tests.alerting.used_pages import UsedPage
from tests.streams.screens.board.report.report_given import (
    LINKS,
    ZONE,
    full_report,
    hostile_report,
    month_report,
)
from tests.streams.screens.board.shown import CONTRASTS

WIDTHS = (360, 768, 1280, 2560)


class Files(NamedTuple):
    month: Path
    full: Path
    hostile: Path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("report")
    made = Files(folder / "month.html", folder / "full.html", folder / "hostile.html")
    month_report(made.month)
    full_report(made.full)
    hostile_report(made.hostile)
    return made


_OPEN: list[UsedPage] = []


@pytest.fixture(autouse=True)
def _pages_are_left() -> Iterator[None]:
    yield
    left()


def left() -> None:
    while _OPEN:
        _OPEN.pop().leave()


def opened(browser: Browser, file: Path, *, width: int = 1280, **context: Any) -> UsedPage:
    shown = UsedPage(browser, (width, 900), **context)
    _OPEN.append(shown)
    shown.page.goto(file.as_uri())
    if context.get("java_script_enabled", True):
        expect(shown.page.locator("main .ended, main .empty").first).to_be_visible()
    return shown


def look_at(page: Page, name: str) -> None:
    """Open the page of the first incident with this name."""
    page.get_by_role("link", name=name).first.click()
    expect(page.locator("article.whole h1")).to_be_visible()


def test_it_fits_every_screen_asks_nobody_for_anything_and_nothing_goes_wrong(
    browser: Browser, files: Files
) -> None:
    for file in files:
        shown = opened(browser, file)
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        for inside in (False, True):
            if inside:
                shown.page.locator(".ended a").first.click()
            shown.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            for width in WIDTHS:
                shown.page.set_viewport_size({"width": width, "height": 900})
                assert shown.page.evaluate(over) == 0, (file, width)
        assert shown.wrong == []
        assert {url.split(":")[0] for url in shown.asked} <= {"file", "data"}
        left()


@pytest.mark.parametrize("look", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(browser: Browser, files: Files, look: Any) -> None:
    for width in (360, 1280):
        shown = opened(browser, files.full, width=width, color_scheme=look)
        shown.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        found = shown.page.evaluate(CONTRASTS)
        assert len(found) > 200
        look_at(shown.page, "table items")
        found += shown.page.evaluate(CONTRASTS)
        assert [outcome for outcome in found if outcome["contrast"] < 4.5] == []
        left()


def test_dark_and_light_follow_the_system_until_a_person_chooses(browser: Browser, files: Files) -> None:
    page = opened(browser, files.month, color_scheme="dark", reduced_motion="reduce").page
    tile, look = page.locator(".tile").first, page.locator(".switches button").first
    expect(tile).to_have_css("background-color", "rgb(18, 24, 32)")
    page.emulate_media(color_scheme="light")
    expect(tile).to_have_css("background-color", "rgb(255, 255, 255)")
    for _ in range(2):
        look.click()
    expect(tile).to_have_css("background-color", "rgb(18, 24, 32)")
    shown = ""
    for _ in range(
        20
    ):  # a file is loaded by a process of its own, which may read before the last one has written
        page.reload()
        shown = tile.evaluate("(tile) => getComputedStyle(tile).backgroundColor")
        if shown == "rgb(18, 24, 32)":
            break
    assert shown == "rgb(18, 24, 32)"
    look.click()


def test_the_filter_leaves_what_is_asked_for_in_the_timeline_and_below(
    browser: Browser, files: Files
) -> None:
    page = opened(browser, files.month).page
    rows, bars = page.locator(".ended li"), page.locator("a.bar")
    assert (rows.count(), bars.count()) == (12, 12)
    page.locator("[name=sent]").select_option("page")
    assert (rows.count(), bars.count()) == (7, 7)
    page.locator("[name=verdict]").select_option("spike")
    assert rows.count() == 2
    page.locator("[name=verdict]").select_option("")
    page.get_by_label("Find").fill("shop")
    assert sorted(page.locator(".ended .mark").all_inner_texts()) == ["ABSENCE", "DROP", "NEW ERROR"]
    page.get_by_label("Find").fill("nowhere")
    expect(page.get_by_text("No incident matches.")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_a_bar_of_the_timeline_leads_to_its_incident_and_back_leads_back(
    browser: Browser, files: Files, width: int
) -> None:
    page = opened(browser, files.month, width=width, reduced_motion="reduce").page
    bar = page.get_by_label("LIMIT, items")
    target = bar.get_attribute("href") or ""
    bar.click()
    assert page.url.endswith(target)
    expect(page.locator("article.whole .badge")).to_have_text("limit")
    page.reload()
    expect(page.locator("article.whole .badge")).to_have_text("limit")
    page.go_back()
    expect(page.locator(".report h1").first).to_have_text("What would have alerted")


def test_a_link_to_a_section_leads_there_from_an_incident_too(browser: Browser, files: Files) -> None:
    page = opened(browser, files.full).page
    page.locator(".report nav").get_by_role("link", name="Configuration").click()
    expect(page.locator("#configuration h2")).to_be_in_viewport()
    page.locator("#comparison").get_by_role("link", name="table items").first.click()
    expect(page.locator("article.whole h1")).to_contain_text("items")
    page.go_back()
    expect(page.locator("#configuration h2")).to_be_in_viewport()


def test_an_incident_has_the_chart_of_the_board_with_its_limit_and_its_message(
    browser: Browser, files: Files
) -> None:
    page = opened(browser, files.month).page
    look_at(page, "table items")
    chart = page.locator("[data-tile=curve]")
    chart.locator(".plot").focus()
    page.keyboard.press("End")
    expect(chart.locator(".reading")).to_contain_text("expected")
    assert chart.locator(".key").inner_text().split("\n") == [
        "observed",
        "last week",
        "expected",
        "message sent",
    ]
    expect(page.locator(".facts")).to_contain_text("60 wcu/s (68 % used)")
    expect(page.locator(".uneri-message")).to_contain_text("RESOLVED after 30 min")
    assert page.locator(".acts, .memos, [href^='/']").count() == 0, "nobody can act on a file"


def test_growth_is_drawn_as_the_trend_that_was_fitted_and_where_it_leads(
    browser: Browser, files: Files
) -> None:
    page = opened(browser, files.month).page
    look_at(page, "table ledger")
    chart = page.locator("[data-tile=forecast]")
    assert chart.locator(".key").inner_text().split("\n") == ["fitted trend", "forecast", "likely range"]
    chart.locator(".plot").focus()
    page.keyboard.press("Home")
    expect(chart.locator(".reading")).to_contain_text("22 wcu/s")
    page.keyboard.press("End")
    expect(chart.locator(".reading")).to_contain_text(": expected 63 (58 to 68)")
    expect(page.locator("article.whole")).to_contain_text("As in the digest of 18:00")


def test_an_incident_without_a_curve_says_why(browser: Browser, files: Files) -> None:
    page = opened(browser, files.month).page
    page.locator("[name=verdict]").select_option("fatal")
    page.locator(".ended a").click()
    expect(page.get_by_text("a new error has no earlier curve to compare with")).to_be_visible()


def test_it_speaks_both_languages(browser: Browser, files: Files) -> None:
    page = opened(browser, files.month).page
    page.get_by_role("button", name="日本語").click()
    expect(page.locator(".summary")).to_contain_text("不正なレコード")
    assert page.evaluate("document.documentElement.lang") == "ja"
    page.get_by_role("button", name="English").click()
    expect(page.locator(".summary")).to_contain_text("bad records")


def test_a_quiet_week_says_so(browser: Browser, tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", [], [], Renderer(LINKS, ZONE))
    page = opened(browser, tmp_path / "r.html").page
    expect(page.locator("main")).to_contain_text("Nothing happened that needs attention.")
    assert page.locator("select").count() == 0


def test_the_keyboard_reaches_the_content_and_the_timeline(browser: Browser, files: Files) -> None:
    page = opened(browser, files.month, reduced_motion="reduce").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("a.bar").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.matches('a.bar')")


def test_without_scripts_it_says_that_it_needs_them(browser: Browser, files: Files) -> None:
    page = opened(browser, files.month, java_script_enabled=False).page
    assert "allow it for this file" in page.locator("noscript").inner_text()


def test_it_prints_every_page_on_white(browser: Browser, files: Files) -> None:
    page = opened(browser, files.month, color_scheme="dark", reduced_motion="reduce").page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("article.whole")).to_have_count(9)
    expect(page.locator("article.whole .uplot canvas")).to_have_count(6)
    assert page.evaluate("document.documentElement.dataset.look") == "light"
    assert [item for item in page.evaluate(CONTRASTS) if item["contrast"] < 4.5] == []
    assert page.locator("nav:visible, input:visible, select:visible, .uneri-actions:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("article.whole")).to_have_count(0)
    assert page.pdf(format="A4").count(b"/Type /Page\n") > 9, "a sheet or more for each"


def test_headings_go_down_one_level_at_a_time_and_ids_are_there_once(browser: Browser, files: Files) -> None:
    page = opened(browser, files.full).page
    for inside in (False, True):
        if inside:
            look_at(page, "table items")
        levels = page.evaluate(
            "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((each) => Number(each.tagName[1]))"
        )
        assert (levels[0], levels.count(1)) == (1, 1)
        assert all(later <= former + 1 for former, later in pairwise(levels))
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
        assert len(ids) == len(set(ids))
        labelled = page.evaluate(
            "[...document.querySelectorAll('[aria-labelledby]')]"
            ".flatMap((each) => each.getAttribute('aria-labelledby').split(' '))"
        )
        assert set(labelled) <= set(ids)


def test_what_events_call_themselves_runs_nowhere(browser: Browser, files: Files) -> None:
    shown = opened(browser, files.hostile)
    assert "<script>" in shown.page.inner_text("main")
    for number in range(3):
        shown.page.locator(".ended a").nth(number).click()
        expect(shown.page.locator("article.whole h1")).to_contain_text("<script>")
        assert shown.page.locator("main script, main img, iframe, object, embed").count() == 0
        shown.page.go_back()
    assert shown.page.evaluate("window.ran") is None
    assert shown.wrong == []


def test_a_missing_browser_is_a_failure_where_one_is_required_and_said_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("UNERI_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"), chromium():
        pass
    monkeypatch.delenv("UNERI_REQUIRE_BROWSER")
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"), chromium():
        pass
