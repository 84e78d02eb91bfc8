"""The routes of the read API, for the web server of a daemon.

An answer stays in memory until it is read. Whoever asks for many and reads none would take all there is.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from importlib.metadata import version
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from streams.process.web.request_body import BodyError, read_small
from streams.record.query import prometheus_json
from streams.record.query.promql import matchers_of
from streams.record.query.query_bounds import STATUS, QueryError, QueryTrouble, bad_data
from streams.record.query.query_service import SECONDS, QueryService
from streams.record.query.query_times import QueryTimes, duration, moment
from streams.record.query.series_index import METRICS, Conditions

COMPATIBLE: Final = "2.45.0"
"""The version of Prometheus whose language is understood; Grafana asks for it to know what it may ask."""

_LARGEST: Final = 65_536  # bytes of a body
_MOST_FIELDS: Final = 1000
_FORM: Final = "application/x-www-form-urlencoded"
_WHOLE: Final = re.compile(r"\d{1,18}", re.ASCII)
_UNKEPT: Final = {"Cache-Control": "no-store"}


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOK_SECONDS: Final = 0.25
"""How often is looked whether somebody is still there: the web server tells no handler."""

LARGE: Final = 262_144
"""Bytes from which an answer is sent part by part."""

MOST_HELD: Final = 128 << 20
"""Bytes of such answers; for more, those that have been sent for the longest are given up."""

STALLED_SECONDS: Final = 20.0
"""How long a part may take."""


class _Asked:
    """The parameters of a request, those of its body first."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def get(self, name: str) -> str:
        """Return the first value; empty without one."""
        return next((value for field, value in self._fields if field == name), "")

    def need(self, name: str) -> str:
        """Return a value that has to be there."""
        if not (value := self.get(name)):
            raise bad_data(f'invalid parameter "{name}": it is missing')
        return value

    def each(self, name: str) -> list[str]:
        """Return all values."""
        return [value for field, value in self._fields if field == name]

    @property
    def seconds(self) -> float:
        """How long the answer may take."""
        timeout = self.get("timeout")
        return min(SECONDS, duration("timeout", timeout) / 1000) if timeout else SECONDS

    @property
    def most(self) -> int | None:
        """How much is wanted; None for all of it."""
        limit = self.get("limit")
        if not limit:
            return None
        if not _WHOLE.fullmatch(limit):
            raise bad_data('invalid parameter "limit": limit must be a whole number and non-negative')
        return int(limit) or None


_Answer = Callable[[web.Request, _Asked], Coroutine[Any, Any, bytes]]


class QueryRoutes:
    """Serves the API.

    Parameters
    ----------
    desk
        Answers queries.
    now
        Wall time, epoch seconds.
    large
        Sends answers that are large.
    """

    def __init__(
        self, desk: QueryService, now: Callable[[], float] = time.time, large: "LargeAnswers | None" = None
    ) -> None:
        self._desk = desk
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

    async def _query(self, _: web.Request, asked: _Asked) -> bytes:
        at = moment("time", asked.get("time") or str(self._now()))
        return await self._desk.instant(asked.need("query"), QueryTimes(at), asked.seconds)

    async def _range(self, _: web.Request, asked: _Asked) -> bytes:
        first, end = (moment(name, asked.need(name)) for name in ("start", "end"))
        times = QueryTimes.over(first, end, duration("step", asked.need("step")))
        return await self._desk.over(asked.need("query"), times, asked.seconds)

    async def _series(self, _: web.Request, asked: _Asked) -> bytes:
        conditions = _conditions(asked)
        if not conditions:
            raise bad_data("no match[] parameter provided")
        return await self._desk.listing(lambda listing: listing.series(conditions), asked.most)

    async def _labels(self, _: web.Request, asked: _Asked) -> bytes:
        conditions = _conditions(asked)
        return await self._desk.listing(lambda listing: listing.labels(conditions), asked.most)

    async def _values(self, request: web.Request, asked: _Asked) -> bytes:
        conditions, label = _conditions(asked), request.match_info["name"]
        return await self._desk.listing(lambda listing: listing.values(label, conditions), asked.most)

    async def _metadata(self, _: web.Request, asked: _Asked) -> bytes:
        wanted = asked.get("metric")
        return prometheus_json.told(
            {
                metric.name: [{"type": "gauge", "help": metric.help, "unit": ""}]
                for metric in METRICS
                if wanted in ("", metric.name)
            }
        )

    async def _build(self, _: web.Request, __: _Asked) -> bytes:
        unknown = dict.fromkeys(("revision", "branch", "buildUser", "buildDate", "goVersion"), "")
        told = {"version": COMPATIBLE, "application": f"Uneri {version('uneri')}"}
        return prometheus_json.told(told | unknown)

    def _answering(self, answer: _Answer) -> _Handler:
        """Return what handles a request, whose errors are Prometheus', too."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                found = _json(await while_asked(request, answer(request, await _asked(request))))
                return await self._large.send(request, found)
            except QueryError as error:
                return _refused(error.trouble, str(error), STATUS[error.trouble])
            except BodyError as error:
                return _refused(QueryTrouble.BAD_DATA, str(error), error.status)

        return handle


def _conditions(asked: _Asked) -> Conditions:
    for name in ("start", "end"):
        if text := asked.get(name):
            moment(name, text)
    return [matchers_of(text) for text in asked.each("match[]")]


async def _asked(request: web.Request) -> _Asked:
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
    return _Asked(fields)


def _refused(trouble: QueryTrouble, said: str, status: int) -> web.Response:
    body = {"status": "error", "errorType": str(trouble), "error": said}
    return _json(msgspec.json.encode(body), status)


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json", headers=_UNKEPT)


async def while_asked(request: web.Request, answer: Coroutine[Any, Any, bytes]) -> bytes:
    """Return an answer, unless the one who asks for it leaves; a dashboard does so at each refresh.

    Raises
    ------
    BodyError
        When nobody is there any more, who could read it.
    """
    working = asyncio.ensure_future(answer)
    try:
        while not (await asyncio.wait({working}, timeout=LOOK_SECONDS))[0]:
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
    """Sends answers.

    Parameters
    ----------
    most
        Bytes that are held at the same time.
    seconds
        How long a part of ``LARGE`` bytes may take.
    """

    def __init__(self, most: int = MOST_HELD, seconds: float = STALLED_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._sending: list[_Sending] = []  # the oldest first

    @property
    def held(self) -> int:
        """Return the bytes of answers that are being sent."""
        return sum(sending.size for sending in self._sending)

    async def send(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Send a response with a body of bytes, or give it up; return what was sent."""
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
