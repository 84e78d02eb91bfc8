import hashlib
import hmac
import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.streams.ingest.receivers.conftest import Serve, Serving

SECRET = "a secret of a webhook"  # noqa: S105 - of this test
TOKEN = "uneri_intake_0123456789abcdef"  # noqa: S105
NATIVE = {
    "kind": "change",
    "ts": 1760000000,
    "of": {"kind": "function", "name": "put-item"},
    "what": "deploy",
}
EVENTBRIDGE = {
    "version": "0",
    "id": "36eb8523-97d0-4518-b33d-ee3579ff19f0",
    "detail-type": "AWS API Call via CloudTrail",
    "source": "aws.lambda",
    "account": "123456789012",
    "time": "2026-01-01T00:00:00Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": {
        "eventVersion": "1.08",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventSource": "lambda.amazonaws.com",
        "eventName": "UpdateFunctionCode20150331v2",
        "awsRegion": "eu-west-1",
        "eventID": "dcc0e7a8-0000-4000-8000-000000000001",
        "recipientAccountId": "123456789012",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/ci/build"},
        "requestParameters": {"functionName": "put-item"},
        "responseElements": {"functionName": "put-item", "version": "42"},
    },
}
GITHUB = {
    "action": "created",
    "deployment": {
        "id": 7,
        "sha": "0123456789abcdef0123456789abcdef01234567",
        "ref": "main",
        "environment": "production",
        "created_at": "2026-01-01T00:00:00Z",
        "creator": {"login": "octo"},
    },
    "repository": {"name": "shop", "html_url": "https://github.com/acme/shop"},
}
BODY = json.dumps(GITHUB).encode()


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNERI_GITHUB_SECRET", SECRET)


async def post(
    served: Serving, body: bytes, path: str = "/changes", **headers: str
) -> tuple[int, dict[str, Any]]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with served.http.post(served.url + path, data=io.BytesIO(body), headers=given) as answer:
        return answer.status, await answer.json()


async def test_native_changes_are_taken_one_a_line(serve: Serve) -> None:
    async with serve() as served:
        line = json.dumps(NATIVE).encode()
        assert await post(served, line + b"\n" + line) == (202, {"accepted": 2})
        assert [(entry["kind"], entry["what"]) for entry in served.stored] == [("change", "deploy")] * 2


async def test_a_call_that_cloudtrail_recorded_is_a_change(serve: Serve) -> None:
    async with serve() as served:
        for body in (EVENTBRIDGE, {"Records": [EVENTBRIDGE["detail"]]}):
            assert (await post(served, json.dumps(body).encode()))[0] == 202
        first, second = served.stored
        assert first["of"] == second["of"] == {"kind": "function", "name": "put-item"}


async def test_a_request_is_no_change(serve: Serve) -> None:
    async with serve() as served:
        status, answer = await post(served, b'{"ts": 1760000000, "service": "shop"}')
        assert status == 400
        assert "send other records to /events" in answer["error"]
        assert served.store.end == 0


@pytest.mark.usefixtures("secret")
async def test_a_signature_stands_for_a_token(serve: Serve) -> None:
    async with serve(environment={"UNERI_INTAKE_TOKEN": TOKEN}) as served:
        assert (await post(served, BODY))[0] == 401
        assert (await post(served, BODY, Authorization=f"Bearer {TOKEN}"))[0] == 202
        assert (await post(served, BODY, X_Hub_Signature_256=signed(BODY)))[0] == 202
        record = served.stored[-1]
        assert (record["of"], record["by"]) == ({"kind": "service", "name": "shop"}, "octo")


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(
    "signature", ["", "sha256=", signed(BODY, "another"), signed(BODY + b" "), "sha1=00", "é" * 9]
)
async def test_a_wrong_signature_stores_nothing(serve: Serve, signature: str) -> None:
    async with serve() as served:
        status, answer = await post(served, BODY, X_Hub_Signature_256=signature)
        assert status == 401
        assert "UNERI_GITHUB_SECRET" in answer["error"]
        assert SECRET not in answer["error"]
        assert served.store.end == 0
        assert served.counted("uneri_intake_refused_requests_total", "signature") == 1


async def test_without_a_secret_no_signature_is_accepted(serve: Serve) -> None:
    async with serve() as served:
        status, answer = await post(served, BODY, X_Hub_Signature_256=signed(BODY, ""))
        assert (status, served.store.end) == (403, 0)
        assert "set UNERI_GITHUB_SECRET" in answer["error"]


@pytest.mark.usefixtures("secret")
async def test_a_webhook_of_the_content_type_of_forms_is_read(serve: Serve) -> None:
    async with serve() as served:
        form = "application/x-www-form-urlencoded"
        body = urlencode({"payload": BODY.decode()}).encode()
        assert (await post(served, body, X_Hub_Signature_256=signed(body), Content_Type=form))[0] == 202
        for bad in (b"", b"x=1", b"%ff", b"&" * 1000):
            status, _ = await post(served, bad, X_Hub_Signature_256=signed(bad), Content_Type=form)
            assert status == 400


@pytest.mark.usefixtures("secret")
async def test_the_ping_of_a_new_webhook_is_no_mistake(serve: Serve) -> None:
    async with serve() as served:
        ping = b'{"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {}}'
        status, answer = await post(served, ping, X_Hub_Signature_256=signed(ping))
        assert (status, answer) == (202, {"accepted": 0, "skipped": {"ping": 1}})


@pytest.mark.usefixtures("secret")
async def test_a_signed_body_is_small(serve: Serve) -> None:
    async with serve() as served:
        body = b" " * 1_048_577
        assert (await post(served, body, X_Hub_Signature_256=signed(body)))[0] == 413
