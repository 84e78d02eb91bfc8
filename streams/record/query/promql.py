"""Parses PromQL into a plan; anything outside of the subset is refused by its name."""

import re
from itertools import islice
from typing import Final, cast

import promql_parser as promql

from streams.record.query.query_bounds import MOST_CHARACTERS, MOST_TOKENS, QueryError, bad_data
from streams.record.query.query_plan import (
    NAME,
    Aggregated,
    Combined,
    LabelMatcher,
    MatcherOp,
    Negated,
    Number,
    QueryPlan,
    Selected,
)

TOP: Final = ("topk", "bottomk")
AGGREGATIONS: Final = ("sum", "avg", "min", "max", "count", *TOP)
ARITHMETIC: Final = ("+", "-", "*", "/", "%", "^")
COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
SETS: Final = ("and", "or", "unless")

_TOKEN: Final = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\w+|[^\s]""", re.DOTALL)
_FARTHEST: Final = 10**15  # milliseconds of an offset: beyond all times that are kept
_PANIC: Final = "PanicException"
"""The parser raises it at ``offset NaN``, say. It is no ``Exception``, and has no name to import."""

_RATES: Final = ("rate", "irate", "increase", "delta", "idelta", "deriv")
_OPS: Final[tuple[tuple[promql.MatchOp, MatcherOp], ...]] = (
    (promql.MatchOp.Equal, "="),
    (promql.MatchOp.NotEqual, "!="),
    (promql.MatchOp.Re, "=~"),
    (promql.MatchOp.NotRe, "!~"),
)


def parse_query(text: str) -> QueryPlan:
    """Return the plan of a query.

    Raises
    ------
    QueryError
        When it is no PromQL, or outside of the subset.
    """
    return _planned(_parsed(text))


def parse_selector(text: str) -> tuple[LabelMatcher, ...]:
    """Return the conditions of a selector, as ``match[]`` has them.

    Raises
    ------
    QueryError
        When it is no selector.
    """
    plan = parse_query(text)
    if not isinstance(plan, Selected) or plan.offset:
        raise bad_data('match[] is a selector such as uneri_observed{kind="table"}')
    return plan.matchers


def _parsed(text: str) -> promql.Expr:
    if len(text) > MOST_CHARACTERS:
        raise bad_data(f"the query is longer than {MOST_CHARACTERS:,} characters; divide it")
    if sum(1 for _ in islice(_TOKEN.finditer(text), MOST_TOKENS + 1)) > MOST_TOKENS:
        raise bad_data(f"the query has more than {MOST_TOKENS} names and operators; divide it")
    try:
        return promql.parse(text)
    except (ValueError, OverflowError) as error:
        raise bad_data(f"this is no PromQL: {error}") from error
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise bad_data(f"this is no PromQL: {error}") from None


def _planned(part: promql.Expr) -> QueryPlan:
    match part:
        case promql.NumberLiteral():
            return Number(part.val)
        case promql.ParenExpr():
            return _planned(part.expr)
        case promql.VectorSelector():
            return _selected(part)
        case promql.UnaryExpr():
            return Negated(_planned(part.expr))
        case promql.AggregateExpr():
            return _aggregated(part)
        case promql.BinaryExpr():
            return _combined(part)
    raise _refused(part)


def _refused(part: promql.Expr) -> QueryError:
    match part:
        case promql.Call():
            name = part.func.name
            if name in _RATES:
                return bad_data(f"{name}() is not supported: values are per second already, so leave it away")
            return bad_data(f"{name}() is not supported: docs/query.md lists what is")
        case promql.MatrixSelector():
            return bad_data(
                "ranges such as [5m] are not supported: values are per second already, and query_range "
                "answers for many times"
            )
        case promql.SubqueryExpr():
            return bad_data("subqueries are not supported: ask for a range of time with query_range")
        case promql.StringLiteral():
            return bad_data("a text alone is no query")
    return bad_data(f"{type(part).__name__} is not supported: docs/query.md lists what is")


def _selected(part: promql.VectorSelector) -> Selected:
    if part.at is not None:
        raise bad_data("@ is not supported: give the time of the query, or use offset")
    if part.matchers.or_matchers:
        raise bad_data('"or" in a selector is not supported: use =~"a|b"')
    found = [LabelMatcher(matcher.name, _op(matcher.op), matcher.value) for matcher in part.matchers.matchers]
    if part.name is not None:
        found.append(LabelMatcher(NAME, "=", part.name))
    try:
        offset = 0 if part.offset is None else round(part.offset.total_seconds() * 1000)
    except (ValueError, OverflowError):
        raise bad_data("the offset is longer than there is time") from None
    return Selected(tuple(found), min(max(offset, -_FARTHEST), _FARTHEST))


def _op(op: promql.MatchOp) -> MatcherOp:
    return next(text for known, text in _OPS if known == op)  # they have no hash


def _aggregated(part: promql.AggregateExpr) -> Aggregated:
    op = str(part.op)
    if op not in AGGREGATIONS:
        raise bad_data(f"{op} is not supported: aggregate by {', '.join(AGGREGATIONS)}")
    modifier = part.modifier
    without = modifier is not None and modifier.type == promql.AggModifierType.Without
    labels = () if modifier is None else tuple(modifier.labels)
    most = _planned(cast("promql.Expr", part.param)) if op in TOP else None
    return Aggregated(op, _planned(part.expr), labels, without, most)


def _combined(part: promql.BinaryExpr) -> Combined:
    op, modifier = str(part.op), part.modifier
    if op not in (*ARITHMETIC, *COMPARISONS, *SETS):
        raise bad_data(f"{op} is not supported: docs/query.md lists the operators that are")
    left, right = _planned(part.lhs), _planned(part.rhs)
    if modifier is None:
        return Combined(op, left, right)
    if modifier.card in (promql.VectorMatchCardinality.ManyToOne, promql.VectorMatchCardinality.OneToMany):
        raise bad_data("group_left and group_right are not supported: aggregate one side first")
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise bad_data("fill is not supported: use or")
    matching = modifier.matching
    if matching is None:
        return Combined(op, left, right, as_bool=modifier.return_bool)
    ignoring = matching.type == promql.LabelModifierType.Exclude
    return Combined(op, left, right, tuple(matching.labels), ignoring, modifier.return_bool)
