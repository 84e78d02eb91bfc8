"""The report in a real browser: on a phone, a laptop and a wall, light and dark, with and without scripts."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from tests.alerting.browser import chromium
from tests.alerting.report_given import full_report, hostile_report, month_report
from tests.alerting.used_pages import UsedPage

WIDTHS = (360, 768, 1280, 2560)

CONTRASTS = Path(__file__).with_name("contrast.js").read_text("utf-8")


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
    return shown


def test_it_fits_every_screen_asks_nobody_for_anything_and_nothing_goes_wrong(
    browser: Browser, files: Files
) -> None:
    for file in files:
        shown = opened(browser, file)
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        for unfolded in (False, True):
            if unfolded:
                shown.page.evaluate(
                    "for (const each of document.querySelectorAll('details')) each.open = true"
                )
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
        assert len(found) > 300
        assert [outcome for outcome in found if outcome["contrast"] < 4.5] == []
        left()


def test_dark_and_light_follow_the_system(browser: Browser, files: Files) -> None:
    backgrounds = []
    for look in ("light", "dark"):
        shown = opened(browser, files.month, color_scheme=look)
        backgrounds.append(
            shown.page.evaluate(
                "['body', '.card', '.slack'].map((each) => document.querySelector(each))"
                ".map((each) => getComputedStyle(each).backgroundColor)"
            )
        )
        left()
    assert all(light != dark for light, dark in zip(*backgrounds, strict=True))


def test_the_filter_leaves_what_is_asked_for_in_the_timeline_and_below(
    browser: Browser, files: Files
) -> None:
    page = opened(browser, files.month).page
    cards, bars = page.locator(".card:visible"), page.locator(".bar:not(.off)")
    assert (cards.count(), bars.count()) == (9, 12)
    page.get_by_role("checkbox", name="digest").uncheck()
    page.get_by_role("checkbox", name="not sent").uncheck()
    assert (cards.count(), bars.count()) == (7, 7)
    expect(page.get_by_role("status")).to_have_text("7 of 12 shown")
    page.get_by_role("checkbox", name="spike").uncheck()
    assert cards.count() == 5
    page.get_by_role("combobox", name="Service").select_option("shop")
    assert sorted(
        text.replace("\n", " ") for text in page.locator(".card:visible .verdict").all_inner_texts()
    ) == [
        "absence resolved",
        "drop resolved",
        "fatal resolved",
    ]
    assert page.get_by_text("No incident matches the filter.").locator("visible=true").count() == 2
    page.get_by_role("combobox", name="Service").select_option("all")
    page.get_by_role("checkbox", name="spike").check()
    assert cards.count() == 7


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_bar_of_the_timeline_leads_to_its_incident(
    browser: Browser, files: Files, width: int, *, scripts: bool
) -> None:
    page = opened(
        browser, files.month, width=width, java_script_enabled=scripts, reduced_motion="reduce"
    ).page
    bar = page.get_by_label("limit, table items")
    bar.locator(".press").click(force=True)
    target = bar.get_attribute("href") or ""
    assert page.url.endswith(target)
    expect(page.locator(f"[id='{target[1:]}']")).to_be_in_viewport()
    expect(page.locator(f"[id='{target[1:]}'] .verdict")).to_have_text("limit resolved")


def test_the_keyboard_reaches_the_content_the_bars_and_what_is_folded(browser: Browser, files: Files) -> None:
    page = opened(browser, files.month, reduced_motion="reduce").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    focused = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focused.append(
            page.evaluate("[document.activeElement.tagName, document.activeElement.className.baseVal ?? '']")
        )
    assert ["SUMMARY", ""] in focused
    assert sum(tag == "a" and "bar" in names for tag, names in focused) == 12


def test_without_scripts_everything_is_there_and_no_control_that_does_nothing(
    browser: Browser, files: Files
) -> None:
    page = opened(browser, files.month, java_script_enabled=False).page
    assert page.locator(".card:visible").count() == 9
    assert page.locator(".plot path.now").count() == 6
    assert page.get_by_text("too young to judge").is_visible()
    assert page.locator("input:visible, select:visible").count() == 0
    assert page.locator(".filter").get_by_text("absence").is_visible()


def test_a_chart_says_what_it_is_pointed_at(browser: Browser, files: Files) -> None:
    page = opened(browser, files.month).page
    chart = page.locator("[data-readings]").first
    chart.scroll_into_view_if_needed()
    chart.hover(position={"x": 8, "y": 60})
    assert "expected" in (page.locator(".reading").text_content() or "")
    page.locator("h1").hover()
    assert page.locator(".reading").count() == 0


def test_on_a_phone_the_timeline_scrolls_in_its_own_box_and_begins_where_something_is(
    browser: Browser, files: Files
) -> None:
    page = opened(browser, files.month, width=360, has_touch=True).page
    box = page.locator(".timeline")
    assert box.evaluate("(each) => each.scrollWidth > each.clientWidth")
    assert box.evaluate("(each) => each.scrollLeft") > 0
    names = page.locator(".lanes").bounding_box()
    bar = page.locator(".bar .ink").first.bounding_box()
    assert names is not None
    assert bar is not None
    assert names["x"] + names["width"] < bar["x"] < 360
    assert page.locator(".slack:visible").count() == 1, "the digest; a page's message unfolds"


def test_it_prints_on_white_without_what_paper_cannot_do(browser: Browser, files: Files) -> None:
    page = opened(browser, files.month, color_scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert [item for item in page.evaluate(CONTRASTS) if item["contrast"] < 4.5] == []
    assert page.locator("nav:visible, input:visible, select:visible, .uneri-actions:visible").count() == 0
    assert page.locator(".plot:visible").count() == 6
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert (
        printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/") >= 4
    )


def test_headings_go_down_one_level_at_a_time_and_ids_are_there_once(browser: Browser, files: Files) -> None:
    page = opened(browser, files.full).page
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((each) => Number(each.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= former + 1 for former, later in pairwise(levels))
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    links = page.evaluate(
        "[...document.querySelectorAll('[href^=\"#\"]')].map((each) => each.getAttribute('href').slice(1))"
    )
    assert set(links) <= set(ids)
    labelled = page.evaluate(
        "[...document.querySelectorAll('[aria-labelledby]')]"
        ".flatMap((each) => each.getAttribute('aria-labelledby').split(' '))"
    )
    assert set(labelled) <= set(ids)


def test_what_events_call_themselves_runs_nowhere(browser: Browser, files: Files) -> None:
    shown = opened(browser, files.hostile)
    assert shown.page.evaluate("window.ran") is None
    assert shown.page.locator("main script, img, iframe, object, embed").count() == 0
    assert "<script>" in shown.page.inner_text("main")
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
