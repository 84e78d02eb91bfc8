"""What a query asks for, once it is understood."""

from collections.abc import Iterator
from dataclasses import dataclass

from streams.record.query.label_matcher import LabelMatcher


@dataclass(frozen=True, slots=True)
class Literal:
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


QueryPlan = Literal | Selected | Negated | Aggregated | Combined


def selected_in(plan: QueryPlan) -> Iterator[Selected]:
    """Yield what is selected anywhere in a plan."""
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
