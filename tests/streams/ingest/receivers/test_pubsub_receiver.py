"""Pushes of Pub/Sub with tokens that are signed as Google's are, and the keys behind a URL."""

import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from structlog.testing import capture_logs

from config.settings import Settings
from streams.ingest.receivers.pubsub_receiver import AGAIN_SECONDS, WITHOUT_SECONDS, SigningKeys
from streams.process.logs import EVERY_SECONDS
from streams.process.web.request_body import BodyError
from tests.streams.ingest.receivers.conftest import Serve, Serving

AUDIENCE = "https://uneri.example.com/pubsub"
ACCOUNT = "push@acme.iam.gserviceaccount.com"
ENTRY = {
    "insertId": "1x",
    "timestamp": "2026-01-01T00:00:00Z",
    "logName": "projects/acme/logs/run.googleapis.com%2Frequests",
    "httpRequest": {
        "requestMethod": "GET",
        "requestUrl": "https://shop.example.com/items",
        "status": 200,
        "latency": "0.041s",
    },
    "resource": {
        "type": "cloud_run_revision",
        "labels": {"project_id": "acme", "service_name": "shop", "location": "europe-west1"},
    },
}
PUSH = json.dumps(
    {
        "message": {
            "data": base64.b64encode(json.dumps(ENTRY).encode()).decode(),
            "messageId": "136969346945",
            "publishTime": "2026-01-01T00:00:01Z",
        },
        "subscription": "projects/acme/subscriptions/to-uneri",
    }
).encode()


FIRST, SECOND, STRANGE = (
    RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})
    for kid in ("first", "second", "first")
)


class Google:
    """Publishes keys and signs with them."""

    def __init__(self) -> None:
        self.keys = [FIRST]
        self.fetched = 0
        self.down = False
        self.url = ""

    async def publish(self, _: web.Request) -> web.Response:
        self.fetched += 1
        if self.down:
            return web.Response(status=500)
        public = KeySet([RSAKey.import_key(key.as_dict(private=False)) for key in self.keys])
        return web.json_response(
            public.as_dict(private=False), headers={"Cache-Control": "public, max-age=22000"}
        )

    def token(self, key: RSAKey | OctKey | None = None, algorithm: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        given = {
            "aud": AUDIENCE,
            "azp": "113774264463038321964",
            "email": ACCOUNT,
            "email_verified": True,
            "exp": now + 3600,
            "iat": now,
            "iss": "https://accounts.google.com",
            "sub": "113774264463038321964",
        } | claims
        signing = key or self.keys[-1]
        header = {"alg": algorithm, "kid": signing.kid or "first", "typ": "JWT"}
        return jwt.encode(
            header, {name: value for name, value in given.items() if value is not None}, signing, [algorithm]
        )


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    made = Google()
    app = web.Application()
    app.add_routes([web.get("/certs", made.publish)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("/certs"))
        yield made


def settings(google: Google) -> Settings:
    return Settings.model_validate(
        {"sources": {"pubsub": {"audience": AUDIENCE, "service_accounts": [ACCOUNT], "keys": google.url}}}
    )


async def push(
    served: Serving, token: str | None, body: bytes = PUSH, path: str = "/pubsub"
) -> tuple[int, dict[str, Any]]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with served.http.post(served.url + path, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_push_with_a_token_of_the_account_is_stored_and_the_keys_are_fetched_once(
    serve: Serve, google: Google
) -> None:
    locked = {"UNERI_INTAKE_TOKEN": "uneri_intake_0123456789abcdef"}
    async with serve(settings(google), locked) as served:
        for _ in range(3):
            assert await push(served, google.token()) == (202, {"accepted": 1})
        assert {entry["function"] for entry in served.stored} == {"shop"}
        assert google.fetched == 1


async def test_a_token_that_proves_nothing_stores_nothing(serve: Serve, google: Google) -> None:
    confused = OctKey.import_key(b"a symmetric key of the sender's own choice", {"kid": "first"})
    past = int(time.time()) - 7200
    whole = google.token()
    header, payload, signature = whole.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"first"}').decode().rstrip("=")
    cases: list[tuple[str | None, int]] = [
        (None, 401),
        ("", 401),
        ("nonsense", 401),
        ("a.b.c", 401),
        ("é.é.é", 401),
        (f"{none}.{payload}.", 401),
        (f"{none}.{payload}.{signature}", 401),
        (f"{header}.{payload}.{signature[:-8]}", 401),
        (f"{header}.{payload[:-3]}.{signature}", 401),
        (google.token(STRANGE), 401),
        (google.token(confused, "HS256"), 401),
        (google.token(exp=past), 401),
        (google.token(exp=None), 401),
        (google.token(iss="https://example.com"), 401),
        (google.token(iss=None), 401),
        (google.token(aud="https://example.com"), 403),
        (google.token(aud=None), 403),
        (google.token(email="other@acme.iam.gserviceaccount.com"), 403),
        (google.token(email_verified=False), 403),
        (google.token(email_verified="true"), 403),
    ]
    async with serve(settings(google)) as served:
        for token, status in cases:
            found, answer = await push(served, token)
            assert (found, status, token) == (status, status, token)
            assert "\n" not in answer["error"]
        assert served.store.end == 0
        assert served.counted("uneri_intake_refused_requests_total", "push_token") == len(cases)


async def test_a_new_key_is_fetched_when_a_token_names_it_but_not_for_everybody(
    serve: Serve, google: Google
) -> None:
    async with serve(settings(google)) as served:
        assert (await push(served, google.token()))[0] == 202
        google.keys.append(SECOND)
        for _ in range(5):
            assert (await push(served, google.token()))[0] == 401, "the keys have just been fetched"
        assert google.fetched == 1


async def test_keys_outlive_their_owners_failures_and_are_renewed() -> None:
    google, now = Google(), 1000.0
    app = web.Application()
    app.add_routes([web.get("/certs", google.publish)])
    async with TestServer(app) as server:
        keys = SigningKeys(str(server.make_url("/certs")), lambda: now)
        google.down = True
        with pytest.raises(BodyError, match="cannot be fetched") as refused:
            await keys.get()
        assert (refused.value.status, refused.value.seconds) == (503, 10)
        google.down = False
        now += AGAIN_SECONDS
        assert len((await keys.get()).keys) == 1
        google.keys.append(SECOND)
        assert len((await keys.newer()).keys) == 1, "not at once again"
        now += AGAIN_SECONDS
        assert len((await keys.newer()).keys) == 2
        google.down = True
        now += 30_000
        assert len((await keys.get()).keys) == 2
        fetched = google.fetched
        await keys.get()
        assert google.fetched == fetched


async def test_while_the_keys_cannot_be_fetched_pushes_are_to_be_repeated(
    serve: Serve, google: Google
) -> None:
    google.down = True
    async with serve(settings(google)) as served:
        assert (await push(served, google.token()))[0] == 503


async def test_what_is_no_token_causes_no_fetch(serve: Serve, google: Google) -> None:
    header, payload, signature = google.token().split(".")
    other = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"first"}').decode().rstrip("=")
    no_object = base64.urlsafe_b64encode(b"[1]").decode().rstrip("=")
    google.down = True
    async with serve(settings(google)) as served:
        for token in (
            "nonsense", "a.b.c", "é.é.é", header, f"{header}.{payload}", f"{header}.{payload}.",
            f"{header}.{payload}.{signature}.x", f"{other}.{payload}.{signature}",
            f"{no_object}.{payload}.{signature}", f"{'A' * 5}.{payload}.{signature}",
        ):  # fmt: skip
            assert (await push(served, token))[0] == 401
        assert google.fetched == 0


async def test_fetches_that_fail_are_few_and_logged_now_and_then() -> None:
    google, now = Google(), 1000.0
    app = web.Application()
    app.add_routes([web.get("/certs", google.publish)])
    async with TestServer(app) as server:
        keys = SigningKeys(str(server.make_url("/certs")), lambda: now)
        google.down = True
        with capture_logs() as logged:
            for _ in range(4):
                for _ in range(25):
                    with pytest.raises(BodyError, match="cannot be fetched"):
                        await keys.get()
                now += WITHOUT_SECONDS
            assert google.fetched == 4
            google.down = False
            now += EVERY_SECONDS
            await keys.get()
        assert [(line["log_level"], line.get("times", line.get("failed"))) for line in logged] == [
            ("warning", 1),
            ("info", 4),
        ]


async def test_without_settings_every_push_is_refused(serve: Serve, google: Google) -> None:
    async with serve() as served:
        status, answer = await push(served, google.token())
        assert status == 403
        assert "set sources.pubsub" in answer["error"]


async def test_what_is_no_push_is_refused_in_one_line(serve: Serve, google: Google) -> None:
    async with serve(settings(google)) as served:
        for body in (b"", b"{}", b"[]", b"\xff", PUSH[:40], b'{"message": {"data": "!"}}'):
            status, answer = await push(served, google.token(), body)
            assert status == 400
            assert "\n" not in answer["error"]
        assert (await push(served, google.token(), path="/pubsub?source=nope"))[0] == 404
        assert served.store.end == 0
