"""The answers of the read API, in the form of Prometheus. Light: the description of all routes loads them."""

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
