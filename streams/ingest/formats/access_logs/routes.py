"""The name of a route, from the request line of a log."""

import re
from typing import Final, NamedTuple

from streams.ingest.formats.access_logs.path_templates import PathTemplates

MALFORMED: Final = "{malformed}"
"""The route of what the server did not understand: a scan, or another protocol."""

UNMATCHED: Final = "{unmatched}"
"""The path of requests to nothing that the backend has, for sources that know what it has."""

_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S.*?)(?: HTTP/\d(?:\.\d)?| -)?", re.DOTALL)
_METHODS: Final = frozenset(
    [
        *("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "ANY"),
        *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE"),
    ]
)
_NOT_FOUND: Final = 404


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
    """Return a method that exists; ``OTHER`` for what anyone may make up.

    Examples
    --------
    >>> method_of("get"), method_of("FOO")
    ('GET', 'OTHER')
    """
    method = text.upper()
    return method if method in _METHODS else "OTHER"


def route_of(line: RequestLine | None, paths: PathTemplates, status: int | None) -> str:
    """Return the name of the route that a request line asks for.

    Where templates are given, what none fits and what the backend did not find is one route: addresses that
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
