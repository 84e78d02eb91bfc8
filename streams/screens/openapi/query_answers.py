"""Answers of the read API, as Prometheus has them."""

from typing import Literal

import msgspec


class QueryResult(msgspec.Struct, rename="camel"):
    """What a query found: ``[time, "value"]``, or series with their ``metric`` and such values."""

    result_type: Literal["scalar", "vector", "matrix"]
    result: list[object]


class QueryAnswer(msgspec.Struct):
    """The answer to a query."""

    status: Literal["success"]
    data: QueryResult


class TextsAnswer(msgspec.Struct):
    """Names of labels, or values of one."""

    status: Literal["success"]
    data: list[str]
    warnings: list[str] = []


class SeriesAnswer(msgspec.Struct):
    """The labels of series."""

    status: Literal["success"]
    data: list[dict[str, str]]
    warnings: list[str] = []


class MetricAnswer(msgspec.Struct):
    """What a metric means."""

    type: Literal["gauge"]
    help: str
    unit: str


class MetadataAnswer(msgspec.Struct):
    """What metrics mean, by name."""

    status: Literal["success"]
    data: dict[str, list[MetricAnswer]]


class BuildAnswer(msgspec.Struct):
    """The version of Prometheus whose language is understood."""

    status: Literal["success"]
    data: dict[str, str]


class QueryRefusal(msgspec.Struct, rename="camel"):
    """Why a query has no answer."""

    status: Literal["error"]
    error_type: Literal[
        "bad_data", "execution", "timeout", "unavailable", "unauthorized", "forbidden", "not_found"
    ]
    error: str
