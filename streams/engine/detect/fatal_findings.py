"""Findings about new exception signatures: opened once each, then counted."""

import math
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
import numpy as np

from detectors.explain.attribution import STANDS_OUT
from detectors.model.array_types import Floats
from detectors.model.finding import Failures, Finding, Share, Verdict
from detectors.model.measures import Measure, Series
from detectors.model.scope import FUNCTION, ROUTE, SERVICE, Scope
from detectors.model.sentence import explain_fatal_error
from detectors.state.declared import StatePart
from detectors.watch.fatal import FatalSignatures, Occurrence, occurrences, signature
from streams.engine.decode.columns import ERROR_TYPE
from streams.engine.decode.paths import OTHER
from streams.engine.detect.explainer import Explainer
from streams.engine.detect.findings import identity
from streams.engine.measure.step import MeasuredStep

CEASES_SECONDS: Final = 600
"""A finding ends when its signature has not occurred for this long; the signature is known from then on."""

FEWEST: Final = 5
"""Occurrences needed before a client or tenant can stand out."""

KINDS: Final = (FUNCTION, SERVICE, ROUTE)
"""Kinds of scope a fatal error is reported for: the deepest of these that the request names."""


class _Open(msgspec.Struct):
    """The finding of a signature between two of its revisions."""

    id: str
    start: int
    reported: int  # watermark of the newest revision
    last: int  # watermark of the newest step with an occurrence
    count: float
    revision: int = 0
    requests: float = 0.0  # since its start; 0 if the state is of a version that did not count them
    among: float = 0.0  # requests up to ``last``


_STATE: Final = StatePart("fatal", list[tuple[int, str, _Open]], 2)


class FatalFindings:
    """The new signatures of one shard, from the first occurrence until they cease.

    Parameters
    ----------
    learns
        Seconds from the first step during which signatures are learnt without being reported.
    step
        Seconds of a step.
    update_every
        Seconds between two updates of an open finding.
    """

    def __init__(self, learns: int, step: int, update_every: int, explainer: Explainer) -> None:
        self._signatures = FatalSignatures(learns)
        self._step = step
        self._update_every = update_every
        self._explainer = explainer
        self._scopes: list[Scope] = []  # by place
        self._rows = np.zeros(0, np.intp)  # row of a step, by place
        self._place: dict[int, int] = {}  # place, by row
        self._open: dict[tuple[int, str], _Open] = {}  # place, signature

    def add(self, scopes: Mapping[int, Scope], start: int) -> None:
        """Add new scopes, by row, first seen in the step that starts at ``start``."""
        fresh = {row: scope for row, scope in scopes.items() if scope.kind in KINDS}
        self._place |= {row: len(self._scopes) + at for at, row in enumerate(fresh)}
        self._scopes += fresh.values()
        self._rows = np.concatenate((self._rows, np.array(list(fresh), np.intp)))
        self._signatures.add(len(fresh), start)

    def feed(self, step: MeasuredStep) -> list[Finding]:
        """Add a step; return the findings that it opens, updates or ends."""
        counted = {
            (self._place[row], text): count
            for (row, key, text), count in step.tags.items()
            if key == ERROR_TYPE and row in self._place
        }
        occurred = occurrences(counted, self._scopes, skip=OTHER)
        requests: Floats = step.requests[self._rows]
        seen, completeness = step.start + self._step, step.completeness
        counted_now = {(occurrence.place, occurrence.signature): occurrence.times for occurrence in occurred}
        for (place, _), known in self._open.items():
            known.requests += float(requests[place]) if known.requests else 0.0
        found = self._advance(counted_now, seen, completeness)
        new = self._signatures.see(step.start, requests, occurred)
        return found + [
            self._begin(occurrence, float(requests[occurrence.place]), seen, completeness)
            for occurrence in new
        ]

    def passes(self, step: MeasuredStep) -> bool:
        """Return whether a step changes nothing here but the number of requests."""
        return not self._open and all(
            key != ERROR_TYPE
            or row not in self._place
            or text == OTHER
            or self._signatures.knows(self._place[row], signature(text))
            for row, key, text in step.tags
        )

    def pass_by(self, step: MeasuredStep) -> None:
        """Add a step that ``passes``."""
        self._signatures.see(step.start, step.requests[self._rows], ())

    def _begin(self, occurrence: Occurrence, requests: float, seen: int, completeness: float) -> Finding:
        series, start = Series(self._scopes[occurrence.place], Measure.ERRORS_FATAL), seen - self._step
        name = identity(series, Verdict.FATAL, start, occurrence.signature)
        self._open[occurrence.place, occurrence.signature] = _Open(
            name, start, seen, seen, occurrence.times, requests=requests, among=requests
        )
        return self._finding((occurrence.place, occurrence.signature), seen, completeness, "open")

    def _advance(
        self, occurred: Mapping[tuple[int, str], float], seen: int, completeness: float
    ) -> list[Finding]:
        found = []
        for key in sorted(self._open, key=lambda key: (self._scopes[key[0]], key[1])):
            known = self._open[key]
            if key in occurred:
                known.count += occurred[key]
                known.last, known.among = seen, known.requests
            ended = seen - known.last >= CEASES_SECONDS
            due = key in occurred and seen - known.reported >= self._update_every
            if ended or due:
                known.reported, known.revision = seen, known.revision + 1
                state: Literal["update", "end"] = "end" if ended else "update"
                found.append(self._finding(key, seen, completeness, state))
            if ended:
                del self._open[key]
        return found

    def _finding(
        self, key: tuple[int, str], seen: int, completeness: float, state: Literal["open", "update", "end"]
    ) -> Finding:
        scope, known = self._scopes[key[0]], self._open[key]
        until = known.last
        why = self._explainer.explain(Series(scope, Measure.ERRORS_FATAL), known.start, until, math.inf)
        finding = Finding(
            id=known.id,
            revision=known.revision,
            state=state,
            verdict=Verdict.FATAL,
            scope=scope,
            measure=Measure.ERRORS_FATAL,
            start=known.start,
            seen=seen,
            end=until if state == "end" else None,
            observed=known.count / (until - known.start),
            expected=0.0,
            lower=0.0,
            upper=0.0,
            score=known.count / (known.count + 1),
            completeness=completeness,
            error_type=key[1],
            times=round(known.count),
            failures=_failures(known),
            callers=why.callers,
            suspects=self._suspects(scope, known, why.suspects) if known.count >= FEWEST else [],
            rests_on=why.rests_on,
            touches=why.touches,
            sentence="",
        )
        return msgspec.structs.replace(finding, sentence=explain_fatal_error(finding))

    def _suspects(self, scope: Scope, known: _Open, shares: list[Share]) -> list[Share]:
        """Keep those with a larger share of the errors than of the requests, since no errors are expected."""
        if not shares:
            return []
        all_requests = Series(scope, Measure.REQUESTS)
        callers = self._explainer.explain(all_requests, known.start, known.last, 1.0).callers
        requests = {share.scope: share.observed for share in callers}

        def part(share: Share) -> float:
            kind = share.scope.kind
            total = sum(rate for source, rate in requests.items() if source.kind == kind)
            return requests.get(share.scope, 0.0) / total if total > 0 else 0.0

        return [share for share in shares if share.share - part(share) >= STANDS_OUT]

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts."""
        opened = [(place, text, known) for (place, text), known in self._open.items()]
        return {**self._signatures.snapshot(), **_STATE.pack(opened)}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot, after ``add`` of the same scopes in the same order."""
        self._signatures.restore(parts)
        self._open = {(place, text): known for place, text, known in _STATE.unpack(parts)}


def _failures(known: _Open) -> Failures | None:
    if known.among <= 0:
        return None
    requests = max(known.among, known.count)
    return Failures(failed=known.count, requests=requests, seconds=known.last - known.start)
