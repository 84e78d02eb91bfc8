"""Records of AWS CloudTrail: the calls that change something, as changes."""

import re
from typing import Final

import msgspec

from streams.engine.decode.event import ChangeRecord, ScopeKind, ScopeName
from streams.engine.decode.parse import stamp_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import RefusalError, SkippedError

_CHANGES: Final[dict[str, dict[str, str]]] = {
    "lambda": {
        "CreateFunction": "create",
        "UpdateFunctionCode": "deploy",
        "PublishVersion": "publish",
        "UpdateAlias": "deploy",
        "DeleteFunction": "delete",
        "UpdateFunctionConfiguration": "config",
        "PutFunctionConcurrency": "concurrency",
        "DeleteFunctionConcurrency": "concurrency",
        "PutProvisionedConcurrencyConfig": "concurrency",
        "DeleteProvisionedConcurrencyConfig": "concurrency",
        "UpdateEventSourceMapping": "config",
    },
    "dynamodb": {
        "CreateTable": "create",
        "UpdateTable": "config",
        "DeleteTable": "delete",
        "UpdateTimeToLive": "config",
        "UpdateTableReplicaAutoScaling": "config",
        "RestoreTableFromBackup": "restore",
        "RestoreTableToPointInTime": "restore",
    },
    "application-autoscaling": {
        "RegisterScalableTarget": "capacity",
        "DeregisterScalableTarget": "capacity",
        "PutScalingPolicy": "capacity",
        "DeleteScalingPolicy": "capacity",
    },
    "ecs": {"CreateService": "create", "UpdateService": "deploy", "DeleteService": "delete"},
}
"""Kinds of change by the first word of the service's host and by the name of the call."""

_DATED: Final = re.compile(r"\d{8}(?:v\d+)?$", re.ASCII)  # UpdateFunctionCode20150331v2
_LATEST: Final = "$LATEST"


class _Issuer(msgspec.Struct, rename="camel"):
    user_name: str | None = None


class _Session(msgspec.Struct, rename="camel"):
    session_issuer: _Issuer | None = None


class _Identity(msgspec.Struct, rename="camel"):
    type: str | None = None
    arn: str | None = None
    user_name: str | None = None
    account_id: str | None = None
    invoked_by: str | None = None
    session_context: _Session | None = None


class _Parameters(msgspec.Struct, rename="camel"):
    function_name: str | None = None
    table_name: str | None = None
    resource_id: str | None = None
    service: str | None = None
    service_name: str | None = None
    function_version: str | None = None
    task_definition: str | None = None


class _Elements(msgspec.Struct, rename="camel"):
    function_name: str | None = None
    version: str | None = None
    function_version: str | None = None


class CloudTrailRecord(msgspec.Struct, rename="camel"):
    """The fields of a record that are read."""

    event_time: str | None = None
    event_source: str | None = None
    event_name: str | None = None
    aws_region: str | None = None
    event_id: str | None = msgspec.field(default=None, name="eventID")
    error_code: str | None = None
    recipient_account_id: str | None = None
    user_identity: _Identity | None = None
    request_parameters: msgspec.Raw = msgspec.Raw()
    response_elements: msgspec.Raw = msgspec.Raw()


_PARAMETERS: Final = msgspec.json.Decoder(_Parameters | None)
_ELEMENTS: Final = msgspec.json.Decoder(_Elements | None)


def change_of_call(call: CloudTrailRecord) -> ChangeRecord:
    """Return the change that a call made.

    Raises
    ------
    SkippedError
        When it changed nothing that is watched.
    RefusalError
        When it made one, but lacks its scope or time.
    ValueError, RecursionError
        From msgspec, for its parameters.
    """
    service = (call.event_source or "").partition(".")[0]
    what = _CHANGES.get(service, {}).get(_DATED.sub("", call.event_name or ""))
    if what is None:
        raise SkippedError("another call")
    if call.error_code is not None:
        raise SkippedError("failed")
    sent = _PARAMETERS.decode(call.request_parameters or b"null") or _Parameters()
    got = (
        _ELEMENTS.decode(call.response_elements or b"null") if service == "lambda" else None
    ) or _Elements()
    stamp = stamp_of(call.event_time)
    if isinstance(stamp, tuple):
        raise RefusalError(*stamp)
    identity = call.user_identity or _Identity()
    return ChangeRecord(
        ts=stamp,
        id=f"cloudtrail:{call.event_id}" if call.event_id else None,
        cloud="aws",
        account=call.recipient_account_id or identity.account_id,
        region=call.aws_region,
        of=_of(service, sent, got),
        what=what,
        version=_version(sent, got),
        by=_by(identity),
    )


def _of(service: str, sent: _Parameters, got: _Elements) -> ScopeName:
    kind: ScopeKind
    match service:
        case "lambda":
            kind, name = "function", _function(sent.function_name or got.function_name or "")
        case "ecs":
            kind, name = "service", (sent.service or sent.service_name or "").rpartition("/")[2]
        case "dynamodb":
            kind, name = "table", (sent.table_name or "").rpartition("/")[2]
        case _:
            kind, name = "table", _scaled_table(sent.resource_id or "")
    if not name:
        raise RefusalError(RejectReason.NO_NAME, "the call does not say what it changed")
    return ScopeName(kind, name)


def _scaled_table(resource: str) -> str:
    """Return the table of ``table/items`` or ``table/items/index/by-guild``."""
    parts = resource.split("/")
    if parts[0] != "table":
        raise SkippedError("another call")
    return parts[1] if len(parts) > 1 else ""


def _function(name: str) -> str:
    """Return the name in a name, an ARN or a part of one, without its version or alias.

    Examples
    --------
    >>> _function("123456789012:function:put-item:live"), _function("put-item:3"), _function("put-item")
    ('put-item', 'put-item', 'put-item')
    """
    return name.rpartition("function:")[2].partition(":")[0]


def _version(sent: _Parameters, got: _Elements) -> str | None:
    version = got.function_version or sent.function_version or got.version
    if version is not None:
        return version if version != _LATEST else None
    return sent.task_definition and sent.task_definition.rpartition("/")[2]


def _by(identity: _Identity) -> str | None:
    """Return the caller: a user, a role with its session, or a service of AWS."""
    if identity.type == "Root":
        return "root"
    if identity.user_name:
        return identity.user_name
    role, _, session = (identity.arn or "").partition(":assumed-role/")[2].partition("/")
    if role:
        return f"{role}/{session}" if session else role
    issuer = identity.session_context and identity.session_context.session_issuer
    return (issuer and issuer.user_name) or identity.invoked_by
