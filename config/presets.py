"""What well-known products write as JSON, as mappings: each is a format by its name, and may be extended.

A field that only numbers the requests of one process (pino's ``req.id``) is no ``id`` here: what has an id
that is known already counts once.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

PRESETS: Final[Mapping[str, dict[str, Any]]] = MappingProxyType(
    {
        "pino_http": {
            "when": [{"path": "$.res", "exists": True}, {"path": "$.req.url", "exists": True}],
            "fields": {
                "ts": {"path": "$.time", "unit": "ms"},
                "service": "$.name",
                "method": "$.req.method",
                "path": "$.req.url",
                "user_agent": "$.req.headers['user-agent']",
                "status": {"path": "$.res.statusCode", "default": 499},  # null: its caller gave up first
                "error_type": "$.err.type",
                "ms.total": "$.responseTime",
            },
        },
        "express_winston": {
            "when": [{"path": "$.meta.res.statusCode", "exists": True}],
            "fields": {
                "ts": "$.timestamp",
                "service": "$.service",
                "method": "$.meta.req.method",
                "path": "$.meta.req.url",
                "user_agent": "$.meta.req.headers['user-agent']",
                "status": "$.meta.res.statusCode",
                "ms.total": "$.meta.responseTime",
            },
        },
        "caddy": {
            "when": [
                {"path": "$.request.uri", "exists": True},
                {"path": "$.msg", "equals": "handled request"},  # errors are told twice
            ],
            "fields": {
                "ts": "$.ts",  # its host is the caller's choice: no service
                "method": "$.request.method",
                "path": "$.request.uri",
                "user_agent": "$.request.headers['User-Agent'][0]",
                "status": "$.status",
                "ms.total": {"path": "$.duration", "unit": "s"},
            },
        },
        "traefik": {
            "when": [{"path": "$.DownstreamStatus", "exists": True}],
            "fields": {
                "ts": "$.StartUTC",
                "service": "$.ServiceName",
                "method": "$.RequestMethod",
                "path": "$.RequestPath",
                "user_agent": "$['request_User-Agent']",
                "status": "$.DownstreamStatus",
                "ms.total": {"path": "$.Duration", "unit": "ns"},
                "ms.function": {"path": "$.OriginDuration", "unit": "ns"},
            },
        },
        "cloudflare": {  # Logpush of http_requests
            "when": [{"path": "$.EdgeResponseStatus", "exists": True}],
            "fields": {
                "ts": {"path": "$.EdgeStartTimestamp", "unit": "ns"},  # or RFC 3339, as its job says
                "id": "$.RayID",
                "service": "$.ClientRequestHost",
                "method": "$.ClientRequestMethod",
                "path": "$.ClientRequestURI",
                "user_agent": "$.ClientRequestUserAgent",
                "status": "$.EdgeResponseStatus",
                "ms.total": "$.EdgeTimeToFirstByteMs",
                "ms.function": "$.OriginResponseDurationMs",
            },
        },
        "azure_requests": {  # AppRequests of Application Insights, as diagnostic settings export them
            "each": "$.records[*]",
            "when": [
                {"path": "$.Type", "equals": "AppRequests"},
                {
                    "path": "$.ResultCode",
                    "one_of": ["0", ""],
                    "then": "skip",
                },  # of a queue or timer: no status
            ],
            "fields": {
                "ts": "$.time",
                "id": "$.Id",
                "cloud": {"const": "azure"},
                "service": "$.AppRoleName",
                "route": "$.Name",
                "status": "$.ResultCode",
                "ms.total": "$.DurationMs",
                "weight": "$.ItemCount",
                "trace": "$.OperationId",
            },
        },
        "datadog": {  # logs with the standard attributes
            "when": [{"path": "$.http.status_code", "exists": True}],
            "fields": {
                "ts": "$.timestamp",
                "service": "$.service",
                "method": "$.http.method",
                "path": "$.http.url",
                "user_agent": "$.http.useragent",
                "status": "$.http.status_code",
                "error_type": "$.error.kind",
                "ms.total": {"path": "$.duration", "unit": "ns"},
                "trace": "$.dd.trace_id",
            },
        },
    }
)
