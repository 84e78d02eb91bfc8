"""Findings about exception signatures that were never seen before: opened once each, then counted."""

import math
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.explain.attribution import STANDS_OUT
from detectors.model.finding import Finding, Share, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import FUNCTION, ROUTE, SERVICE, Scope
from detectors.model.sentence import of_fatal
from detectors.model.series import Series
from detectors.state.state import pack, unpack
from detectors.watch.fatal import FatalSignatures, Occurrence, occurrences
from streams.decode.columns import ERROR_TYPE
from streams.decode.paths import OTHER
from streams.detect.findings import Explanation, identity
from streams.measure.measured_step import MeasuredStep

CEASES_SECONDS: Final = 600
"""A signature that did not come for so long is over; it is known from then on."""

FEWEST: Final = 5
"""Occurrences from which a client or tenant can stand out among those who had them."""

KINDS: Final = (FUNCTION, SERVICE, ROUTE)
"""What a fatal error can belong to: the deepest of these that is known of the request."""

Explain = Callable[[Series, int, int, float], Explanation]


class _Open(msgspec.Struct):
    """A signature between two tellings."""

    id: str
    start: int
    told: int  # watermark at which it was last told
    last: int  # watermark of the newest step in which it came
    count: float
    revision: int = 0


class FatalFindings:
    """The new signatures of one shard, from the first occurrence until they cease.

    Parameters
    ----------
    learns
        Seconds from the first step in which signatures are only learnt.
    step
        Seconds of a step.
    retold_every
        Seconds between two updates of an open finding.
    explain
        Says which routes, clients and tenants bring a measure of a scope in an interval.
    """

    VERSION: Final = 1

    def __init__(self, learns: int, step: int, retold_every: int, explain: Explain) -> None:
        self._signatures = FatalSignatures(learns)
        self._step = step
        self._retold_every = retold_every
        self._explain = explain
        self._scopes: list[Scope] = []  # by place
        self._rows = np.zeros(0, np.intp)  # row of a step, by place
        self._place: dict[int, int] = {}  # the other way round
        self._open: dict[tuple[int, str], _Open] = {}  # place, signature

    def add(self, scopes: Mapping[int, Scope], start: int) -> None:
        """Learn of new scopes, by row, that are first seen in the step that begins at ``start``."""
        fresh = {row: scope for row, scope in scopes.items() if scope.kind in KINDS}
        self._place |= {row: len(self._scopes) + at for at, row in enumerate(fresh)}
        self._scopes += fresh.values()
        self._rows = np.concatenate((self._rows, np.array(list(fresh), np.intp)))
        self._signatures.add(len(fresh), start)

    def tell(self, step: MeasuredStep) -> list[Finding]:
        """Take in a step; return what is to be told of it."""
        counted = {
            (self._place[row], text): count
            for (row, key, text), count in step.tags.items()
            if key == ERROR_TYPE and row in self._place
        }
        came = occurrences(counted, self._scopes, skip=OTHER)
        requests: NDArray[np.float64] = step.requests[self._rows]
        seen, completeness = step.start + self._step, step.completeness
        told = self._go_on({(one.place, one.signature): one.times for one in came}, seen, completeness)
        new = self._signatures.see(step.start, requests, came)
        return told + [self._begin(one, step.start, seen, completeness) for one in new]

    def _begin(self, one: Occurrence, start: int, seen: int, completeness: float) -> Finding:
        series = Series(self._scopes[one.place], Measure.ERRORS_FATAL)
        name = identity(series, Verdict.FATAL, start, one.signature)
        self._open[one.place, one.signature] = _Open(name, start, seen, seen, one.times)
        return self._finding((one.place, one.signature), seen, completeness, "open")

    def _go_on(self, came: Mapping[tuple[int, str], float], seen: int, completeness: float) -> list[Finding]:
        told = []
        for key in sorted(self._open, key=lambda key: (self._scopes[key[0]], key[1])):
            known = self._open[key]
            if key in came:
                known.count += came[key]
                known.last = seen
            over = seen - known.last >= CEASES_SECONDS
            due = key in came and seen - known.told >= self._retold_every
            if over or due:
                known.told, known.revision = seen, known.revision + 1
                state: Literal["update", "end"] = "end" if over else "update"
                told.append(self._finding(key, seen, completeness, state))
            if over:
                del self._open[key]
        return told

    def _finding(
        self,
        key: tuple[int, str],
        seen: int,
        completeness: float,
        state: Literal["open", "update", "end"],
    ) -> Finding:
        scope, known = self._scopes[key[0]], self._open[key]
        until = known.last
        why = self._explain(Series(scope, Measure.ERRORS_FATAL), known.start, until, math.inf)
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
            callers=why.callers,
            suspects=self._suspects(scope, known, why.suspects) if known.count >= FEWEST else [],
            touches=why.touches,
            sentence="",
        )
        return msgspec.structs.replace(finding, sentence=of_fatal(finding))

    def _suspects(self, scope: Scope, known: _Open, shares: list[Share]) -> list[Share]:
        """Keep who has more of the errors than of the requests: no error was expected of anybody."""
        if not shares:
            return []
        everyone = self._explain(Series(scope, Measure.REQUESTS), known.start, known.last, 1.0).callers
        requests = {share.scope: share.observed for share in everyone}

        def part(share: Share) -> float:
            kind = share.scope.kind
            total = sum(rate for source, rate in requests.items() if source.kind == kind)
            return requests.get(share.scope, 0.0) / total if total > 0 else 0.0

        return [share for share in shares if share.share - part(share) >= STANDS_OUT]

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts."""
        opened = [(place, text, known) for (place, text), known in self._open.items()]
        return {
            "signatures": self._signatures.snapshot(),
            "fatal": pack("fatal", self.VERSION, opened, {}),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot, after ``add`` of the same scopes in the same order."""
        self._signatures.restore(parts["signatures"])
        opened, _ = unpack(parts["fatal"], "fatal", self.VERSION, list[tuple[int, str, _Open]])
        self._open = {(place, text): known for place, text, known in opened}
