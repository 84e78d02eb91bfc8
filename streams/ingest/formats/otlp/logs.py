"""Log records whose body is a payload of another format, such as reports that a collector picked up."""

from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from streams.ingest.formats.format import Format, Reading, RefusalError, Surroundings
from streams.ingest.formats.otlp.origin import origin_of
from streams.ingest.formats.otlp.span import ResourceLogs

Recognised = Callable[[bytes], Format | None]
"""Returns the format that the body of a log record looks like, None if it looks like none."""

NO_FORMAT: Final = "a log record of no known format"
NO_TEXT: Final = "a log record without a text"


def read_logs(resources: Iterable[ResourceLogs], around: Surroundings, recognised: Recognised) -> Reading:
    """Return what the bodies of log records are read as.

    Raises
    ------
    RefusalError
        When they hold more than a payload may.
    """
    reading = Reading()
    for resource in resources:
        inside = _inside(resource, around)
        for body in resource.bodies:
            if body is None:
                reading.skipped[NO_TEXT] += 1
                continue
            found = recognised(body)
            if found is None:
                reading.skipped[NO_FORMAT] += 1
                continue
            try:
                held = found.read(body, inside)
            except RefusalError as error:
                reading.refused.append(error.of(body))
            else:
                reading.add(held)
    return reading


def _inside(resource: ResourceLogs, around: Surroundings) -> Surroundings:
    origin = origin_of(resource.attributes)
    return replace(
        around,
        cloud=origin.cloud or around.cloud,
        account=origin.account or around.account,
        region=origin.region or around.region,
        service=origin.service or around.service,
        function=origin.function or around.function,
    )
