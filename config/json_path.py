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
"""What a path finds where there is nothing, which is not null."""


class JsonPath(NamedTuple):
    """A path that was read: ``$.http['status code'][0]``.

    ``outer`` is whether it begins with ``$$``, what the record was found in. A step is a name, an index, or
    None for all items of a list.
    """

    outer: bool
    steps: tuple[str | int | None, ...]

    def find(self, value: Any) -> Any:
        """Return what is there, or ``ABSENT``.

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

        Raises
        ------
        LookupError
            Where there is no list.

        Examples
        --------
        >>> list(json_path("$.a[*].b[*]", every=True).items({"a": [{"b": [1]}, {"b": [2, 3]}, {"b": None}]}))
        [1, 2, 3]
        """
        return _items(value, self.steps)


def _items(value: Any, steps: tuple[str | int | None, ...]) -> Iterator[Any]:
    if None not in steps:
        found = JsonPath(False, steps).find(value)
        if found is not ABSENT:
            yield found
        return
    first = steps.index(None)
    found = JsonPath(False, steps[:first]).find(value)
    if found is None:
        return
    if not isinstance(found, list):
        raise LookupError("no list is there")  # noqa: TRY004 - what JSON lacks is no mistake in the code
    for each in found:
        yield from _items(each, steps[first + 1 :])


def json_path(text: str, *, every: bool = False) -> JsonPath:
    """Read a path.

    Parameters
    ----------
    text
        ``$`` for the record or ``$$`` for what it was found in, then steps: ``.name``, ``['any name']``,
        ``[0]``.
    every
        Whether it finds the items of a list: it then begins with ``$``, and one step at least is ``[*]``.

    Raises
    ------
    ValueError
        With what is wrong and, after ``;``, the remedy.

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
