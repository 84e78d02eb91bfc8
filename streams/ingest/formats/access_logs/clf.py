"""The format ``clf``: the common and the combined log format of nginx and Apache.

``host ident user [time] "request" status bytes``, then perhaps ``"referer" "user agent"``, then whatever the
server is configured to add. Of that, one thing is understood: nginx's ``$request_time``, in seconds with
three decimals, which is named (``rt=``, ``request_time=``) or among the last numbers; the times of upstreams
lie within it, so the longest is it. Its line carries the time of the response, so the request began that
much earlier. Apache writes when the request came; without a duration, the time is used as it stands. Apache's
variant that begins with ``name:port`` of the virtual host names the service.

ingress-nginx writes more, at known places: the time, and the upstream, which names the service.

Nothing else is guessed: microseconds look like a size. Two equal lines are two requests, for the
log names none; so records have no id. A client is a product token of the user agent (``user_agents``). The
address and the authenticated user are people, and no clients.
"""

import re
from typing import Final, NamedTuple

from streams.engine.decode.event import Event, EventClient, Layers
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.access_logs.log_lines import (
    clf_time,
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

_QUOTED: Final = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_LINE: Final = re.compile(
    # a visitor chooses the user; both servers escape the quotes in it
    r'((?:[^"\\]|\\.){1,32768}?) ?\[([^\[\]"]{1,60})\] ?' + _QUOTED + r" (\S{1,10})(?: (\S{1,20}))?(?: (.*))?"
)
_FIELD: Final = re.compile(_QUOTED + r"|(\S+)")
_MOST_FIELDS: Final = 64
_SECONDS: Final = re.compile(r"\d{1,9}\.\d{3}", re.ASCII)
_NAMED: Final = re.compile(r'(?:rt|request_time)="?(\d{1,9}\.\d{3})"?', re.ASCII)
_HOST: Final = re.compile(r"([A-Za-z0-9_.-]{1,253}):\d{1,5}", re.ASCII)
_UPSTREAM: Final = re.compile(r"\[[A-Za-z0-9._-]{0,253}\]")
_INGRESS: Final = 8  # fields after the size that ingress-nginx writes at least
_FIELDS_BEFORE: Final = 3  # host, ident, user
_AGENT: Final = 1


class LogField(NamedTuple):
    """A field after the common ones."""

    text: str
    quoted: bool


class ClfLine(NamedTuple):
    """``host ident user [time] "request" status bytes``, and the fields after them."""

    before: list[str]
    time: str
    request: str
    status: str
    fields: list[LogField]


class _Clf:
    name: Final = "clf"

    def looks_like(self, payload: bytes) -> bool:
        found = clf_line(first_line(payload))
        return found is not None and clf_time(found.time) is not None

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        paths = path_templates(tuple(around.templates))
        return read_lines(payload, lambda line: _record(line, around, paths))


def _record(line: str, around: Surroundings, paths: PathTemplates) -> Event:
    found = clf_line(line)
    if found is None:
        raise RefusalError(
            RejectReason.UNKNOWN_FORMAT, "no line of the common or the combined log format of nginx or Apache"
        )
    at = clf_time(found.time)
    if at is None:
        raise RefusalError(RejectReason.BAD_TS, f"no time of the common log format: {found.time!r}")
    status = status_of(found.status)
    ingress = _ingress(found)
    took = _milliseconds(found, ingress)
    record = Event(
        ts=at if took is None else round(counted_at(at - took / 1000, took), 3),
        route=route_of(request_line(unescaped(found.request)), paths, status),
        client=_client(found),
        status=status,
        ms=None if took is None else Layers(total=took),
    )
    with_defaults(record, around)
    if record.service is None:
        record.service = ingress.upstream if ingress else _virtual_host(found)
    return record


class _Ingress(NamedTuple):
    """What ingress-nginx adds to the combined format.

    The id of a request in it is the caller's ``X-Request-ID``, where there is one: no proof of a repeat.
    """

    seconds: str
    upstream: str | None  # namespace-service-port


def _ingress(line: ClfLine) -> _Ingress | None:
    """Return what ingress-nginx adds: behind the length of a request its time and upstream."""
    if len(line.fields) <= _INGRESS:
        return None
    length, seconds, upstream = (field.text for field in line.fields[2:5])
    if not (length.isdecimal() and _SECONDS.fullmatch(seconds) and _UPSTREAM.fullmatch(upstream)):
        return None
    return _Ingress(seconds, upstream[1:-1] or None)


def _milliseconds(line: ClfLine, ingress: _Ingress | None) -> float | None:
    if ingress is not None:
        return milliseconds(ingress.seconds, "request_time", per=1000)
    own = [field.text for field in line.fields if not field.quoted]  # visitors choose what is quoted
    named = next((found[1] for found in map(_NAMED.fullmatch, own) if found), None)
    if named is None:
        numbers = [text for text in own if _SECONDS.fullmatch(text)]
        if not numbers or line.fields[-1].quoted or own[-1] not in (numbers[-1], "-"):
            return None
        named = max(numbers, key=float)
    return milliseconds(named, "request_time", per=1000)


def _client(line: ClfLine) -> EventClient | None:
    """Return the client of the combined format, whose referer and agent are quoted."""
    if len(line.fields) <= _AGENT or not (line.fields[0].quoted and line.fields[_AGENT].quoted):
        return None
    agent = present(line.fields[_AGENT].text)
    return None if agent is None else client_of(unescaped(agent))


def _virtual_host(line: ClfLine) -> str | None:
    found = _HOST.fullmatch(line.before[0]) if len(line.before) > _FIELDS_BEFORE else None
    return found[1].lower() if found else None


def clf_line(line: str) -> ClfLine | None:
    r"""Return the parts of a line, None if it is none.

    Examples
    --------
    >>> clf_line('::1 - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 5 "-" "a\\"b" 0.005').fields[2]
    LogField(text='0.005', quoted=False)
    """
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    fields = []
    for match in _FIELD.finditer(found[6] or ""):
        fields.append(LogField(match[2] or match[1], match[2] is None))
        if len(fields) == _MOST_FIELDS:
            break
    return ClfLine(found[1].split(), found[2], found[3], found[4], fields)


CLF: Final = _Clf()
