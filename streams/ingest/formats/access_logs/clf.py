"""The format ``clf``: the common and the combined log format of nginx and Apache.

``host ident user [time] "request" status bytes``, then perhaps ``"referer" "user agent"``, then whatever the
server was told to add, of which one thing is understood: a single last number with three decimals is nginx's
``$request_time``, in seconds. Its line carries the time at which the response was done, so the request began
that much earlier. Apache writes when the request came; without a duration, the time is taken as it stands.
Apache's variant that begins with ``name:port`` of the virtual host names the service.

Nothing else is guessed: microseconds cannot be told from a size. Two equal lines are two requests, for the
log names none; so records have no id. A client is a product token of the user agent (``user_agents``). The
address and the authenticated user are people, and no clients.
"""

import re
from typing import Final

from streams.engine.decode.event import Event, EventClient, Layers
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.access_logs.clf_line import ClfLine, clf_line
from streams.ingest.formats.access_logs.log_lines import first_line, read_lines
from streams.ingest.formats.access_logs.log_values import clf_time, milliseconds, said, status_of, unescaped
from streams.ingest.formats.access_logs.path_templates import PathTemplates, path_templates
from streams.ingest.formats.access_logs.routes import request_line, route_of
from streams.ingest.formats.access_logs.user_agents import client_of
from streams.ingest.formats.format import Reading, RefusalError, Surroundings, settled

_SECONDS: Final = re.compile(r"\d{1,9}\.\d{3}", re.ASCII)
_HOST: Final = re.compile(r"([A-Za-z0-9_.-]{1,253}):\d{1,5}", re.ASCII)
_FIELDS_BEFORE: Final = 3  # host, ident, user
_AGENT: Final = 1


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
    took = _milliseconds(found)
    record = Event(
        ts=at if took is None else round(at - took / 1000, 3),
        route=route_of(request_line(unescaped(found.request)), paths, status),
        client=_client(found),
        status=status,
        ms=None if took is None else Layers(total=took),
    )
    settled(record, around)
    if record.service is None:
        record.service = _virtual_host(found)
    return record


def _milliseconds(line: ClfLine) -> float | None:
    numbers = [field.text for field in line.fields if not field.quoted and _SECONDS.fullmatch(field.text)]
    last = line.fields[-1] if line.fields else None
    if last is None or last.quoted or numbers != [last.text]:
        return None
    return milliseconds(last.text, "request_time", per=1000)


def _client(line: ClfLine) -> EventClient | None:
    """Return the client of the combined format, whose referer and agent are quoted."""
    if len(line.fields) <= _AGENT or not (line.fields[0].quoted and line.fields[_AGENT].quoted):
        return None
    agent = said(line.fields[_AGENT].text)
    return None if agent is None else client_of(unescaped(agent))


def _virtual_host(line: ClfLine) -> str | None:
    found = _HOST.fullmatch(line.before[0]) if len(line.before) > _FIELDS_BEFORE else None
    return found[1].lower() if found else None


CLF: Final = _Clf()
