"""The routes of the read API."""

from collections.abc import Iterator
from typing import Any, Final

from streams.screens.openapi.operation import Method, Operation, OperationGroup, OtherBody, Parameter, named
from streams.screens.openapi.query_answers import (
    BuildAnswer,
    MetadataAnswer,
    QueryAnswer,
    QueryRefusal,
    SeriesAnswer,
    TextsAnswer,
)

_FORM: Final = OtherBody("application/x-www-form-urlencoded", "the same parameters, where they are long")
_METHODS: Final[tuple[Method, ...]] = ("get", "post")
_QUERY: Final = Parameter("query", "PromQL, as far as docs/query.md lists it", required=True)
_TIMEOUT: Final = Parameter("timeout", "how long the answer may take, 10 seconds at most")
_TIME: Final = "epoch seconds, or RFC 3339"
_MATCH: Final = Parameter("match[]", "a selector; may be given several times")
_SPAN: Final = (Parameter("start", f"{_TIME}; not looked at"), Parameter("end", f"{_TIME}; not looked at"))
_LIMIT: Final = Parameter("limit", "how much is wanted", int)
_REFUSED: Final[dict[int, Any]] = dict.fromkeys((400, 422, 503), QueryRefusal)


def _both(path: str, about: str, answer: type, parameters: tuple[Parameter, ...]) -> Iterator[Operation]:
    for method in _METHODS:
        posted = method == "post"
        taken = () if posted else parameters
        body = _FORM if posted else None
        yield Operation(method, path, about, "read", {200: answer, **_REFUSED}, taken, body)


QUERIES: Final = OperationGroup(
    "query",
    "The read API: Prometheus' own, over the history (docs/query.md).",
    (
        *_both(
            "/api/v1/query",
            "The value of a query at one time.",
            QueryAnswer,
            (_QUERY, Parameter("time", f"{_TIME}; now without it"), _TIMEOUT),
        ),
        *_both(
            "/api/v1/query_range",
            "The values of a query over a range of time.",
            QueryAnswer,
            (
                _QUERY,
                Parameter("start", _TIME, required=True),
                Parameter("end", _TIME, required=True),
                Parameter("step", "seconds, or a duration such as 5m", required=True),
                _TIMEOUT,
            ),
        ),
        *_both("/api/v1/labels", "The names of labels.", TextsAnswer, (_MATCH, *_SPAN, _LIMIT)),
        *_both("/api/v1/series", "The labels of series.", SeriesAnswer, (_MATCH, *_SPAN, _LIMIT)),
        Operation(
            "get",
            "/api/v1/label/{name}/values",
            "The values of a label.",
            "read",
            {200: TextsAnswer, **_REFUSED},
            (named("of a label", "name"), _MATCH, *_SPAN, _LIMIT),
        ),
        Operation(
            "get",
            "/api/v1/metadata",
            "What the metrics mean.",
            "read",
            {200: MetadataAnswer},
            (Parameter("metric", "only this one"),),
        ),
        Operation(
            "get",
            "/api/v1/status/buildinfo",
            "The version of Prometheus whose language is understood.",
            "read",
            {200: BuildAnswer},
        ),
    ),
    refusal=QueryRefusal,
)
