"""The format ``alb``: access logs of Application Load Balancers, as files of S3 or line by line.

A line has 30 fields or so; each year brings more at its end, and old logs end earlier. What is read lies in
the first twenty-five, and only the first thirteen must be there.

- The line is written with the response, so ``ts`` is the time of the request in a later field, or the end
  less the three times.
- The three times are those until the target has the request, until it answers, and until the caller has the
  answer: they add up to ``ms.total``, and the second is ``ms.function``, be the target a Lambda function or a
  server. ``-1`` means that the request came to no target or no answer came from it: then nothing is known.
- A service is, unless the configuration names it, the target group, else the load balancer.
- A client is a product token of the user agent (``user_agents``); no field names the caller more closely.
"""

import re
from collections.abc import Sequence
from typing import Final

from streams.engine.decode.event import ErrorClass, Event, Layers
from streams.engine.decode.parse import stamp_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.access_logs.log_lines import (
    counted_at,
    first_line,
    milliseconds,
    present,
    read_lines,
    status_of,
    unescaped,
)
from streams.ingest.formats.access_logs.routes import PathTemplates, path_templates, request_line, route_of
from streams.ingest.formats.access_logs.user_agents import client_of
from streams.ingest.formats.format import Reading, RefusalError, Surroundings, with_defaults
from streams.ingest.formats.trace_ids import x_ray_key, x_ray_trace

_TYPES: Final = frozenset({"http", "https", "h2", "grpcs", "ws", "wss"})
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_FIELD: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"|(\S+)')
_FEWEST_FIELDS: Final = 13
_TEST: Final = "Enable AccessLog for ELB"
"""The first line of a new load balancer, which tests its permissions."""

_END, _BALANCER = 1, 2
_TIMES: Final = slice(5, 8)
_STATUS, _REQUEST, _AGENT, _GROUP, _TRACE, _BEGIN, _REASON = 8, 12, 13, 16, 17, 21, 24

_GROUP_ARN: Final = re.compile(
    r"arn:[a-z-]{3,16}:elasticloadbalancing:([a-z0-9-]{1,32}):(\d{12}):targetgroup/([^/\s]{1,64})/", re.ASCII
)
_SELF: Final = re.compile(r"(?:^|;)Self=([0-9A-Za-z-]{1,64})", re.ASCII)
_NO_TIME: Final = "-1"
_THROTTLED: Final = "LambdaThrottling"
_CRASHED: Final = "LambdaUnhandled"


class _Alb:
    name: Final = "alb"

    def looks_like(self, payload: bytes) -> bool:
        words = first_line(payload).split(" ", 2)
        return len(words) > 1 and words[0] in _TYPES and _TIME.fullmatch(words[1]) is not None

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        paths = path_templates(tuple(around.templates))
        return read_lines(payload, lambda line: _record(line, around, paths))


def _record(line: str, around: Surroundings, paths: PathTemplates) -> Event | None:
    if line.startswith(_TEST):
        return None
    fields = _fields(line)
    group = _GROUP_ARN.match(_at(fields, _GROUP) or "")
    trace = _at(fields, _TRACE)
    root = x_ray_trace(trace)
    status = status_of(_at(fields, _STATUS))
    reason = _at(fields, _REASON)
    ms = _layers(fields[_TIMES])
    record = Event(
        ts=_ts(fields, ms),
        id=_id(trace, root),
        cloud="aws",
        account=group[2] if group else None,
        region=group[1] if group else None,
        route=route_of(request_line(unescaped(fields[_REQUEST])), paths, status),
        client=client_of(_at(fields, _AGENT)),
        status=status,
        error_type=reason,
        ms=ms,
        throttled=reason if reason == _THROTTLED else None,
        joins=x_ray_key(root) if root else None,
        trace=root,
    )
    error = _error(reason)
    if error is not None:
        record.error = error
    with_defaults(record, around)
    if record.service is None:
        record.service = group[3] if group else _balancer(fields[_BALANCER])
    return record


def _fields(line: str) -> list[str]:
    fields = [quoted or bare for quoted, bare in _FIELD.findall(line)]
    if not fields or fields[0] not in _TYPES:
        raise RefusalError(
            RejectReason.UNKNOWN_FORMAT,
            "no line of an Application Load Balancer: it begins with http, h2, ws, …",
        )
    if len(fields) < _FEWEST_FIELDS:
        raise RefusalError(RejectReason.DAMAGED, f"only {len(fields)} fields; the line is cut off")
    return fields


def _at(fields: Sequence[str], place: int) -> str | None:
    return present(fields[place]) if place < len(fields) else None


def _layers(times: Sequence[str]) -> Layers | None:
    if _NO_TIME in times:
        return None
    names = ("request_processing_time", "target_processing_time", "response_processing_time")
    found = [milliseconds(text, name, per=1000) for text, name in zip(times, names, strict=True)]
    known = [ms for ms in found if ms is not None]
    return Layers(total=round(sum(known), 3), function=found[1]) if len(known) == len(found) else None


def _ts(fields: Sequence[str], ms: Layers | None) -> float | str | None:
    begin = _at(fields, _BEGIN)
    text = begin or fields[_END]
    stamp = stamp_of(text)
    if isinstance(stamp, tuple):
        return text
    took = ms.total if ms and ms.total else 0.0
    return round(counted_at(stamp if begin else stamp - took / 1000, took), 6)


def _id(trace: str | None, root: str | None) -> str | None:
    """Return the balancer's own name for the request.

    It adds ``Self`` to the header of a caller that has begun a trace, which may hold many requests, and
    begins one for others. One of the two is never the caller's.
    """
    if trace is None:
        return None
    own = _SELF.search(trace)
    found = "/".join(part for part in (own and own[1], root) if part)
    return f"alb:{found}" if found else None


def _balancer(name: str) -> str | None:
    """Return the name in ``app/my-balancer/50dc6c495c0c9188``."""
    words = name.split("/")
    return present(words[1] if len(words) > 1 else name)


def _error(reason: str | None) -> ErrorClass | None:
    if reason == _THROTTLED:
        return "backend"
    return "fatal" if reason == _CRASHED else None


ALB: Final = _Alb()
