"""The format ``changes``: deployments and other changes become ``ChangeRecord``.

Read are calls that CloudTrail recorded (a record alone, a file with ``Records``, or EventBridge's "AWS API
Call via CloudTrail"), and the webhooks ``deployment`` and ``deployment_status`` of GitHub as JSON. A call
that failed or only read changed nothing; a deployment is recorded when it begins, succeeds or fails.

A webhook names a repository. The service or function that it deploys is named by its payload
(``{"service": "shop"}``), else by the configuration of the source, else by the repository.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from streams.engine.decode.event import ChangeRecord
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.changes.cloudtrail import CloudTrailRecord, change_of_call
from streams.ingest.formats.changes.github_deployment import GitHubDeployment, change_of_deployment
from streams.ingest.formats.format import (
    Reading,
    RefusalError,
    SkippedError,
    Surroundings,
    read_part,
    validated,
    with_defaults,
)
from streams.ingest.formats.json_payload import JSON_ERRORS, json_refusal, values

_HEAD: Final = 256 * 1024

_CALL: Final = msgspec.json.Decoder(CloudTrailRecord)
_DEPLOYMENT: Final = msgspec.json.Decoder(GitHubDeployment)
_VIA_CLOUDTRAIL: Final = "via CloudTrail"


class _Event(msgspec.Struct):
    """An event of EventBridge, the keys that distinguish the others, and CloudTrail's file."""

    detail_type: str | None = msgspec.field(default=None, name="detail-type")
    detail: msgspec.Raw = msgspec.Raw()
    records: list[msgspec.Raw] | None = msgspec.field(default=None, name="Records")
    event_name: str | None = msgspec.field(default=None, name="eventName")
    deployment: msgspec.Raw = msgspec.Raw()
    zen: str | None = None


_EVENT: Final = msgspec.json.Decoder(_Event)


class _Changes:
    name: Final = "changes"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD]
        return head.lstrip()[:1] in {b"{", b"["} and (
            b'"detail-type"' in head
            or (b'"eventSource"' in head and b'"eventName"' in head)
            or (b'"deployment"' in head and b'"repository"' in head)
            or (b'"zen"' in head and b'"hook_id"' in head)
        )

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        events = values(payload, "an array of events")
        return Reading.of(found for event in events for found in _read(event, around))


def _read(payload: bytes, around: Surroundings) -> Iterator[Reading]:
    """Yield the reading of each part of an event."""
    try:
        event = _EVENT.decode(payload)
    except JSON_ERRORS as error:
        yield Reading(refused=[json_refusal(payload, error, "an event that tells of a change").of(payload)])
        return
    for part in event.records if event.records is not None else [payload]:
        yield read_part(
            bytes(part), lambda data: validated(with_defaults(_change(data, event, around), around))
        )


def _change(payload: bytes, event: _Event, around: Surroundings) -> ChangeRecord:
    try:
        if event.records is not None or event.event_name is not None:
            return change_of_call(_CALL.decode(payload))
        if event.detail_type is not None:
            if not event.detail_type.endswith(_VIA_CLOUDTRAIL):
                raise SkippedError("another event")
            if not event.detail:
                raise RefusalError(
                    RejectReason.UNKNOWN_FORMAT, f"an event {_VIA_CLOUDTRAIL!r} has a detail; this has none"
                )
            return change_of_call(_CALL.decode(event.detail))
        if event.deployment:
            return change_of_deployment(_DEPLOYMENT.decode(payload), around)
    except JSON_ERRORS as error:
        raise json_refusal(payload, error, "an event that tells of a change") from None
    if event.zen is not None:
        raise SkippedError("ping")
    raise RefusalError(RejectReason.UNKNOWN_FORMAT, "neither a call of CloudTrail nor a deployment of GitHub")


CHANGES: Final = _Changes()
