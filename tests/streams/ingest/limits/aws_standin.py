"""An AWS on this machine: moto's server, with what moto lacks and with refusals on request."""

import contextlib
import io
import json
import logging
import re
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from streams.ingest.limits.aws import action_of

OWN: Final = "123456789012"
OTHER: Final = "210987654321"
ROLE: Final = f"arn:aws:iam::{OTHER}:role/uneri-limits"
REGION: Final = "eu-west-1"

_QUOTAS: Final = [
    {"QuotaCode": f"L-{number:08}", "QuotaName": f"quota {number}", "Value": 10.0 * number, "Unit": "None"}
    for number in range(1, 6)
]
_REST: Final = {
    r"/2016-08-19/account-settings/?$": "GetAccountSettings",
    r"/\d{4}-\d\d-\d\d/functions/[^/]+/concurrency$": "GetFunctionConcurrency",
    r"/\d{4}-\d\d-\d\d/functions/?$": "ListFunctions",
}


def no_other_aws(patch: pytest.MonkeyPatch) -> None:
    """Have what talks to AWS use made-up keys, and nothing that this machine knows of an account."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ROLE_ARN"):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_ACCESS_KEY_ID", "testing")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    patch.setenv("AWS_DEFAULT_REGION", REGION)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        patch.setenv(name, "/dev/null")


class AwsStandin:
    """Serves at ``url`` until ``close``; keeps every action that was asked for in ``asked``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.reserved = 100  # of 1,000 of Lambda's concurrency
        self.most_on_demand: dict[str, dict[str, int]] = {}  # by table: moto forgets it
        self._refusals: dict[tuple[str, str], tuple[str, int]] = {}
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reset(self) -> None:
        """Forget everything."""
        urllib.request.urlopen(f"{self.url}/moto-api/reset", data=b"").close()  # noqa: S310  # our own
        self.asked.clear()
        self._refusals.clear()
        self.most_on_demand.clear()
        self.reserved = 100

    def refuse(self, action: str, code: str, times: int = 10**6, region: str = REGION) -> None:
        """Answer the next calls of an action with an error code."""
        self._refusals[action, region] = (code, times)

    def client(self, service: str, region: str = REGION, **keys: str) -> Any:
        return boto3.client(service, region_name=region, endpoint_url=self.url, **keys)

    def keys_of_other(self) -> dict[str, str]:
        """Return credentials in the other account."""
        lent = self.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": lent["AccessKeyId"],
            "aws_secret_access_key": lent["SecretAccessKey"],
            "aws_session_token": lent["SessionToken"],
        }

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", request.headers.get("Authorization", ""))
        region, service = scope.groups() if scope else ("", "")
        operation = _operation(request, body)
        action = action_of(operation)
        if scope:
            self.asked.append(action)
        code, left = self._refusals.get((action, region), ("", 0))
        if left:
            self._refusals[action, region] = (code, left - 1)
            return _refusal(service, code)(environ, start)
        if operation == "GetAccountSettings":
            whole, rest = 1000, 1000 - self.reserved
            limit = {"ConcurrentExecutions": whole, "UnreservedConcurrentExecutions": rest}
            return _json({"AccountLimit": limit})(environ, start)
        if operation == "ListServiceQuotas":
            return _json(_quotas(json.loads(body)))(environ, start)
        answer = Response.from_app(self._moto, environ)
        if operation == "DescribeTable" and (table := json.loads(body)["TableName"]) in self.most_on_demand:
            described = json.loads(answer.data)
            described["Table"]["OnDemandThroughput"] = self.most_on_demand[table]
            answer = _json(described)
        return answer(environ, start)


def _operation(request: Request, body: bytes) -> str:
    if target := request.headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    if found := re.search(rb"Action=(\w+)", body):
        return found[1].decode()
    if request.method == "GET":
        return next((name for path, name in _REST.items() if re.match(path, request.path)), request.path)
    return request.path


def _quotas(asked: dict[str, Any]) -> dict[str, Any]:
    """Answer two quotas per page."""
    begin = int(asked.get("NextToken", 0))
    page = {"Quotas": _QUOTAS[begin : begin + 2]}
    return page | ({"NextToken": str(begin + 2)} if begin + 2 < len(_QUOTAS) else {})


def _json(content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), content_type="application/x-amz-json-1.1")


def _refusal(service: str, code: str) -> Response:
    if service == "sts":
        error = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        return Response(f"<ErrorResponse>{error}</ErrorResponse>", 403, content_type="text/xml")
    headers = {"x-amzn-ErrorType": code}
    return Response(
        json.dumps({"__type": code, "message": "no"}), 400, headers, content_type="application/json"
    )


def make_table(client: Any, name: str, *, rcu: int = 0, wcu: int = 0, **more: Any) -> None:
    """Create a table, on demand unless it has capacity."""
    billing: dict[str, Any] = {"BillingMode": "PAY_PER_REQUEST"}
    if rcu:
        billing = {"ProvisionedThroughput": {"ReadCapacityUnits": rcu, "WriteCapacityUnits": wcu}}
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        **billing,
        **more,
    )


def make_function(aws: AwsStandin, name: str, reserved: int | None = None) -> None:
    """Create a function, perhaps with concurrency of its own."""
    trust = {"Statement": [{"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    with contextlib.suppress(ClientError):  # it is there
        aws.client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(trust))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def handler(event, context): ...")
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=f"arn:aws:iam::{OWN}:role/runs",
        Handler="main.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    if reserved is not None:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
