"""Names of routes from raw paths and request lines of logs: ``/items/123?x=1`` becomes ``/items/{id}``.

Every name is a series. A path holds ids, so raw paths would make a series of every item. The rules here have
no state: the same path has the same name in every process, in a replay, and after a restart. They see ids by
their form (numbers, UUIDs, hex, ULIDs, tokens, dates, e-mail addresses), not words that happen to be ids,
such as user names: the templates of the configuration name their places, and win.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

MALFORMED: Final = "{malformed}"
"""The route of requests that the server did not understand: a scan, or another protocol."""

UNMATCHED: Final = "{unmatched}"
"""The path of requests that match no route, for sources that know the routes of their backend."""

_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S.*?)(?: HTTP/\d(?:\.\d)?| -)?", re.DOTALL)
_METHODS: Final = frozenset(
    [
        *("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "ANY"),
        *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE"),
    ]
)
_ROUTE: Final = re.compile(r"(?:([A-Za-z]{3,12}) )?((?:[A-Za-z][A-Za-z0-9+.-]*://|/)\S*)")
_NOT_FOUND: Final = 404

MOST_SEGMENTS: Final = 8
"""Deeper paths end in ``{more}``."""

MOST_CHARACTERS: Final = 40
"""A longer segment is an id: no one names a route so."""

ID: Final = "{id}"
MORE: Final = "{more}"
_DATE: Final = "{date}"
_EMAIL: Final = "{email}"

_MOST_READ: Final = 4096  # characters of a path: servers accept 8 KiB, and names end long before
_MOST_ADDRESS: Final = 254
_MOST_MATCHED: Final = 64  # segments that a given template may have

_AUTHORITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_END: Final = re.compile(r"[?#]")
_PLAIN: Final = re.compile(r"[a-z]+(?:[-_][a-z]+)*")  # a word or several
_HELD: Final = re.compile(r"\{[A-Za-z0-9_.+:-]{1,32}\}")  # a place that someone has named before
_FOREIGN: Final = re.compile(r"[\s%?#;/\\\"'<>{}`]")  # no name of a route has these: it is a value
_PARENTHESES: Final = re.compile(r"\([^()]*\)$")  # items(123)
_EXTENSION: Final = re.compile(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{1,4}$", re.ASCII)

_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DAY: Final = re.compile(r"\d{4}-\d\d(?:-\d\d(?:t[\d:.,+z-]*)?)?", re.IGNORECASE)
_ID_FORMS: Final = re.compile(
    r"""
      [+-]?\d+(?:[.,:-]\d+)*                               # a number, a version, an address
    | [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}          # a UUID
    | (?=[a-f-]*\d)[0-9a-f]{7,}(?:-[0-9a-f]+)*             # hex with a digit in it: 'facade' is a word
    | [0-9a-f]{16,}
    | [0-7][0-9a-hjkmnp-tv-z]{25}                          # a ULID
    | (?=[a-z]*\d[a-z]*\d)[0-9a-z]{10,}                    # letters with digits among them: no word
    | [0-9a-z+_-]{6,}={1,2}                                # padded base64
    """,
    re.IGNORECASE | re.ASCII | re.VERBOSE,
)
_MIXED: Final = re.compile(
    r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9._~+=-]{16,}", re.ASCII
)  # base64url, a JWT
_TAIL: Final = re.compile(r"[-_.:~!@=+,]([^-_.:~!@=+,]+)$")
_TAIL_FORMS: Final = re.compile(
    r"\d{3,}|(?=[a-f]*\d)[0-9a-f]{7,}|(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{8,}", re.IGNORECASE | re.ASCII
)  # order-123, main.3f2a9c1b, cus_NffrFeUfNV2Hib; but step-2 and utf-8 are words


class PathTemplates:
    """Names routes by given templates where one fits, and by rules elsewhere.

    Parameters
    ----------
    given
        ``/items/{id}/notes/{note}``, ``/files/{path+}`` for whatever is below ``/files``; a method before it
        is ignored. Words are compared without regard to case, and win over placeholders; of two templates
        that fit alike, the first wins.

    Examples
    --------
    >>> paths = PathTemplates(["/users/{name}", "/Users/me"])
    >>> paths.of("/users/alice/"), paths.of("/users/me"), paths.of("/v1/items/123?x=1")
    ('/users/{name}', '/Users/me', '/v1/items/{id}')
    """

    def __init__(self, given: Sequence[str] = ()) -> None:
        self._root: Final = _Place()
        for template in given:
            self._root.add(_words(template), template)

    @property
    def empty(self) -> bool:
        """Whether no template was given."""
        return self._root.empty

    def of(self, target: str) -> str:
        """Return the name of a path, of a request's target, or of a URL."""
        return self.given(target) or by_rules(target)

    def given(self, target: str) -> str | None:
        """Return the given template that fits, None if none does."""
        if self._root.empty:
            return None
        segments = [_readable(segment).lower() for segment in _segments(target)]
        return self._root.find(segments, 0) if len(segments) <= _MOST_MATCHED else None


@lru_cache(maxsize=64)
def path_templates(given: tuple[str, ...]) -> PathTemplates:
    """Return the templates of a configuration, built once.

    Examples
    --------
    >>> path_templates(("/users/{name}",)).of("/users/bob")
    '/users/{name}'
    """
    return PathTemplates(given)


class RequestLine(NamedTuple):
    """``GET /items/123?x=1 HTTP/1.1``."""

    method: str
    target: str


def request_line(text: str) -> RequestLine | None:
    r"""Return the parts of a request line, None if it is none.

    Examples
    --------
    >>> request_line("GET /items/123?x=1 HTTP/1.1")
    RequestLine(method='GET', target='/items/123?x=1')
    >>> request_line("\x16\x03\x01") is None
    True
    """
    found = _LINE.fullmatch(text.strip())
    return None if found is None or found[1] == "-" else RequestLine(found[1], found[2])


def method_of(text: str) -> str:
    """Return a method that exists; ``OTHER`` for one that is made up.

    Examples
    --------
    >>> method_of("get"), method_of("FOO")
    ('GET', 'OTHER')
    """
    method = text.upper()
    return method if method in _METHODS else "OTHER"


def route_of(line: RequestLine | None, paths: PathTemplates, status: int | None) -> str:
    """Return the name of the route that a request line asks for.

    Where templates are given, all paths that fit none and were not found are one route: addresses that
    scanners make up must not become names. Without templates, a new 404 may be a route that was lost.

    Examples
    --------
    >>> route_of(RequestLine("get", "/items/123?x=1"), PathTemplates(), 200)
    'GET /items/{id}'
    >>> route_of(RequestLine("GET", "/wp-login.php"), PathTemplates(["/items/{id}"]), 404)
    'GET {unmatched}'
    """
    if line is None:
        return MALFORMED
    method = method_of(line.method)
    if method == "CONNECT":
        return method  # its target is an address, not a path
    given = paths.given(line.target)
    if given is None and status == _NOT_FOUND and not paths.empty:
        return f"{method} {UNMATCHED}"
    return f"{method} {given or paths.of(line.target)}"


def named_route(name: str, paths: PathTemplates, status: int | None = None) -> str:
    """Return the route that a source names by a method, a path, an address, or all of them.

    A name without a path, a path with places, and one that would only change its case, stay.

    Examples
    --------
    >>> named_route("GET /items/123?x=1", PathTemplates()), named_route("/Items/{key}", PathTemplates())
    ('GET /items/{id}', '/Items/{key}')
    >>> named_route("https://api.example.com/users/bob", PathTemplates(["/users/{name}"]), 404)
    '/users/{name}'
    >>> named_route("ListItems", PathTemplates())
    'ListItems'
    """
    found = _ROUTE.fullmatch(name.strip())
    if found is None:
        return name
    method, target = found[1], found[2]
    given = paths.given(target)
    if given is None:
        if target.startswith("/") and "{" in target:
            return name
        given = UNMATCHED if status == _NOT_FOUND and not paths.empty else by_rules(target)
        if given == target.rstrip("/").lower():
            return name
    return f"{method_of(method)} {given}" if method else given


def by_rules(target: str) -> str:
    """Return the name of a path by its form alone: no query, ids replaced, one case and one encoding.

    Naming a name changes nothing, so a path that is a template already stays.

    Examples
    --------
    >>> by_rules("/Items/550e8400-e29b-41d4-a716-446655440000/notes/")
    '/items/{id}/notes'
    >>> by_rules("https://api.example.com:443/v1/days/2026-01-31;page=2?x=%20")
    '/v1/days/{date}'
    >>> by_rules("/assets/index-BxK3kd9f.js"), by_rules("/getUser/%E5%90%8D"), by_rules("/a/./b/../c")
    ('/assets/{id}.js', '/getuser/名', '/a/c')
    """
    segments = _segments(target)
    named = [_named(segment) for segment in segments[:MOST_SEGMENTS]]
    return "/" + "/".join([*named, MORE] if len(segments) > MOST_SEGMENTS else named)


def _segments(target: str) -> list[str]:
    """Return the segments of a path as they came, without empty ones and those that mean a place above."""
    path = _AUTHORITY.sub("", target[:_MOST_READ], count=1) if "://" in target else target[:_MOST_READ]
    path = _END.split(path, maxsplit=1)[0]
    found: list[str] = []
    for segment in path.split("/"):
        word = segment.split(";", maxsplit=1)[0]  # /items;jsessionid=1A2B
        if word == "..":
            del found[-1:]
        elif word and word != ".":
            found.append(word)
    return found


def _readable(segment: str) -> str:
    return normalize("NFC", unquote(segment)) if "%" in segment or not segment.isascii() else segment


def _named(segment: str) -> str:
    if len(segment) <= MOST_CHARACTERS and _PLAIN.fullmatch(segment):
        return segment
    word = _readable(segment)
    place = _HELD.search(word)
    if place is not None:
        before, after = word[: place.start()], word[place.end() :]
        if not _is_value(before + after):
            return before.lower() + place[0] + after.lower()
        return ID
    lower = normalize("NFC", word.lower())
    if "@" in word and len(word) <= _MOST_ADDRESS and _ADDRESS.fullmatch(word):
        return _EMAIL
    if _is_value(word) or _is_value(lower):
        return ID
    return _by_form(word) or _by_form(lower) or lower


def _is_value(word: str) -> bool:
    if len(word) > MOST_CHARACTERS or not word.isprintable() or "\ufffd" in word:
        return True
    return _FOREIGN.search(word) is not None


def _by_form(word: str) -> str | None:
    if _DAY.fullmatch(word):
        return _DATE
    extension = _EXTENSION.search(word)
    if extension is not None and _is_id(word[: extension.start()]):
        return ID + extension[0].lower()
    if _is_id(word):
        return ID
    called = _PARENTHESES.search(word)
    return None if called is None else word[: called.start()].lower() + f"({ID})"


def _is_id(word: str) -> bool:
    if _ID_FORMS.fullmatch(word) or _MIXED.fullmatch(word):
        return True
    tail = _TAIL.search(word)
    return tail is not None and _TAIL_FORMS.fullmatch(tail[1]) is not None


def _words(template: str) -> list[str]:
    path = template.strip()
    return _segments(path[path.find("/") :] if "/" in path else path)[:_MOST_MATCHED]


class _Place:
    """A place in the tree of given templates, with the words that may come next."""

    __slots__ = ("ends", "other", "rest", "words")

    def __init__(self) -> None:
        self.words: Final[dict[str, _Place]] = {}
        self.other: _Place | None = None
        self.ends: str | None = None
        self.rest: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing may come."""
        return not self.words and self.other is None and self.ends is None and self.rest is None

    def add(self, words: Sequence[str], template: str) -> None:
        """Add a template whose words from here on these are."""
        at = self
        named = "/" + "/".join(_words(template))
        for word in words:
            if word.startswith("{") and word.endswith("+}"):
                at.rest = at.rest or named
                return
            if word.startswith("{") and word.endswith("}"):
                at.other = at.other or _Place()
                at = at.other
            else:
                at = at.words.setdefault(_readable(word).lower(), _Place())
        at.ends = at.ends or named

    def find(self, segments: Sequence[str], at: int) -> str | None:
        """Return the template that fits the segments from ``at`` on.

        No place is visited twice: there is one way from the root to each.
        """
        if at == len(segments):
            return self.ends
        word = self.words.get(segments[at])
        found = word.find(segments, at + 1) if word is not None else None
        if found is None and self.other is not None:
            found = self.other.find(segments, at + 1)
        return self.rest if found is None else found
