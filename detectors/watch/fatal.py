"""Exception signatures: which fatal error of which function was never seen before.

A signature is an error type at the deepest known scope of the request, usually a function. It contains
nothing that varies between occurrences (numbers, ids, addresses), so that there are few. A signature stays
known forever: it is reported once, whether it recurs tomorrow or in a year.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from detectors.model.array_types import Floats
from detectors.model.scope import Scope
from detectors.state.declared import Held, Stateful, StatePart

MOST: Final = 64
"""Signatures remembered per scope; a scope with more makes new ones by nature, which count as known."""

LONGEST: Final = 120
"""Most characters of a signature."""

HABIT: Final = 3
"""New signatures of one scope within ``HABIT_SECONDS`` after which another one is not reported."""

HABIT_SECONDS: Final = 86400

NEW_SECONDS: Final = 86400
"""Age up to which the usual failures of a function are unknown: a signature needs weight to be reported."""

WEIGHT_COUNT: Final = 5
WEIGHT_SHARE: Final = 0.01
"""The weight: occurrences, and their share of all requests of the function since it was first seen."""

_VOLATILE: Final = (
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    # eight hexadecimal digits, one of them a decimal digit, are an id and not a word
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def signature(error_type: str) -> str:
    """Return an error type without what varies between occurrences.

    Examples
    --------
    >>> signature("KeyError: 'order 4711'")
    "KeyError: 'order <n>'"
    >>> signature("Lost 3f2a9c41-77aa-4e0b-9b1c-0242ac120002 at 0x7f00de")
    'Lost <uuid> at <hex>'
    >>> signature("Runtime.OutOfMemory")
    'Runtime.OutOfMemory'
    """
    for pattern, instead in _VOLATILE:
        error_type = pattern.sub(instead, error_type)
    return error_type.strip()[:LONGEST]


class Occurrence(NamedTuple):
    """The occurrences of a signature in one step."""

    place: int  # index of its scope, in the order added
    signature: str
    times: float


class _Scope(msgspec.Struct, array_like=True):
    """The signatures of one scope."""

    known: list[str] = []
    waiting: dict[str, float] = {}  # signature of a new function -> occurrences so far
    new: list[int] = []  # when the latest new ones occurred, epoch seconds, oldest first


class _Meta(msgspec.Struct, array_like=True):
    first: int
    scopes: dict[int, _Scope]


class FatalSignatures(Stateful):
    """All known signatures, by scope.

    - While the backend is younger than ``learns``, signatures are learnt and not reported: after a fresh
      installation old errors cannot be distinguished from new ones.
    - After that a signature is new on its first occurrence.
    - At a scope younger than a day (a function just deployed) it needs weight first, since a function that
      replaces another inherits its errors.
    - Of a scope with one new signature after another, not every one is reported.

    ``learns`` is in seconds from the first step on.
    """

    STATE = (
        Held(
            StatePart("signatures", _Meta),
            "_first",
            "_scopes",
            arrays=("_seen", "_requests"),
        ),
    )

    def __init__(self, learns: int) -> None:
        self._learns = learns
        self._first = -1  # epoch seconds of the first step, -1 before it
        self._seen = np.zeros(0, np.int64)  # (n,) when each scope was first seen, epoch seconds
        self._requests = np.zeros(0)  # (n,) since then
        self._scopes: dict[int, _Scope] = {}

    def add(self, count: int, start: int) -> None:
        """Append ``count`` scopes that are first seen in the step starting at ``start``."""
        self._seen = np.concatenate((self._seen, np.full(count, start, np.int64)))
        self._requests = np.concatenate((self._requests, np.zeros(count)))

    def see(self, start: int, requests: Floats, occurrences: Sequence[Occurrence]) -> list[Occurrence]:
        """Add a step that starts at ``start``; return the signatures to report, in the order given.

        ``requests`` (n,) are those of the step, by scope; ``occurrences`` hold each pair of place and
        signature once.
        """
        if self._first < 0:
            self._first = start
        self._requests += requests
        return [occurrence for occurrence in occurrences if self._is_new(occurrence, start)]

    def knows(self, place: int, text: str) -> bool:
        """Return whether an occurrence changes nothing: its signature is known, or its scope has too many."""
        at = self._scopes.get(place)
        return at is not None and (len(at.known) >= MOST or text in at.known)

    def _is_new(self, occurrence: Occurrence, start: int) -> bool:
        place, text = occurrence.place, occurrence.signature
        at = self._scopes.get(place)
        if at is None:
            at = self._scopes[place] = _Scope()
        if text in at.known or len(at.known) >= MOST:
            return False
        if start - self._first < self._learns:
            at.known.append(text)
            return False
        if start - self._seen[place] < NEW_SECONDS:
            weight = at.waiting.get(text, 0.0) + occurrence.times
            if len(at.waiting) < MOST or text in at.waiting:
                at.waiting[text] = weight
            if weight < max(WEIGHT_COUNT, WEIGHT_SHARE * self._requests[place]):
                return False
        elif at.waiting:  # its first day has passed: signatures without weight are how it usually fails
            at.known += at.waiting
            at.waiting = {}
            if text in at.known:
                return False
        at.waiting.pop(text, None)
        at.known.append(text)
        at.new = [seen for seen in at.new if start - seen < HABIT_SECONDS]
        surprising = len(at.new) < HABIT
        at.new.append(start)
        return surprising


def occurrences(
    counted: Mapping[tuple[int, str], float], names: Sequence[Scope], skip: str
) -> list[Occurrence]:
    """Turn (place, error type) → count into occurrences, in an order that does not depend on places.

    Examples
    --------
    >>> at = [Scope("function", "aws", "1", "", name) for name in ("put", "get")]
    >>> [found.place for found in occurrences({(0, "A 1"): 1, (0, "A 2"): 2, (1, "A"): 1}, at, "other")]
    [1, 0]
    """
    found: dict[tuple[int, str], float] = {}
    for (place, error_type), count in counted.items():
        if error_type != skip:  # the overflow entry has no name of its own
            key = (place, signature(error_type))
            found[key] = found.get(key, 0.0) + count
    ordered = sorted(found.items(), key=lambda item: (names[item[0][0]], item[0][1]))
    return [Occurrence(place, text, count) for (place, text), count in ordered]
