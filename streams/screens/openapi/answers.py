"""Answers of the web server: refusals, health, results of commands and of records, and the read API's."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from alerting.commands.dispatch import CommandResult
from streams.engine.decode.rejected import RejectReason
from streams.screens.openapi.incident_answers import MemoAnswer


class RefusalAnswer(msgspec.Struct):
    """Why a request was refused, in one line with the remedy."""

    error: str


class HealthAnswer(msgspec.Struct):
    """Whether the process works, or why only a restart helps."""

    ok: bool
    reason: str | None


class ReadyAnswer(msgspec.Struct):
    """Whether it does what it is there for, or what it waits for."""

    ready: bool
    reason: str | None


class ReloadAnswer(msgspec.Struct):
    """The sections that were taken up, and the settings that wait for a restart."""

    changed: list[str]
    restart: list[str]


class TakeoverAnswer(msgspec.Struct):
    """What the daemon says of learnt history that it takes up; ``begins`` is what it can judge anew."""

    begins: int | None
    waits: bool
    progress: float
    refused: str | None


class TakingUpAnswer(msgspec.Struct):
    """It begins to take up learnt history."""

    taking_up: Literal[True]


class SilencedAnswer(msgspec.Struct, kw_only=True):
    """What became of a command about a silence; ``fits`` counts the incidents that match."""

    said: CommandResult
    silence: str | None
    until: int | None
    fits: int | None


class NotedAnswer(msgspec.Struct, kw_only=True):
    """What became of a command about a memo."""

    said: CommandResult
    memo: MemoAnswer | None


class MemosAnswer(msgspec.Struct):
    """Memos, oldest first."""

    memos: list[MemoAnswer]


class ActedAnswer(msgspec.Struct, kw_only=True):
    """What became of what a person did on the board; ``error`` says why nothing did."""

    said: CommandResult
    memo: MemoAnswer | UnsetType = UNSET
    silence: str | UnsetType = UNSET
    until: int | UnsetType = UNSET
    fits: int | UnsetType = UNSET
    error: str | UnsetType = UNSET
    sent: str | UnsetType = UNSET


class SessionAnswer(msgspec.Struct, kw_only=True):
    """What a browser may do, by whose token, and the proof that each action shows."""

    needed: bool
    may: list[Literal["intake", "read", "operate"]]
    token: str | UnsetType | None = UNSET
    proof: str | UnsetType | None = UNSET


class DeadLetterAnswer(msgspec.Struct, kw_only=True):
    """A record that became a dead letter: its line or its number in the body, where it has one, and why."""

    line: int | UnsetType = UNSET
    record: int | UnsetType = UNSET
    reason: RejectReason
    detail: str


class ReceiptAnswer(msgspec.Struct, kw_only=True):
    """What is durable of a body, and what is not."""

    accepted: int
    late: int | UnsetType = UNSET
    warning: str | UnsetType = UNSET
    refused: list[DeadLetterAnswer] | UnsetType = UNSET
    skipped: dict[str, int] | UnsetType = UNSET


class FirehoseAnswer(msgspec.Struct, kw_only=True):
    """What Firehose reads."""

    request: str = msgspec.field(name="requestId")
    timestamp: int
    error: str | UnsetType = msgspec.field(name="errorMessage", default=UNSET)


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
