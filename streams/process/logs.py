"""Logs on standard error, one line per event, from this code and from libraries alike.

Both forms have the same keys: ``timestamp``, ``level``, ``logger``, ``event``, and those of the event
(docs/logs.md).
"""

import io
import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from alerting.words.unseen import escape_unseen, escape_unseen_json
from config.settings import LogSettings

NOISY = (
    "faust",
    "aiokafka",
    "kafka",
    "mode",
    "aiohttp",
    "slack_sdk",
    "asyncio",
    "boto3",
    "botocore",
    "urllib3",
)

FALSE_ALARMS: Final = (
    "kafka.admin._groups",  # it cannot read what Faust adds to its membership, and need not
    "kafka.net.selector",  # a connection that is made in a tenth of a second
)

_FIRST: Final = ("timestamp", "level", "logger", "event")

_OF_KAFKA: Final = ("aiokafka.errors", "kafka.errors")

EVERY_SECONDS: Final = 60.0
REMEMBERED: Final = 1000  # texts of libraries; some fill in their values first


def configure_logs(settings: LogSettings | None = None, *, level: str | None = None) -> None:
    """Send structlog, the loggers of libraries and uncaught errors to standard error.

    ``level`` overrides that of the settings.
    """
    given = settings or LogSettings()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_with_more, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_for_programs() if given.format == "json" else _for_people()),
            ],
        )
    )
    least = (level or given.level).upper()
    handler.setLevel(least)  # the libraries below have levels of their own
    handler.addFilter(RepeatFilter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(least)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in FALSE_ALARMS:
        logging.getLogger(name).setLevel(logging.ERROR)
    sys.excepthook = _log_uncaught


def _with_more(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if more := getattr(event.get("_record"), "more", 0):
        event["more"] = more
    return event


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    structlog.get_logger("uneri").critical("ended by an error", exc_info=(kind, error, trace))


def _for_people() -> list[Processor]:
    return [
        _on_one_line,
        _escaped,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            # no values of variables: they may be tokens or data of senders
            exception_formatter=_traceback,
        ),
    ]


def _for_programs() -> list[Processor]:
    # format_exc_info shows no values of variables either
    return [
        structlog.processors.format_exc_info,
        _ordered,
        structlog.processors.JSONRenderer(_json),
    ]


def _on_one_line(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["event"] = " ".join(str(event["event"]).splitlines())
    return event


def _ordered(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {key: event[key] for key in _FIRST if key in event} | dict(event)


def _escaped(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Escape control characters of senders in strings; lists are shown escaped anyway."""
    return {key: escape_unseen(value) if isinstance(value, str) else value for key, value in event.items()}


def _traceback(out: TextIO, error: ExcInfo) -> None:
    plain = io.StringIO()
    structlog.dev.plain_traceback(plain, error)
    out.write("\n".join(escape_unseen(line) for line in plain.getvalue().split("\n")))


def _json(value: object, **options: Any) -> str:
    return escape_unseen_json(json.dumps(value, ensure_ascii=False, **options))


class Recurring:
    """Decides when to log a recurring event, such as a full disk: at once, then once a minute.

    ``clock`` is monotonic, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged = float("-inf")
        self._unlogged = self._total = 0

    def happened(self, times: int = 1) -> int | None:
        """Count events; return the number since the last log line, None while it is too early for one."""
        self._unlogged += times
        self._total += times
        if self._clock() - self._logged < EVERY_SECONDS:
            return None
        self._logged = self._clock()
        count, self._unlogged = self._unlogged, 0
        return count

    def ended(self) -> int:
        """Return the number of events, when it is time to log that they have ended; else 0.

        What comes and goes, as on a disk with room for small requests, is not logged each time.
        """
        if not self._total or self._clock() - self._logged < EVERY_SECONDS:
            return 0
        count = self._total
        self._unlogged = self._total = 0
        self._logged = float("-inf")
        return count


class RepeatFilter(logging.Filter):
    """Passes what a library repeats once a minute, with the number that was left out as ``more``.

    aiokafka logs hundreds of lines a second while a broker is away. Lines count as the same if their text
    before the values are filled in is. A traceback is always logged, but for an answer of Kafka, which says
    all there is to know. ``clock`` is monotonic, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seen: defaultdict[tuple[str, str], Recurring] = defaultdict(lambda: Recurring(clock))

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record."""
        if record.exc_info and type(record.exc_info[1]).__module__ in _OF_KAFKA:
            record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
            record.exc_info = None
        if record.name.partition(".")[0] not in NOISY or record.exc_info:
            return True
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        count = self._seen[record.name, str(record.msg)].happened()
        if count is None:
            return False
        record.more = count - 1
        return True
