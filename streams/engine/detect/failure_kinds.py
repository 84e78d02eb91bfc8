"""How requests failed: status and type of their errors, by scope, for findings about errors."""

from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from detectors.model.finding import KINDS_SECONDS, OTHER_KINDS, FailureKind, Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.state.declared import StatePart
from detectors.watch.fatal import signature
from streams.engine.decode.columns import ERROR_TYPE, FAILURE
from streams.engine.measure.step import MeasuredStep

LISTED: Final = 5
"""Kinds that a finding names; all others are one more, under ``OTHER_KINDS``."""

MOST_PER_STEP: Final = 2000
"""Kinds of all scopes in one step; the rest is counted under ``OTHER_KINDS``."""

MOST_KNOWN: Final = 20_000
"""Kinds of all scopes whose first occurrence is remembered; once there are more, none is called new."""

_MEASURES: Final = {FAILURE: Measure.ERRORS_BACKEND, ERROR_TYPE: Measure.ERRORS_FATAL}
_Counted = tuple[int, str, str, float]  # row, tag, kind, how often
_KNOWN: Final = StatePart("failure_kinds", tuple[int, list[tuple[int, str, str, int]]])
_RECENT: Final = StatePart("recent_failures", list[tuple[int, list[_Counted]]])


class FailureKinds:
    """The kinds of the last hour, and since when each is known.

    Parameters
    ----------
    learns
        Seconds from the first step during which no kind counts as new.
    step
        Seconds of a step.
    """

    def __init__(self, learns: int, step: int) -> None:
        self._learns = learns
        self._step = step
        self._first_step = -1
        self._rows: dict[Scope, int] = {}
        self._recent: deque[tuple[int, dict[tuple[int, str], dict[str, float]]]] = deque()
        self._since: dict[tuple[int, str, str], int] = {}  # row, tag, kind -> its first step

    def add(self, scopes: Mapping[int, Scope]) -> None:
        """Add new scopes, by row."""
        self._rows |= {scope: row for row, scope in scopes.items()}

    def feed(self, step: MeasuredStep) -> None:
        """Add a step."""
        if self._first_step < 0:
            self._first_step = step.start
        while self._recent and self._recent[0][0] <= step.start - KINDS_SECONDS:
            self._recent.popleft()
        counted: dict[tuple[int, str], dict[str, float]] = {}
        kinds = 0
        for (row, tag, text), count in step.tags.items():
            if tag not in _MEASURES:
                continue
            of = counted.setdefault((row, tag), {})
            kind = kind_of(text) if kinds < MOST_PER_STEP else OTHER_KINDS
            kinds += kind not in of
            of[kind] = of.get(kind, 0.0) + count
            if len(self._since) < MOST_KNOWN:
                self._since.setdefault((row, tag, kind), step.start)
        if counted:
            self._recent.append((step.start, counted))

    def add_to(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return the findings, those about errors with the kinds of these."""
        return [self._with_kinds(finding) for finding in findings]

    def _with_kinds(self, finding: Finding) -> Finding:
        tag = next((tag for tag, measure in _MEASURES.items() if measure is finding.measure), None)
        row = None if finding.scope is None else self._rows.get(finding.scope)
        if tag is None or row is None or finding.failures is None or finding.verdict is Verdict.FATAL:
            return finding
        since, until = max(finding.start, finding.until - KINDS_SECONDS), finding.until
        total: dict[str, float] = {}
        for start, counted in self._recent:
            if since <= start < until:
                for kind, count in counted.get((row, tag), {}).items():
                    total[kind] = total.get(kind, 0.0) + count
        ordered = sorted(total, key=lambda kind: (kind == OTHER_KINDS, -total[kind], kind))
        named, rest = ordered[:LISTED], ordered[LISTED:]
        kinds = [
            FailureKind(kind=kind, times=total[kind], new=self._is_new((row, tag, kind), finding.start))
            for kind in named
        ]
        if rest:
            kinds.append(FailureKind(kind=OTHER_KINDS, times=sum(total[kind] for kind in rest)))
        return msgspec.structs.replace(
            finding, failures=msgspec.structs.replace(finding.failures, kinds=kinds)
        )

    def _is_new(self, key: tuple[int, str, str], start: int) -> bool:
        if key[2] == OTHER_KINDS or len(self._since) >= MOST_KNOWN or start - self._first_step < self._learns:
            return False
        return self._since.get(key, 0) >= start

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts."""
        recent = [
            (start, [(*of, kind, count) for of, kinds in counted.items() for kind, count in kinds.items()])
            for start, counted in self._recent
        ]
        known = [(*key, start) for key, start in self._since.items()]
        return _KNOWN.pack((self._first_step, known)) | _RECENT.pack(recent)

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot, after ``add`` of the same scopes in the same order; without one, learn anew."""
        self._first_step, known = _KNOWN.unpack(parts, (-1, []))
        self._since = {(row, tag, kind): start for row, tag, kind, start in known}
        self._recent.clear()
        for start, listed in _RECENT.unpack(parts, []):
            counted: dict[tuple[int, str], dict[str, float]] = {}
            for row, tag, kind, count in listed:
                counted.setdefault((row, tag), {})[kind] = count
            self._recent.append((start, counted))


@lru_cache(4096)
def kind_of(text: str) -> str:
    """Return the kind that the text of a tag is of: without what varies, but with its status.

    Examples
    --------
    >>> kind_of("502 Timeout after 3012 ms"), kind_of("KeyError 'order 4711'")
    ('502 Timeout after <n> ms', "KeyError 'order <n>'")
    """
    status, _, rest = text.partition(" ")
    if status.isascii() and status.isdigit():
        return f"{status} {signature(rest)}".strip()
    return signature(text)
