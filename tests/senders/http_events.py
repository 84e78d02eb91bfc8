"""Events of HTTP requests as Lambda gets them, shortened, with what the middleware must say of each."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Request:
    """An event and what it says."""

    event: dict[str, Any]
    route: str | None
    client: str | None = None
    tenant: str | None = None
    auth: float | None = None
    http: bool = True


@dataclass(frozen=True)
class Answer:
    """The answer of a handler to an event, and the status that the caller gets."""

    request: str
    result: Any = None
    raises: bool = False
    status: int | None = None


def _v2(route: str, path: str, **more: Any) -> dict[str, Any]:
    about = {
        "routeKey": route,
        "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1"},
        "stage": "$default",
    }
    return {"version": "2.0", "routeKey": route, "rawPath": path, "headers": {"x-app": "ios"},
            "requestContext": about | more}  # fmt: skip


def _v1(resource: str, path: str, **more: Any) -> dict[str, Any]:
    about = {
        "resourcePath": resource,
        "httpMethod": "GET",
        "requestTimeEpoch": 1764000000250,
        "stage": "prod",
    }
    return {"resource": resource, "path": path, "httpMethod": "GET", "headers": None,
            "multiValueHeaders": {"X-App": ["android", "web"]}, "requestContext": about | more}  # fmt: skip


def _alb(path: str) -> dict[str, Any]:
    return {"requestContext": {"elb": {"targetGroupArn": "arn:aws:…"}}, "httpMethod": "GET",
            "path": path, "queryStringParameters": {}, "headers": {"x-app": "ios"}}  # fmt: skip


_JWT: Final = {"authorizer": {"jwt": {"claims": {"custom:tenant": "t2"}, "scopes": None}}}
_URL: Final = {"domainName": "abc.lambda-url.eu-west-1.on.aws"}
_COGNITO: Final = {"authorizer": {"claims": {"custom:tenant": "t1"}}}
_OWN: Final = {"authorizer": {"principalId": "user", "integrationLatency": 12, "custom:tenant": 7}}

REQUESTS: Final = {
    "rest": Request(_v1("/items/{id}", "/items/42", **_COGNITO), "GET /items/{id}", "android", "t1"),
    "rest, own authorizer": Request(_v1("/items", "/items", **_OWN), "GET /items", "android", "7", auth=12.0),
    "rest, greedy": Request(_v1("/{proxy+}", "/items/42"), "GET /items/{id}", "android"),
    "http": Request(_v2("GET /items/{id}", "/items/42", **_JWT), "GET /items/{id}", "ios", "t2"),
    "http, any method": Request(_v2("ANY /items/{id}", "/items/42"), "GET /items/{id}", "ios"),
    "http, default": Request(
        _v2("$default", "/v1/items/8f5c1f4e-0000-4000-8000-000000000001/parts"),
        "GET /v1/items/{id}/parts",
        "ios",
    ),
    "function URL": Request(_v2("$default", "/a/b/0123456789/c", **_URL), "GET /a/b/{id}/c", "ios"),
    "load balancer": Request(_alb("/users/anna@example.com"), "GET /users/{id}", "ios"),
    "load balancer, given route": Request(_alb("/shops/berlin/opening"), "GET /shops/{name}/opening", "ios"),
    "long path": Request(_alb("/a/b/c/d/e/f/g/h/i/j/k"), "GET /a/b/c/d/e/f/g/h/…", "ios"),
    "websocket": Request(
        {
            "requestContext": {
                "connectionId": "L0SM9cOFvHcCIhw=",
                "routeKey": "sendmessage",
                "eventType": "MESSAGE",
            }
        },
        "sendmessage",
    ),
    "sqs": Request({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, None, http=False),
    "schedule": Request({"source": "aws.events", "detail-type": "Scheduled Event"}, None, http=False),
}

ANSWERS: Final = [
    Answer("rest", {"statusCode": "404"}, status=404),
    Answer("rest", {"body": "no status"}, status=502),
    Answer("rest", raises=True, status=502),
    Answer("http", {"items": []}, status=200),
    Answer("http", "text", status=200),
    Answer("http", raises=True, status=500),
    Answer("function URL", raises=True, status=502),
    Answer("load balancer", None, status=502),
    Answer("http", {"statusCode": 10**9}),
    Answer("http", {"statusCode": "many"}),
    Answer("sqs", {"batchItemFailures": [{"itemIdentifier": "1"}]}),
    Answer("schedule", raises=True),
]
