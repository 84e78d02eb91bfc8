"""Refusals in the form that the sender of a request reads: Firehose's, Prometheus', a page, or plain JSON.

Clients of Prometheus show no text of another form.
https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
"""

import html
import time
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType


class RefusalAnswer(msgspec.Struct, omit_defaults=True):
    """Why a request was refused, in one line with the remedy.

    ``code`` names the reason to a page that says it in another language, where there is a name.
    """

    error: str
    code: str = ""


QueryErrorType = Literal[
    "bad_data", "execution", "timeout", "unavailable", "unauthorized", "forbidden", "not_found"
]


class QueryRefusal(msgspec.Struct, rename="camel"):
    """Why a query has no answer."""

    status: Literal["error"]
    error_type: QueryErrorType
    error: str


class FirehoseAnswer(msgspec.Struct, kw_only=True):
    """What Firehose reads."""

    request: str = msgspec.field(name="requestId")
    timestamp: int
    error: str | UnsetType = msgspec.field(name="errorMessage", default=UNSET)


class TakeoverAnswer(msgspec.Struct):
    """What the daemon says of learnt history that it takes up; ``begins`` is what it can judge anew."""

    begins: int | None  # the first bucket, epoch seconds
    waits: bool  # a history is being taken over
    progress: float  # in [0, 1]
    refused: str | None  # why the last one was refused


class TakingUpAnswer(msgspec.Struct):
    """It begins to take up learnt history."""

    taking_up: Literal[True]


def json_of(
    answer: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return an answer as JSON with spaces, as ``web.json_response`` writes it."""
    return web.json_response(msgspec.to_builtins(answer), status=status, headers=headers)


def refusal(error: str, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a refusal: one line with the remedy."""
    return json_of(RefusalAnswer(error), status, headers)


QUERIES: Final = "/api/v1/"
"""Prefix of the read API's paths."""

_TYPES: Final[dict[int, QueryErrorType]] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    503: "unavailable",
}

FIREHOSE: Final = "/firehose"
ACCESS_KEY: Final = "X-Amz-Firehose-Access-Key"
REQUEST_ID: Final = "X-Amz-Firehose-Request-Id"
_LONGEST: Final = 4000  # characters of a message; 8 KiB are read


def as_expected(request: web.BaseRequest, refused: web.Response) -> web.Response:
    """Return a refusal in the form that the sender reads."""
    if request.path.startswith(QUERIES):
        return _in_prometheus_form(refused)
    if request.path != FIREHOSE:
        return _as_page(refused) if "text/html" in request.headers.get("Accept", "") else refused
    message = _message(refused)
    allow = {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else None
    return firehose_answer(request, refused.status, message, headers=allow)


_PAGE: Final = (
    '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>Uneri</title><p>{}</p><p><a href="/">To the board</a></p>'
)


def _as_page(refused: web.Response) -> web.Response:
    """Return a refusal as a page with the way to the board, for who opened the address in a browser."""
    refused.body = _PAGE.format(html.escape(_message(refused))).encode()
    refused.content_type = "text/html"
    refused.headers["Content-Security-Policy"] = "default-src 'none'"
    return refused


def _message(refused: web.Response) -> str:
    return msgspec.json.decode(refused.text or "", type=RefusalAnswer).error


def _in_prometheus_form(refused: web.Response) -> web.Response:
    """Return a refusal, whose body has ``error``, in the form of Prometheus; its headers stay."""
    message = _message(refused)
    trouble = _TYPES.get(refused.status, "bad_data")
    refused.body = msgspec.json.encode(QueryRefusal("error", trouble, message))
    return refused


def firehose_answer(
    request: web.BaseRequest,
    status: int = 200,
    message: str | None = None,
    *,
    named: str | None = None,
    timestamp: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return an answer that names the request.

    Parameters
    ----------
    status
        Firehose repeats a delivery unless it is 200 or 413.
    message
        For the error logs of Firehose.
    named, timestamp
        Id and time of the request in its body; by default, those of the headers, and now.
    """
    answer = FirehoseAnswer(
        request=named if named is not None else request.headers.get(REQUEST_ID, ""),
        timestamp=timestamp if timestamp is not None else int(time.time() * 1000),
        error=UNSET if message is None else message[:_LONGEST],
    )
    return json_of(answer, status, headers)
