"""Lines that are no JSON as objects of texts: logfmt, and columns such as those of the W3C format."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from streams.engine.decode.event import MAX_BYTES
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import RefusalError
from streams.ingest.formats.json_payload import Document

COMMENT: Final = b"#"
FIELDS: Final = b"#Fields:"
"""Begins the comment of the W3C format that names its columns."""

_PAIR: Final = re.compile(r'(?<!\S)([^\s="]{1,100})=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?!\S)')
_ESCAPED: Final = re.compile(r"\\(.)")


def logfmt(line: str) -> dict[str, str]:
    r"""Return the pairs of a line.

    Examples
    --------
    >>> logfmt(r'at=info path="/a \"b\"" status=200 done')
    {'at': 'info', 'path': '/a "b"', 'status': '200'}
    """
    found = (pair.groups() for pair in _PAIR.finditer(line))
    return {key: plain if quoted is None else _ESCAPED.sub(r"\1", quoted) for key, quoted, plain in found}


def values_of_columns(line: str) -> list[str]:
    """Return the values of a line: between tabs if it has some, else between blanks."""
    return line.split("\t") if "\t" in line else line.split()


def line_reader(columns: Sequence[str]) -> Callable[[bytes], Document]:
    """Return what makes an object of a line: of its columns, or of logfmt if they have no names."""

    def read(sent: bytes) -> Document:
        if len(sent) > MAX_BYTES:
            why = f"{len(sent):,} bytes; at most {MAX_BYTES:,} are accepted"
            return Document(sent, None, RefusalError(RejectReason.TOO_LARGE, why))
        text = sent.decode(errors="replace")
        if not columns:
            return Document(sent, logfmt(text))
        values = values_of_columns(text)
        if len(values) != len(columns) and not sent.startswith(COMMENT):
            why = f"the line has {len(values)} columns in place of {len(columns)}; correct columns"
            return Document(sent, None, RefusalError(RejectReason.BAD_TYPE, why))
        return Document(sent, dict(zip(columns, values, strict=False)))

    return read
