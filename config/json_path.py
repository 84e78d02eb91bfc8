"""Paths into JSON: a small, strict part of JSONPath (RFC 9535).

A path finds one value, or the items of lists.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

LONGEST: Final = 500  # characters
MOST_STEPS: Final = 20

_STEP: Final = re.compile(
    r"""\.(?P<name>[^\W\d]\w*)
    |\[(?P<index>0|[1-9][0-9]{0,5})\]
    |\['(?P<single>(?:[^'\\]|\\['\\])+)'\]
    |\["(?P<double>(?:[^"\\]|\\["\\])+)"\]
    |(?P<all>\[\*\])""",
    re.VERBOSE,
)
_ESCAPED: Final = re.compile(r"\\(.)")
_SHOWN: Final = 12


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""Where a path finds nothing, which is not null."""


class JsonPath(NamedTuple):
    """A parsed path: ``$.http['status code'][0]``.

    ``outer`` is whether it begins with ``$$``, the document around the record. A step is a name, an index, or
    None for all items of a list.
    """

    outer: bool
    steps: tuple[str | int | None, ...]

    def find(self, value: Any) -> Any:
        """Return the value there, or ``ABSENT``.

        Examples
        --------
        >>> json_path("$.a[1]['b c']").find({"a": [0, {"b c": None}]})
        >>> json_path("$.a.b").find({"a": [1]})
        ABSENT
        """
        for step in self.steps:
            if isinstance(step, str):
                value = value.get(step, ABSENT) if isinstance(value, dict) else ABSENT
            elif isinstance(value, list) and step is not None and step < len(value):
                value = value[step]
            else:
                return ABSENT
        return value

    def items(self, value: Any) -> Iterator[Any]:
        """Yield the items that ``[*]`` stands for; a list that is null has none.

        In the items of a list, a list that is absent has none either; a value that is no list yields None, so
        that it can be refused and the others are read.

        Raises
        ------
        LookupError
            Where there is no list at all, before any item; ``KeyError`` where nothing is.

        Examples
        --------
        >>> list(json_path("$.a[*].b[*]", every=True).items({"a": [{"b": [1]}, {"b": 7}, {"b": [2, 3]}, {}]}))
        [1, None, 2, 3]
        """
        first = self.steps.index(None)
        found = JsonPath(False, self.steps[:first]).find(value)
        if found is ABSENT:
            raise KeyError("nothing is there")
        if not isinstance(found, list) and found is not None:
            raise LookupError("no list is there")
        return _items(found or [], self.steps[first + 1 :])


def _items(values: list[Any], steps: tuple[str | int | None, ...]) -> Iterator[Any]:
    if None not in steps:
        inner = JsonPath(False, steps)
        yield from (found for value in values if (found := inner.find(value)) is not ABSENT)
        return
    first = steps.index(None)
    inner = JsonPath(False, steps[:first])
    for value in values:
        found = inner.find(value)
        if isinstance(found, list):
            yield from _items(found, steps[first + 1 :])
        elif found is not None and found is not ABSENT:
            yield None


def json_path(text: str, *, every: bool = False) -> JsonPath:
    """Parse a path.

    Parameters
    ----------
    text
        ``$`` for the record or ``$$`` for the document around it, then steps: ``.name``, ``['any name']``,
        ``[0]``.
    every
        Whether it finds the items of a list: it then begins with ``$``, and one step at least is ``[*]``.

    Raises
    ------
    ValueError
        With the mistake and, after ``;``, the remedy.

    Examples
    --------
    >>> json_path("$.http['x-id'][0]").steps
    ('http', 'x-id', 0)
    >>> json_path("$.x-id")
    Traceback (most recent call last):
    ...
    ValueError: not a path from character 4 on, '-id'; write ['a name'] for a name with other characters
    """
    if not text.startswith("$"):
        raise ValueError("not a path; begin with $, which is the record: $.time")
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters; name fewer steps")
    outer = text.startswith("$$")
    at = 1 + outer
    steps: list[str | int | None] = []
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ValueError(_mistake(text, at))
        steps.append(_step(found))
        at = found.end()
    if len(steps) > MOST_STEPS:
        raise ValueError(f"more than {MOST_STEPS} steps; name fewer")
    if every and outer:
        raise ValueError("items are looked for in the record itself; begin with one $")
    if every and None not in steps:
        raise ValueError("finds one value, not the items of a list; put [*] where the list is: $.records[*]")
    if not every and None in steps:
        raise ValueError("[*] belongs to each alone; write the number of an item, such as [0]")
    return JsonPath(outer, tuple(steps))


def _step(found: re.Match[str]) -> str | int | None:
    if found["all"]:
        return None
    if found["index"]:
        return int(found["index"])
    return str(found["name"] or _ESCAPED.sub(r"\1", found["single"] or found["double"]))


def _mistake(text: str, at: int) -> str:
    rest = text[at:]
    if rest.startswith(".."):
        remedy = "name every step, '..' is not supported"
    elif rest.startswith(("[-", "[?", "[:")) or ":" in rest[: rest.find("]")]:
        remedy = "write the number of one item, such as [0]"
    elif rest.startswith(("[", ".")):
        remedy = "a step is .name, ['any name'] or [0]"
    else:
        remedy = "write ['a name'] for a name with other characters"
    return f"not a path from character {at + 1} on, {rest[:_SHOWN]!r}; {remedy}"
