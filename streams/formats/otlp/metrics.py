"""Gauges and sums of limits and quotas become samples; of the rest, requests tell more than aggregates."""

import re
from collections.abc import Iterable
from typing import Final

from streams.decode.event import SampleRecord, ScopeName
from streams.decode.rejected import RejectReason
from streams.formats.format import Reading, RefusalError, Surroundings
from streams.formats.judged import judged
from streams.formats.otlp.attributes import LONGEST
from streams.formats.otlp.place import Place, place_of
from streams.formats.otlp.span import Point, ResourceMetrics
from streams.formats.otlp.times import seconds

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
    for each in resources:
        place = place_of(each.attributes)
        if each.others:
            reading.skipped[NO_LIMIT] += each.others
        for point in each.points:
            if point.value is None or not _LEVEL.search(point.name):
                reading.skipped[NO_LIMIT] += 1
                continue
            try:
                reading.records.append(_sample(point, place, around))
            except RefusalError as error:
                reading.refused.append(error.of(point.name[:LONGEST].encode(errors="replace")))
    return reading


def _sample(point: Point, place: Place, around: Surroundings) -> SampleRecord:
    account = place.account or around.account
    record = SampleRecord(
        ts=seconds(point.time, "the data point"),
        cloud=place.cloud or around.cloud,
        account=account,
        region=place.region or around.region,
        of=_scope(place, account, around),
        name=point.name[:LONGEST],
        value=point.value,
        unit=point.unit[:LONGEST] or None,
    )
    judged(record)
    return record


def _scope(place: Place, account: str | None, around: Surroundings) -> ScopeName:
    if function := place.function or around.function:
        return ScopeName("function", function)
    if service := place.service or around.service:
        return ScopeName("service", service)
    if account:
        return ScopeName("account", account)
    raise RefusalError(
        RejectReason.NO_NAME, "the resource of the metric names no function, service or account"
    )
