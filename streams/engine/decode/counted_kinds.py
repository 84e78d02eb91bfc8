"""The kinds of scope, and of edge, that a record counts when several sources report one request."""

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from detectors.model.scope import ACCOUNT, CLIENT, FUNCTION, ROUTE, SERVICE, TABLE, TENANT

_ALL: Final = (ACCOUNT, SERVICE, ROUTE, FUNCTION, TABLE, CLIENT)

EVERYTHING: Final = ""
NOTHING: Final = "nothing"
VALUES: Final = "+values"
"""Behind a text: the business values count too, which are summed by account and service."""


class CountedKinds(NamedTuple):
    """The kinds that a record counts.

    An edge is counted by the record that counts its target: it has the target's amounts.
    """

    kinds: frozenset[str]  # of scopes
    targets: frozenset[str]  # of edges
    sources: frozenset[str]  # of edges


def canonical(kind: str | None, counts: str | None, *, values: bool = False) -> str:
    """Return the kinds that a record counts as one text for each meaning.

    Examples
    --------
    >>> canonical(None, None), canonical("call", None), canonical(None, "function,account")
    ('', 'table', 'account,function')
    >>> canonical("call", "function"), canonical("call", "table<route,function")
    ('nothing', 'table<route,function')
    >>> canonical("call", None, values=True), canonical(None, None, values=True)
    ('table+values', '')
    """
    text = _canonical(kind, counts)
    return text + VALUES if values and text != EVERYTHING else text


def _canonical(kind: str | None, counts: str | None) -> str:
    if kind not in (None, "request", "call"):
        return NOTHING
    if counts is None:
        return TABLE if kind == "call" else EVERYTHING
    named, limited, sources = counts.partition("<")
    targets = _ordered(named) if kind != "call" else (TABLE if TABLE in named.split(",") else "")
    if not targets:
        return NOTHING
    if limited:
        return f"{targets}<{_ordered(sources)}"
    return EVERYTHING if targets == ",".join(_ALL) else targets


def _ordered(kinds: str) -> str:
    given = kinds.split(",")
    return ",".join(kind for kind in _ALL if kind in given)


@cache  # there are few: the texts are canonical
def counted_kinds(text: str) -> CountedKinds:
    """Return the meaning of a canonical text.

    Examples
    --------
    >>> counted_kinds("function").kinds == {"function"}, counted_kinds("table<function").kinds == frozenset()
    (True, True)
    """
    text = text.removesuffix(VALUES)
    if text == NOTHING:
        return CountedKinds(frozenset(), frozenset(), frozenset())
    named, limited, sources = text.partition("<")
    targets = frozenset(named.split(",") if named else _ALL)
    if not limited:
        return CountedKinds(targets, targets, frozenset((*_ALL, TENANT)))
    given = frozenset(sources.split(","))
    return CountedKinds(frozenset(), targets, given | {TENANT} if CLIENT in given else given)


def from_only(text: str, sources: Sequence[str]) -> str:
    """Return the canonical text for the edges from some kinds of scope into those that a record counts.

    Examples
    --------
    >>> from_only("function", ["client"]), from_only("table<function", ["client"])
    ('function<client', 'nothing')
    """
    text = text.removesuffix(VALUES)
    named, limited, given = text.partition("<")
    kept = [kind for kind in _ALL if kind in sources and (not limited or kind in given.split(","))]
    if text == NOTHING or not kept:
        return NOTHING
    return f"{named or ','.join(_ALL)}<{','.join(kept)}"


def without(text: str, kinds: Sequence[str]) -> str:
    """Return the canonical text without some kinds of scope.

    Examples
    --------
    >>> without("account,function+values", ["function"]), without("function", ["function"]), without("", [])
    ('account+values', 'nothing', '')
    """
    if not kinds:
        return text
    left = ",".join(kind for kind in _ALL if kind in counted_kinds(text).kinds and kind not in kinds)
    return (left or NOTHING) + (VALUES if text.endswith(VALUES) else "")
