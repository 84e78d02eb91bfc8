"""A phrase as a language writes it: a text with places for values."""

import re
from collections.abc import Mapping
from functools import cache
from string import Formatter
from typing import Any, Final, NamedTuple

_OPTIONAL: Final = re.compile(r"\[([^\[\]]*)\]")


class Phrase(str):
    """A text with places, called with the values for them; ``str.format`` describes the places.

    Beyond that,

    - ``[…]`` is left out if a value in it is empty or zero;
    - ``{count:?one|many}`` is the first form for 1 and True, and the second for anything else;
    - ``{what!c}`` begins with a capital letter;
    - ``{value:~kana}`` goes on with kana, after a space if the value ends with a Latin letter.

    Values may hold anything: they are never read as a part of the phrase.

    Examples
    --------
    >>> end = Phrase("{what!c} ended {days:?yesterday|{days} days ago}[ by {by}]")
    >>> end(what="a snooze", days=1, by=""), end(what="{by}[]", days=3, by="[ci]")
    ('A snooze ended yesterday', '{by}[] ended 3 days ago by [ci]')
    >>> Phrase("{now:~に}")(now="265 ms"), Phrase("{now:~に}")(now="3件")
    ('265 ms に', '3件に')
    """

    __slots__ = ()

    def __call__(self, **values: object) -> str:
        """Return the text with its values."""
        kept = (part.text for part in _parts(self) if all(values[name] for name in part.needs))
        return _PLACES.vformat("".join(kept), (), values)


class _Part(NamedTuple):
    text: str
    needs: tuple[str, ...]  # the values that must not be empty


class _Places(Formatter):
    def convert_field(self, value: Any, conversion: Any) -> Any:
        if conversion == "c":
            return value[:1].upper() + value[1:]
        return super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.startswith("?"):
            first, _, other = format_spec[1:].partition("|")
            return first if value == 1 else other
        if format_spec.startswith("~"):
            return then(value, format_spec[1:])
        return format(value, format_spec)


_PLACES: Final = _Places()


@cache
def _parts(text: str) -> list[_Part]:
    """Divide a phrase at its optional parts."""
    return [
        _Part(part, tuple(_names(part)) if place % 2 else ())
        for place, part in enumerate(_OPTIONAL.split(text))
    ]


def _names(part: str) -> list[str]:
    return [name for _, name, _, _ in _PLACES.parse(part) if name]


def then(text: str, kana: str) -> str:
    """Return ``text`` and ``kana``, with a space after a Latin letter: ``265 ms で``."""
    return f"{text} {kana}" if text[-1:].isascii() and text[-1:].isalpha() else f"{text}{kana}"


NOTHING: Final = Phrase("")

Names = Mapping[str, str]
"""What a language calls something; what is not in it keeps its own name."""
