"""What Amazon Data Firehose expects of an HTTP endpoint, whatever it is answered.

https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
"""

import time
from collections.abc import Mapping
from typing import Final

from aiohttp import web

PATH: Final = "/firehose"
ACCESS_KEY: Final = "X-Amz-Firehose-Access-Key"
REQUEST_ID: Final = "X-Amz-Firehose-Request-Id"
_LONGEST: Final = 4000  # characters of a message; 8 KiB are read


def firehose_answer(
    request: web.BaseRequest,
    status: int = 200,
    said: str | None = None,
    *,
    named: str | None = None,
    timestamp: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return an answer that names the request.

    Parameters
    ----------
    request
        The delivery.
    status
        200 is what Firehose takes for delivered; it repeats anything else, except for 413.
    said
        What is wrong, shown in its error logs.
    named, timestamp
        What the body calls itself; by default, what the headers say, and now.
    headers
        More of the answer.
    """
    answer: dict[str, object] = {
        "requestId": named if named is not None else request.headers.get(REQUEST_ID, ""),
        "timestamp": timestamp if timestamp is not None else int(time.time() * 1000),
    }
    if said is not None:
        answer["errorMessage"] = said[:_LONGEST]
    return web.json_response(answer, status=status, headers=headers)
