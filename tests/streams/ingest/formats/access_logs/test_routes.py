"""Raw paths become few names, and the same ones always."""

import string
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.ingest.formats.access_logs.routes import (
    MOST_CHARACTERS,
    MOST_SEGMENTS,
    PathTemplates,
    by_rules,
    path_templates,
)

WORDS = st.sampled_from(["items", "v1", "orders", "v2.1", "users", "s3", "oauth2", "health", "me"])
IDS = st.one_of(
    st.integers(0, 10**30).map(str),
    st.uuids().map(str),
    st.uuids().map(lambda uuid: uuid.hex),
    st.uuids().map(lambda uuid: str(uuid).upper()),
    st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=25, max_size=25).map("0".__add__),
    st.from_regex(r"[0-9a-f]{23}[0-9]", fullmatch=True),
    st.from_regex(r"[A-Z][a-z][0-9][A-Za-z0-9_-]{17}", fullmatch=True),
    st.integers(100, 10**9).map("order-{}".format),
    st.text(string.ascii_letters, min_size=MOST_CHARACTERS + 1, max_size=200),
)
TARGETS = st.one_of(
    st.text(max_size=80),
    st.text("/aB1-_.{}%?;@=(~é\u0130\u212a", max_size=60),
    st.lists(st.one_of(WORDS, IDS, st.text(max_size=12)), max_size=12).map(
        lambda words: "/" + "/".join(words)
    ),
)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/items/123?x=1", "/items/{id}"),
        ("/", "/"),
        ("", "/"),
        ("//items///123/", "/items/{id}"),
        ("/Items/Get", "/items/get"),
        ("/items/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/items/{id}"),
        ("/items/507f1f77bcf86cd799439011", "/items/{id}"),
        ("/commits/ad2bced", "/commits/{id}"),
        ("/facade/decade/deadbeef", "/facade/decade/deadbeef"),
        ("/users/alice%40example.com/mail", "/users/{email}/mail"),
        ("/days/2026-01-31/2026-02/20260131", "/days/{date}/{date}/{id}"),
        ("/at/2026-01-31T08:00:00Z", "/at/{date}"),
        ("/v1/oauth2/s3/utf-8/step-2/sha256", "/v1/oauth2/s3/utf-8/step-2/sha256"),
        ("/order-123/cus_NffrFeUfNV2Hib", "/{id}/{id}"),
        ("/t/eyJhbGciOiJIUzI1NiJ9.e30.Kx1-d9fQ", "/t/{id}"),
        ("/t/aGVsbG8gd29ybGQ=", "/t/{id}"),
        ("/assets/main.3f2a9c1b.js", "/assets/{id}.js"),
        ("/photos/20240101.jpg", "/photos/{id}.jpg"),
        ("/robots.txt", "/robots.txt"),
        ("/Products(42)/Name", "/products({id})/name"),
        ("/search/red%20shoes", "/search/{id}"),
        ("/a%2Fb/c", "/{id}/c"),
        ("/a/%ff", "/a/{id}"),
        ("/cart;jsessionid=A1B2", "/cart"),
        ("/a/../../etc/passwd", "/etc/passwd"),
        ("http://www.example.com:80/?foo=bar#loc", "/"),
        ("https://[2001:db8::1]:443/items/7", "/items/{id}"),
        ("/1/2/3/4/5/6/7/8/9/10", "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{more}"),
        ("/items/{itemId}/{proxy+}", "/items/{itemId}/{proxy+}"),
        ("*", "/*"),
        ("/caf%C3%A9/cafe%CC%81", "/café/café"),
        ("/商品/42", "/商品/{id}"),
        ("/a/\u202egpj.exe", "/a/{id}"),
        ("/-1/1.5/10.0.0.1", "/{id}/{id}/{id}"),
    ],
)
def test_a_path_has_a_name(target: str, name: str) -> None:
    assert by_rules(target) == name


@given(TARGETS)
@example("/a%2541")
@example("/\u0130")
@example("/\u212a1234567")
@example("/{a}B{c}")
def test_a_name_is_its_own_name(target: str) -> None:
    name = by_rules(target)
    assert by_rules(name) == name


@given(TARGETS)
def test_a_name_is_bounded_and_printable(target: str) -> None:
    name = by_rules(target)
    assert name.startswith("/")
    assert name.isprintable()
    segments = name.split("/")[1:]
    assert len(segments) <= MOST_SEGMENTS + 1
    assert max(map(len, segments)) <= 2 * MOST_CHARACTERS


@given(st.lists(WORDS, min_size=1, max_size=3), IDS, IDS)
def test_ids_do_not_change_a_name(words: list[str], one: str, other: str) -> None:
    names = {by_rules(f"/{'/'.join(words)}/{text}/tail?q={text}") for text in (one, other)}
    assert names == {f"/{'/'.join(words)}/{{id}}/tail"}


@given(WORDS, WORDS, st.text(max_size=20))
def test_case_slashes_query_and_encoding_do_not_change_a_name(one: str, other: str, query: str) -> None:
    encoded = "".join(f"%{ord(text):02x}" for text in other)
    assert by_rules(f"//{one.upper()}/{encoded}/?{query}") == by_rules(f"/{one}/{other}")


@given(st.text(min_size=1, max_size=30))
def test_a_given_placeholder_takes_whatever_stands_there(value: str) -> None:
    if value in {".", ".."}:
        return
    paths = PathTemplates(["/users/{name}/notes/{note}", "/files/{path+}"])
    segment = quote(value, safe="")
    assert paths.of(f"/users/{segment}/notes/{segment}?a=b") == "/users/{name}/notes/{note}"
    assert paths.of(f"/files/{segment}/{segment}") == "/files/{path+}"


@given(TARGETS, st.lists(TARGETS, max_size=5))
def test_whatever_the_templates_are_a_path_has_one_name(target: str, templates: list[str]) -> None:
    paths = path_templates(tuple(templates))
    assert paths.of(target) == paths.of(target)
    assert paths.given(target) is not None or paths.of(target) == by_rules(target)


def test_words_win_over_placeholders_and_they_over_the_rest() -> None:
    paths = PathTemplates(["/{any+}", "/users/{name}", "/users/me", "/users/{name}/notes"])
    assert paths.of("/users/me") == "/users/me"
    assert paths.of("/Users/Alice") == "/users/{name}"
    assert paths.of("/users/me/notes") == "/users/{name}/notes"
    assert paths.of("/users/me/notes/1") == "/{any+}"


def test_templates_may_come_with_a_method_and_keep_their_spelling() -> None:
    assert PathTemplates(["GET /Items/{itemId}"]).of("/items/7") == "/Items/{itemId}"


def test_of_two_templates_that_fit_alike_the_first_wins() -> None:
    assert PathTemplates(["/a/{x}", "/a/{y}"]).of("/a/1") == "/a/{x}"


def test_where_no_template_fits_the_rules_name() -> None:
    assert PathTemplates(["/a/{x}"]).of(f"/b/{UUID(int=7)}") == "/b/{id}"
