"""The plan of a query: numbers, selectors with their matchers, aggregations and operators."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.model.array_types import Bools
from streams.record.query.query_bounds import QueryBounds, bad_data

NAME: Final = "__name__"
"""The label that is the name of a metric."""

_AT_ONCE: Final = 1024
"""Texts between two checks of the time."""

_NO_TEXT: Final = pa.array([""], pa.string())

MatcherOp = Literal["=", "!=", "=~", "!~"]


class LabelMatcher(NamedTuple):
    """A condition on one label; a series without it has an empty one."""

    label: str
    op: MatcherOp
    value: str

    def matches(self, texts: pa.Array, bounds: QueryBounds) -> Bools:
        """Return (n,) a mask of the texts that match.

        Patterns are RE2's and match as a whole, in time linear in the text; large ones may take milliseconds.

        Raises
        ------
        QueryError
            When the pattern is invalid or too large, or when the time is over.
        """
        if self.op in ("=", "!="):
            flags: Bools = pc.equal(texts, self.value).to_numpy(zero_copy_only=False)
        else:
            self._found(_NO_TEXT, self.value, bounds)  # it may close a bracket that is ours
            whole = f"^(?s:{self.value})$"
            parts = range(0, len(texts), _AT_ONCE)
            flags = np.concatenate(
                [self._found(texts.slice(part, _AT_ONCE), whole, bounds) for part in parts]
            )
        return ~flags if self.op in ("!=", "!~") else flags

    def _found(self, texts: pa.Array, pattern: str, bounds: QueryBounds) -> Bools:
        bounds.check_time()
        try:
            found = pc.match_substring_regex(texts, pattern)
        except pa.ArrowInvalid as error:
            raise bad_data(f"the pattern of {self.label} cannot be used: {error}") from error
        flags: Bools = found.to_numpy(zero_copy_only=False)
        return flags


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Selected:
    """Series by their labels, as they were ``offset`` milliseconds before."""

    matchers: tuple[LabelMatcher, ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Negated:
    """The same with the other sign."""

    of: "QueryPlan"


@dataclass(frozen=True, slots=True)
class Aggregated:
    """Many series become few.

    ``labels`` are those that divide them, or, with ``without``, those that do not.
    """

    op: str
    of: "QueryPlan"
    labels: tuple[str, ...]
    without: bool
    most: "QueryPlan | None" = None  # of topk and bottomk


@dataclass(frozen=True, slots=True)
class Combined:
    """Two sides and an operator.

    Series of both sides belong together if they agree in ``labels``, or, with ``ignoring``, in all others.
    """

    op: str
    left: "QueryPlan"
    right: "QueryPlan"
    labels: tuple[str, ...] = ()
    ignoring: bool = True
    as_bool: bool = False


QueryPlan = Number | Selected | Negated | Aggregated | Combined


def selected_in(plan: QueryPlan) -> Iterator[Selected]:
    """Yield the selectors anywhere in a plan."""
    match plan:
        case Selected():
            yield plan
        case Negated(of):
            yield from selected_in(of)
        case Aggregated(of=of):
            yield from selected_in(of)
        case Combined(left=left, right=right):
            yield from selected_in(left)
            yield from selected_in(right)
