"""Gauges and sums of limits and quotas become samples; of the rest, requests tell more than aggregates."""

import re
from collections.abc import Iterable
from typing import Final

from streams.engine.decode.event import SampleRecord, ScopeName
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import Reading, RefusalError, Surroundings
from streams.ingest.formats.otlp.attributes import LONGEST
from streams.ingest.formats.otlp.origin import Origin, origin_of
from streams.ingest.formats.otlp.span import Point, ResourceMetrics
from streams.ingest.formats.otlp.times import seconds
from streams.ingest.formats.validated import judged

NO_LIMIT: Final = "a metric of no limit or quota"

_LEVEL: Final = re.compile(r"limit|quota|concurren", re.IGNORECASE)


def read_metrics(resources: Iterable[ResourceMetrics], around: Surroundings) -> Reading:
    """Return the samples that the data points are.

    Raises
    ------
    RefusalError
        When there are more than a payload may hold.
    """
    reading = Reading()
    for resource in resources:
        origin = origin_of(resource.attributes)
        if resource.others:
            reading.skipped[NO_LIMIT] += resource.others
        for point in resource.points:
            if point.value is None or not _LEVEL.search(point.name):
                reading.skipped[NO_LIMIT] += 1
                continue
            try:
                reading.records.append(_sample(point, origin, around))
            except RefusalError as error:
                reading.refused.append(error.of(point.name[:LONGEST].encode(errors="replace")))
    return reading


def _sample(point: Point, origin: Origin, around: Surroundings) -> SampleRecord:
    account = origin.account or around.account
    record = SampleRecord(
        ts=seconds(point.time, "the data point"),
        cloud=origin.cloud or around.cloud,
        account=account,
        region=origin.region or around.region,
        of=_scope(origin, account, around),
        name=point.name[:LONGEST],
        value=point.value,
        unit=point.unit[:LONGEST] or None,
    )
    judged(record)
    return record


def _scope(origin: Origin, account: str | None, around: Surroundings) -> ScopeName:
    if function := origin.function or around.function:
        return ScopeName("function", function)
    if service := origin.service or around.service:
        return ScopeName("service", service)
    if account:
        return ScopeName("account", account)
    raise RefusalError(
        RejectReason.NO_NAME, "the resource of the metric names no function, service or account"
    )
