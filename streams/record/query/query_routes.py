"""The routes of the read API; clients that leave or do not read cost a bounded amount."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from importlib.metadata import version
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from streams.process.web.answer_forms import QueryRefusal
from streams.process.web.request_body import BodyError, read_small
from streams.record.query.promql import parse_selector
from streams.record.query.query_answers import BuildAnswer, MetadataAnswer, MetricAnswer
from streams.record.query.query_bounds import STATUS, QueryError, QueryTrouble, bad_data
from streams.record.query.query_service import SECONDS, QueryService
from streams.record.query.query_times import QueryTimes, parse_duration, parse_time
from streams.record.query.series_index import METRICS, Conditions

COMPATIBLE: Final = "2.45.0"
"""The version of Prometheus whose language is understood; Grafana adapts its queries to it."""

_LARGEST: Final = 65_536  # bytes of a body
_MOST_FIELDS: Final = 1000
_FORM: Final = "application/x-www-form-urlencoded"
_WHOLE: Final = re.compile(r"\d{1,18}", re.ASCII)
_UNKEPT: Final = {"Cache-Control": "no-store"}


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CHECK_SECONDS: Final = 0.25
"""Between two checks whether the client is connected: the web server does not notify handlers."""

LARGE: Final = 262_144
"""Bytes from which an answer is sent part by part."""

MOST_HELD: Final = 128 << 20
"""Bytes of such answers; for more, the oldest ones are aborted."""

RETRY_SECONDS: Final = 5
"""When to ask again what could not be answered now."""

STALLED_SECONDS: Final = 20.0
"""Time for a part."""


class _Parameters:
    """The parameters of a request, those of its body first."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def get(self, name: str) -> str:
        """Return the first value; empty without one."""
        return next((value for field, value in self._fields if field == name), "")

    def need(self, name: str) -> str:
        """Return the first value, which must be there."""
        if not (value := self.get(name)):
            raise bad_data(f'invalid parameter "{name}": it is missing')
        return value

    def all(self, name: str) -> list[str]:
        """Return all values."""
        return [value for field, value in self._fields if field == name]

    @property
    def seconds(self) -> float:
        """Time for the answer."""
        timeout = self.get("timeout")
        return min(SECONDS, parse_duration("timeout", timeout) / 1000) if timeout else SECONDS

    @property
    def most(self) -> int | None:
        """Number of entries that are wanted; None for all of them."""
        limit = self.get("limit")
        if not limit:
            return None
        if not _WHOLE.fullmatch(limit):
            raise bad_data('invalid parameter "limit": limit must be a whole number and non-negative')
        return int(limit) or None


_Answer = Callable[[web.Request, _Parameters], Coroutine[Any, Any, bytes]]


class QueryRoutes:
    """Serves the API; ``now`` is wall time, epoch seconds."""

    def __init__(
        self, service: QueryService, now: Callable[[], float] = time.time, large: "LargeAnswers | None" = None
    ) -> None:
        self._service = service
        self._now = now
        self._large = large or LargeAnswers()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        both = {
            "query": self._query,
            "query_range": self._range,
            "labels": self._labels,
            "series": self._series,
        }
        return [
            *(web.get(f"/api/v1/{name}", self._answering(answer)) for name, answer in both.items()),
            *(web.post(f"/api/v1/{name}", self._answering(answer)) for name, answer in both.items()),
            web.get("/api/v1/label/{name}/values", self._answering(self._values)),
            web.get("/api/v1/metadata", self._answering(self._metadata)),
            web.get("/api/v1/status/buildinfo", self._answering(self._build)),
        ]

    async def _query(self, _: web.Request, parameters: _Parameters) -> bytes:
        at = parse_time("time", parameters.get("time") or str(self._now()))
        return await self._service.instant(parameters.need("query"), QueryTimes(at), parameters.seconds)

    async def _range(self, _: web.Request, parameters: _Parameters) -> bytes:
        first, end = (parse_time(name, parameters.need(name)) for name in ("start", "end"))
        times = QueryTimes.over(first, end, parse_duration("step", parameters.need("step")))
        return await self._service.over(parameters.need("query"), times, parameters.seconds)

    async def _series(self, _: web.Request, parameters: _Parameters) -> bytes:
        conditions = _conditions(parameters)
        if not conditions:
            raise bad_data("no match[] parameter provided")
        return await self._service.listing(lambda listing: listing.series(conditions), parameters.most)

    async def _labels(self, _: web.Request, parameters: _Parameters) -> bytes:
        conditions = _conditions(parameters)
        return await self._service.listing(lambda listing: listing.labels(conditions), parameters.most)

    async def _values(self, request: web.Request, parameters: _Parameters) -> bytes:
        conditions, label = _conditions(parameters), request.match_info["name"]
        return await self._service.listing(lambda listing: listing.values(label, conditions), parameters.most)

    async def _metadata(self, _: web.Request, parameters: _Parameters) -> bytes:
        wanted = parameters.get("metric")
        known = {metric.name: [MetricAnswer("gauge", metric.help, "")] for metric in METRICS}
        found = {name: about for name, about in known.items() if wanted in ("", name)}
        return msgspec.json.encode(MetadataAnswer("success", found))

    async def _build(self, _: web.Request, __: _Parameters) -> bytes:
        unknown = dict.fromkeys(("revision", "branch", "buildUser", "buildDate", "goVersion"), "")
        build = {"version": COMPATIBLE, "application": f"Uneri {version('uneri')}"}
        return msgspec.json.encode(BuildAnswer("success", build | unknown))

    def _answering(self, answer: _Answer) -> _Handler:
        """Return a handler that answers errors as Prometheus does."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                found = _json(
                    await cancel_on_disconnect(request, answer(request, await _parameters(request)))
                )
                return await self._large.send(request, found)
            except QueryError as error:
                return _refused(error.trouble, str(error), STATUS[error.trouble])
            except BodyError as error:
                return _refused(QueryTrouble.BAD_DATA, str(error), error.status)

        return handle


def _conditions(parameters: _Parameters) -> Conditions:
    for name in ("start", "end"):
        if text := parameters.get(name):
            parse_time(name, text)
    return [parse_selector(text) for text in parameters.all("match[]")]


async def _parameters(request: web.Request) -> _Parameters:
    fields = list(request.query.items())
    if request.method == "POST" and request.can_read_body:
        if request.content_type != _FORM:
            raise bad_data(f"send parameters in the address, or as {_FORM}")
        body = await read_small(request, _LARGEST)
        try:
            sent = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as error:
            raise bad_data(f"the form cannot be read: {error}") from error
        fields = sent + fields
    return _Parameters(fields)


def _refused(trouble: QueryTrouble, message: str, status: int) -> web.Response:
    refused = _json(msgspec.json.encode(QueryRefusal("error", trouble.value, message)), status)
    if trouble == QueryTrouble.TIMEOUT:
        refused.headers["Retry-After"] = str(RETRY_SECONDS)
    return refused


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json", headers=_UNKEPT)


async def cancel_on_disconnect(request: web.Request, answer: Coroutine[Any, Any, bytes]) -> bytes:
    """Return an answer, or cancel it when the client disconnects, as dashboards do at each refresh.

    Raises
    ------
    BodyError
        When the client has disconnected.
    """
    working = asyncio.ensure_future(answer)
    try:
        while not (await asyncio.wait({working}, timeout=CHECK_SECONDS))[0]:
            if request.transport is None or request.transport.is_closing():
                raise BodyError("the sender is gone", 400, "gone")
        return working.result()
    finally:
        working.cancel()


class _Sending(NamedTuple):
    """One answer on its way."""

    transport: asyncio.Transport
    size: int


class LargeAnswers:
    """Sends answers that are larger than the buffer of a connection, in bounded memory and time.

    Such an answer stays in memory until it is read: a client that reads none would fill it. ``most`` are the
    bytes held at the same time, ``seconds`` the time for a part of ``LARGE`` bytes.
    """

    def __init__(self, most: int = MOST_HELD, seconds: float = STALLED_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._sending: list[_Sending] = []  # the oldest first

    @property
    def held(self) -> int:
        """Bytes of answers that are being sent."""
        return sum(sending.size for sending in self._sending)

    async def send(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Send a response with a body of bytes, or abort it; return the response that was sent."""
        body, transport = response.body, request.transport
        if request.method == "HEAD" or not isinstance(body, bytes) or len(body) <= LARGE or transport is None:
            return response
        sent = web.StreamResponse(status=response.status, headers=response.headers)
        sent.content_length = len(body)
        sending = _Sending(transport, len(body))
        self._make_room(sending.size)
        self._sending.append(sending)
        try:
            await self._send(request, sent, body)
        except (TimeoutError, ConnectionError):
            transport.abort()
        finally:
            if sending in self._sending:
                self._sending.remove(sending)
        return sent

    async def _send(self, request: web.Request, sent: web.StreamResponse, body: bytes) -> None:
        await sent.prepare(request)
        for begin in range(0, len(body), LARGE):
            async with asyncio.timeout(self._seconds):
                await sent.write(body[begin : begin + LARGE])

    def _make_room(self, size: int) -> None:
        while self._sending and self.held + size > self._most:
            self._sending.pop(0).transport.abort()
