"""A line of the common log format, with whatever its server was told to write after it."""

import re
from typing import Final, NamedTuple

_QUOTED: Final = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_LINE: Final = re.compile(
    r'([^\["]{1,600}?) ?\[([^\]"]{1,60})\] ?' + _QUOTED + r" (\S{1,10})(?: (\S{1,20}))?(?: (.*))?"
)
_FIELD: Final = re.compile(_QUOTED + r"|(\S+)")
_MOST_FIELDS: Final = 64


class LogField(NamedTuple):
    """A field after the common ones."""

    text: str
    quoted: bool


class ClfLine(NamedTuple):
    """``host ident user [time] "request" status bytes``, and the fields after them."""

    before: list[str]
    time: str
    request: str
    status: str
    fields: list[LogField]


def clf_line(line: str) -> ClfLine | None:
    r"""Return the parts of a line, None if it is none.

    Examples
    --------
    >>> clf_line('::1 - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 5 "-" "a\\"b" 0.005').fields[2]
    LogField(text='0.005', quoted=False)
    """
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    fields = []
    for match in _FIELD.finditer(found[6] or ""):
        fields.append(LogField(match[2] or match[1], match[2] is None))
        if len(fields) == _MOST_FIELDS:
            break
    return ClfLine(found[1].split(), found[2], found[3], found[4], fields)
