"""The service map in a real browser: small and large, what is folded, found, pressed and read aloud."""

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from msgspec.structs import replace
from playwright.sync_api import Browser, expect

from detectors.model.scope import Scope
from streams.screens.board.service_map.service_map import MapEdge, MapNode, ServiceMap
from streams.screens.board.wall.wall import Wall
from tests.streams.screens.board.board_server import BoardThread
from tests.streams.screens.board.service_map.map_given import map_given, map_of
from tests.streams.screens.board.shown import OVER, Shown
from tests.streams.screens.board.wall_given import HOSTILE, wall_given

BOXES = """
() => [...document.querySelectorAll(".node")].map((one) => {
  const { left, top, right, bottom } = one.getBoundingClientRect();
  return [left, top, right, bottom, one.scrollWidth - one.clientWidth];
})
"""
DRAWN = """
  new MutationObserver((_, watching) => {
    if (!document.querySelector(".node")) return;
    watching.disconnect();
    requestAnimationFrame(() => { window.drawn = performance.now() - window.answered; });
  }).observe(document, { childList: true, subtree: true });
  const read = Response.prototype.json;
  Response.prototype.json = async function () {
    const said = await read.call(this);
    if (this.url.endsWith("/board/map")) window.answered = performance.now();
    return said;
  };
"""
FOLDED = """async ({ map, fold, open }) => {
  const main = document.querySelector("script[type=module]").src;
  const { folded, nodesOf } = await import(main.replace("main", "map_graph"));
  const { LANGUAGES } = await import(main.replace("main", "words"));
  const nodes = nodesOf(map, LANGUAGES.en).filter((node) => node.kind !== "service");
  const { boxes, links } = folded(nodes, map.edges, fold, new Set(open), LANGUAGES.en);
  const ends = ({ source, target, ...link }) => ({ ...link, source: source.id, target: target.id });
  return { boxes, links: links.map(ends) };
}"""


def wall(kind: str = "busy") -> Wall:
    return wall_given(kind, int(time.time()))


def overlapping(boxes: list[list[float]]) -> list[tuple[list[float], list[float]]]:
    """Return the pairs of boxes that touch each other."""
    order = sorted(boxes)
    return [
        (first, second)
        for at, first in enumerate(order)
        for second in order[at + 1 :]
        if second[0] < first[2] and second[1] < first[3] and first[1] < second[3]
    ]


def test_a_map_reads_from_clients_to_tables_and_says_what_is_wrong(browser: Browser) -> None:
    with BoardThread(wall()) as board, Shown(browser, f"{board.url}/?map") as shown:
        page = shown.page
        items = page.locator(".node", has_text="items").filter(has_text="of limit")
        expect(items).to_have_class(re.compile("critical"))
        expect(items).to_contain_text("270/s")
        expect(items).to_contain_text("5.2/s throttled")
        expect(items).to_have_attribute("title", "items · 1.9 USD/h")
        expect(items.locator(".mark")).to_have_text(re.compile("spike", re.IGNORECASE))
        expect(items).to_have_attribute("href", re.compile(r"^/\?scope=table%3Aitems&cloud=aws&account="))
        lefts = [
            box["x"]
            for name in ("ios", "POST /items/{id}", "inventory-put-item", "items")
            if (box := page.locator(".node").get_by_text(name, exact=True).bounding_box())
        ]
        assert lefts == sorted(lefts)
        assert len(set(lefts)) == 4
        assert page.locator(".band").all_inner_texts() == ["acme-analytics", "game-prod", "shop-prod"]
        expect(page.locator(".opened")).to_have_text(
            re.compile("service ranking.*high", re.IGNORECASE | re.DOTALL)
        )
        account = page.locator(".band").get_by_role("link", name="shop-prod")
        expect(account).to_have_attribute("href", re.compile("scope=account%3A210987654321"))
        assert overlapping(page.evaluate(BOXES)) == []
        shapes = page.locator(".sign path").evaluate_all("(all) => all.map((one) => one.getAttribute('d'))")
        assert len(set(shapes)) == 2, "the shape on a line says what it is, too"
        page.get_by_label("only what is not well").check()
        expect(page.locator(".node")).to_have_count(13)  # two builds of ios are one
        assert page.url.endswith("/?map&only=unwell")
        page.go_back()
        expect(page.locator(".node")).to_have_count(29)
        page.locator(".edge.critical .hit").click(force=True)
        picked = page.get_by_label("Calls between two")
        expect(picked).to_contain_text("inventory-put-item → items")
        expect(picked).to_contain_text("91 % of the excess")
        expect(picked).to_contain_text("222 wcu/s")
        expect(picked).to_contain_text("1.1 USD/h")
        assert "&edge=" in page.url
        page.reload()
        expect(picked).to_contain_text("inventory-put-item → items")
        assert shown.wrong == []


def test_a_map_of_500_is_folded_drawn_within_a_second_and_opened_where_somebody_looks(
    browser: Browser,
) -> None:
    with BoardThread(wall("calm"), shown=map_of(500, 0)) as board:
        taken: list[float] = []
        while len(taken) < 5 and min(taken, default=1000) >= 1000:
            with Shown(browser, f"{board.url}/?map&fold=none", init=DRAWN) as shown:
                shown.page.wait_for_function("() => window.drawn")
                taken.append(shown.page.evaluate("drawn") / shown.slowness())
                expect(shown.page.locator(".node")).to_have_count(500)
                assert overlapping(shown.page.evaluate(BOXES)) == []
        assert min(taken) < 1000, f"500 nodes were drawn after {min(taken):.0f} ms"
        with Shown(browser, f"{board.url}/?map") as shown:
            page = shown.page
            nodes = page.locator(".node")
            expect(page.get_by_role("button", name="services")).to_have_attribute("aria-pressed", "true")
            folded = nodes.count()
            assert folded < 90
            assert overlapping(page.evaluate(BOXES)) == []
            group = page.locator("button.node.function").first
            members = int(re.search(r"(\d+) functions", group.inner_text())[1])  # type: ignore[index]
            group.focus()
            page.keyboard.press("Enter")
            expect(nodes).to_have_count(folded - 1 + members)
            assert "&open=" in page.url
            page.locator(".opened button").click()
            expect(nodes).to_have_count(folded)
            page.locator(".finder input[type=search]").fill("table-041 game-prod")
            expect(page.locator(".node.found")).to_have_count(0)
            page.locator(".finder input[type=search]").fill("function-041")
            expect(page.locator(".node.found")).to_have_count(1)
            assert page.url.endswith("find=function-041")
            assert nodes.count() < 10
            page.locator(".finder input[type=search]").fill("nobody")
            expect(page.get_by_text("Nothing on the map matches.")).to_be_visible()
            page.locator(".finder input[type=search]").fill("")
            page.get_by_role("button", name="accounts").click()
            expect(nodes).not_to_have_count(folded)
            page.get_by_label("only what is not well").check()
            expect(page.get_by_role("status").last).to_contain_text("3 not well")
            assert shown.wrong == []


def test_the_map_moves_and_grows_by_keyboard_and_by_mouse(browser: Browser) -> None:
    drawn = map_of(200, 0)
    with (
        BoardThread(wall("calm"), shown=drawn) as board,
        Shown(browser, f"{board.url}/?map&fold=none") as shown,
    ):
        board.data.more = [Scope(**to_builtins(node.scope)) for node in drawn.nodes if node.scope]
        page = shown.page
        frame = page.locator(".frame")
        expect(page.locator(".node")).to_have_count(200)
        size = "() => document.querySelector('.node').getBoundingClientRect().width"
        place = (
            "() => [document.querySelector('.frame').scrollLeft, document.querySelector('.frame').scrollTop]"
        )
        before = page.evaluate(size)
        frame.focus()
        page.keyboard.press("+")
        expect(page.locator(".drawn")).not_to_have_attribute("style", re.compile(r"scale\(1(\.0+)?\)"))
        assert page.evaluate(size) > before * 1.2
        page.keyboard.press("0")
        page.wait_for_function(f"(before) => Math.abs(({size})() - before) < 1", arg=before)
        page.keyboard.press("ArrowDown")
        page.wait_for_function(f"() => ({place})()[1] > 0")
        box = frame.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 8, box["y"] + 300)
        for _ in range(50):  # what turns while the last key still moves the frame is lost
            page.mouse.wheel(0, 200)
            page.wait_for_timeout(100)
            if (top := page.evaluate(place)[1]) > 300:
                break
        assert top > 300
        page.mouse.down()
        page.mouse.move(box["x"] + 8, box["y"] + 200)
        page.mouse.up()
        page.wait_for_function(f"(top) => ({place})()[1] > top + 90", arg=top)
        page.get_by_role("button", name="Smaller").click()
        page.wait_for_function(f"(before) => ({size})() < before", arg=before)
        link = page.locator("a.node").nth(40)
        name = link.get_attribute("title")
        link.focus()
        expect(page.locator(".node.dim").first).to_be_attached()
        page.keyboard.press("Enter")
        page.wait_for_url("**/?scope=*")
        assert name is not None
        name = name.partition(" · ")[0]  # what it costs
        assert name.partition(" ")[0].split("/")[-1] in page.url
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)
        assert shown.wrong == []


def test_it_reads_as_a_list_which_a_phone_shows_first(browser: Browser) -> None:
    with BoardThread(wall()) as board:
        with Shown(browser, f"{board.url}/?map&as=list") as shown:
            expect(shown.page.locator(".listed .figures", has_text="1.9 USD/h").first).to_be_visible()
        with Shown(browser, f"{board.url}/?map&only=unwell", size=(390, 844)) as shown:
            page = shown.page
            expect(page.get_by_role("button", name="list")).to_have_attribute("aria-pressed", "true")
            headings = page.get_by_role("heading", level=2)
            expect(headings).to_have_text(
                [re.compile(text) for text in ("Clients", "Routes", "Functions", "Tables")]
            )
            put = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="inventory-put-item"))
            expect(put.filter(has_text="4.1 % errors").first).to_contain_text("items")


def test_a_television_shows_what_is_not_well_in_full_ink_and_the_rest_as_far_as_it_fits(
    browser: Browser,
) -> None:
    for size, shown_map in (((1920, 1080), map_given("busy", 0)), ((3840, 2160), map_of(500, 0))):
        with (
            BoardThread(wall(), shown=shown_map) as board,
            Shown(browser, f"{board.url}/?wall=map", size=size) as shown,
        ):
            page = shown.page
            page.wait_for_selector(".tv-map .node")
            assert overlapping(page.evaluate(BOXES)) == []
            letters = "(all) => Math.min(...all.map((one) => parseFloat(getComputedStyle(one).fontSize)))"
            names = page.locator(".node .top bdi")
            assert names.evaluate_all(letters) >= 40 * size[1] / 1080
            drawn = [node for node in shown_map.nodes if node.kind != "service"]
            bad = sum(bool(node.verdict or node.threshold) for node in drawn)
            assert page.locator(".node.critical, .node.warning").count() == bad
            grounds = "(all) => [...new Set(all.map((one) => getComputedStyle(one).backgroundColor))]"
            assert page.locator(".node:not(.critical, .warning)").evaluate_all(grounds) == [
                "rgba(0, 0, 0, 0)"
            ]
            expect(page.locator(".column.more").first).to_contain_text("more")
            inside = page.locator(".tv-map").bounding_box()
            assert inside is not None
            assert max(box[3] for box in page.evaluate(BOXES)) <= inside["y"] + inside["height"]
            assert shown.wrong == []


def test_names_of_events_are_text_on_the_map(browser: Browser) -> None:
    given_map = map_given("busy", 0)
    hostile = replace(
        given_map,
        nodes=[
            replace(node, label=HOSTILE, scope=node.scope and replace(node.scope, name=f"{HOSTILE}{place}"))
            for place, node in enumerate(given_map.nodes)
        ],
        accounts=[(cloud, account, HOSTILE) for cloud, account, _ in given_map.accounts],
    )
    with BoardThread(wall(), shown=hostile) as board:
        for path in ("/?map&as=map", "/?map&as=list", "/?map&fold=account", "/?wall=map"):
            with Shown(browser, board.url + path) as shown:
                shown.page.wait_for_selector(".node, .listed li")
                shown.hold_to_text(HOSTILE)
                assert shown.page.evaluate(OVER) == 0
                assert shown.wrong == []


def test_a_map_before_the_first_call_and_one_that_cannot_be_had_say_so(browser: Browser) -> None:
    with BoardThread(wall("calm"), shown=ServiceMap()) as board:
        with Shown(browser, f"{board.url}/?map") as shown:
            expect(shown.page.get_by_text("Nobody called anything")).to_be_visible()
        with Shown(browser, f"{board.url}/?wall=map") as shown:
            expect(shown.tile("map")).to_be_attached()


AMOUNTS = st.integers(0, 1000).map(float)
NODES = st.lists(
    st.builds(
        MapNode,
        kind=st.sampled_from(["client", "route", "function", "table"]),
        cloud=st.just("aws"),
        account=st.sampled_from(["1", "2"]),
        label=st.sampled_from(["a", "b", "c"]),
        requests=AMOUNTS,
        failed=st.none() | AMOUNTS,
        wcu=st.none() | AMOUNTS,
        cost=st.none() | AMOUNTS,
        verdict=st.sampled_from([None, None, "growth", "spike"]),
    ),
    min_size=1,
    max_size=40,
)


@pytest.fixture(scope="module")
def folding(browser: Browser) -> Iterator[Any]:
    with BoardThread(wall("calm")) as board, Shown(browser, board.url) as shown:
        yield lambda asked: shown.page.evaluate(FOLDED, asked)


@settings(max_examples=40, deadline=None)
@given(nodes=NODES, fold=st.sampled_from(["none", "service", "account"]), data=st.data())
def test_the_sums_of_a_group_are_those_of_its_members(
    folding: Any, nodes: list[MapNode], fold: str, data: st.DataObject
) -> None:
    shop = Scope("service", "aws", "1", "", "shop").as_answer()
    owner = MapNode(kind="service", cloud="aws", account="1", label="shop", scope=shop)
    named = [
        replace(
            node,
            scope=Scope(
                node.kind,
                node.cloud,
                node.account,
                "",
                f"{node.label}{place}" if node.kind != "client" else node.label,
                str(place),
            ).as_answer(),
            service=len(nodes) if place % 2 else None,
        )
        for place, node in enumerate(nodes)
    ]
    place = st.integers(0, len(nodes) - 1)
    ends = data.draw(st.lists(st.tuples(place, place), unique=True, max_size=60))
    edges = [MapEdge(source=source, target=target, requests=data.draw(AMOUNTS)) for source, target in ends]
    shown = ServiceMap(nodes=[*named, owner], edges=edges, accounts=[])
    asked = {"map": to_builtins(shown), "fold": fold, "open": []}
    made = folding(asked)
    box_of = {key: box["id"] for box in made["boxes"] for key in box["keys"]}
    assert sum(len(box["keys"]) for box in made["boxes"]) == len(nodes)
    for name in ("requests", "failed", "wcu", "cost"):
        assert sum(box[name] or 0 for box in made["boxes"]) == sum(getattr(node, name) or 0 for node in nodes)
    keys = [
        "\x1f".join((node.kind, node.cloud, node.account, "", str(node.scope and node.scope.name), str(at)))
        for at, node in enumerate(named)
    ]
    between: dict[tuple[str, str], float] = defaultdict(float)
    for edge in edges:
        pair = box_of[keys[edge.source]], box_of[keys[edge.target]]
        if pair[0] != pair[1]:
            between[pair] += edge.requests
    assert {(link["source"], link["target"]): link["requests"] for link in made["links"]} == between
    opened = folding(asked | {"open": [box["group"] for box in made["boxes"]]})
    assert len(opened["boxes"]) == len(nodes), "every group can be opened"
