"""CloudWatch Logs, and the Firehose stream that carries what is subscribed of a log group."""

import base64
import gzip
import json
import math
from collections.abc import Iterable
from itertools import count
from typing import Final, NamedTuple

from tests.main_job.four_ways.way import Delivery

_NUMBERS: Final = count(31953106606966983378809025079804211143289615424298221568)


class LogLine(NamedTuple):
    """A line of a log group."""

    at: float  # epoch seconds at which it was written
    message: str


def enveloped(account: str, group: str, lines: Iterable[LogLine]) -> bytes:
    """Return the lines as CloudWatch Logs hands them to a subscription: gzip."""
    events = [
        # the milliseconds of a line are never before its events
        {"id": str(next(_NUMBERS)), "timestamp": math.ceil(round(line.at * 1000, 4)), "message": line.message}
        for line in lines
    ]
    said = {
        "messageType": "DATA_MESSAGE",
        "owner": account,
        "logGroup": group,
        "logStream": "2025/09/01/[$LATEST]3f5d",
        "subscriptionFilters": ["uneri"],
        "logEvents": events,
    }
    return gzip.compress(json.dumps(said).encode(), 1, mtime=0)


def delivery(records: Iterable[bytes], at: float, source: str | None = None) -> Delivery:
    """Return a post of Firehose."""
    posted = {
        "requestId": f"ed4acda5-034f-9f42-bba1-{next(_NUMBERS) % 10**12:012d}",
        "timestamp": int(at * 1000),
        "records": [{"data": base64.b64encode(record).decode()} for record in records],
    }
    return Delivery(json.dumps(posted).encode(), "firehose", source)
