"""A URL with named placeholders, filled in so that no value can break out of its place."""

import re
import string
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

PLACEHOLDERS: Final = (
    "name",
    "version",
    "account",
    "region",
    "from_ms",
    "to_ms",
    "from_s",
    "to_s",
    "from_iso",
    "to_iso",
    "status",
    "error",
)
"""The values a template may use: the times are the alert's range, ``status`` is the lowest failed status,
``error`` the exception that was never seen before."""

LINK_PLACEHOLDERS: Final = (*PLACEHOLDERS, "id", "trace", "xray")
"""The values a link may use. The kinds ``request`` and ``trace`` lead to one request: ``name`` is its
function, ``id`` its id in the logs, ``trace`` the digits of its trace, ``xray`` the same as X-Ray has it."""

RUNBOOK_PLACEHOLDERS: Final = (*PLACEHOLDERS, "kind", "verdict", "measure")
"""The values a runbook may use: also the kind of scope, the verdict and the measure of the incident."""

ENCODINGS: Final = ("", "jsurl", "literal")
"""How a value is written: percent-encoded, as a JSURL string, or inside a quoted string of a query."""

_IN_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_UNSAFE = re.compile(r"[^!#$%&()*+,\-./0-9:;=?@A-Z\[\]_a-z~]")
_KEPT_BY_JSURL = re.compile(r"[^A-Za-z0-9_.-]")


class Template:
    """One URL template, checked when it is made.

    ``text`` is an ``https`` URL. ``{name}`` is replaced by the percent-encoded value; ``{name:jsurl}`` by the
    form that the fragments of the CloudWatch console are written in, where ``/`` is ``*2f``;
    ``{name:literal}`` by a value that stands between double quotes of a query, with quotes and backslashes
    escaped before it is percent-encoded. Everything else is literal and already encoded.

    Raises
    ------
    ValueError
        With the reason and a remedy, when the text is not such a URL.

    Examples
    --------
    >>> Template("https://grafana.example/d/tables?var-table={name}&from={from_ms}").fill(
    ...     {"name": "a/b c", "from_ms": "1760000000000"}
    ... )
    'https://grafana.example/d/tables?var-table=a%2Fb%20c&from=1760000000000'
    """

    def __init__(self, text: str, placeholders: Sequence[str] = LINK_PLACEHOLDERS) -> None:
        self._parts = _parse(text, placeholders)
        if not text.startswith("https://"):
            raise ValueError("a link must begin with https://")
        rest = text.removeprefix("https://")
        self._host_ends = len("https://") + re.match(r"[^/?#]*", rest).end()  # type: ignore[union-attr]  # * matches always
        host = text[len("https://") : self._host_ends]
        if not re.fullmatch(r"(?:[A-Za-z0-9.-]|\{[a-z_]+\})+(?::\d{1,5})?", host):
            raise ValueError(f"a link needs a plain host name, not {host!r}")
        for literal, _, _ in self._parts:
            if found := _UNSAFE.search(literal):
                raise ValueError(
                    f"write {found.group()!r} percent-encoded, as {quote(found.group(), safe='')}"
                )

    def fill(self, values: Mapping[str, str]) -> str | None:
        """Return the URL; None when a value it needs is missing, empty or not valid in a host name."""
        url = ""
        position = 0  # in the text of the template: is this placeholder in the host?
        for literal, placeholder, encoding in self._parts:
            url += literal
            position += len(literal)
            if placeholder is None:
                continue
            value = values.get(placeholder, "")
            if not value or (position < self._host_ends and not _IN_HOST.fullmatch(value)):
                return None
            url += _encode(value, encoding)
            position += len(placeholder) + 2
        return url


def _parse(text: str, placeholders: Sequence[str]) -> list[tuple[str, str | None, str]]:
    """Split into literals, placeholders and encodings; refuse unknown ones."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{error}; write a literal brace as %7B or %7D") from None
    for _, placeholder, encoding, conversion in parts:
        if placeholder is None:
            continue
        if placeholder not in placeholders or conversion:
            raise ValueError(
                f"unknown placeholder {{{placeholder}}}; valid placeholders: {', '.join(placeholders)}"
            )
        if encoding not in ENCODINGS:
            raise ValueError(
                f"unknown encoding {encoding!r} of {{{placeholder}}}; valid encodings: jsurl, literal"
            )
    return [(literal, placeholder, encoding or "") for literal, placeholder, encoding, _ in parts]


def _encode(value: str, encoding: str) -> str:
    if encoding == "jsurl":
        return _KEPT_BY_JSURL.sub(_jsurl, value)
    if encoding == "literal":
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return quote(value, safe="", errors="replace")


def _jsurl(found: re.Match[str]) -> str:
    """Return one character in JSURL: two hexadecimal digits, or four for each UTF-16 unit."""
    character = found.group()
    if ord(character) <= 0xFF:  # noqa: PLR2004  # two digits
        return f"*{ord(character):02x}"
    units = character.encode("utf-16-be", errors="replace")
    return "".join(f"**{units[index : index + 2].hex()}" for index in range(0, len(units), 2))
