"""OauthTokens are fetched once, renewed in time, and never shown."""

import base64
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto import mock_aws

from config.secret import SecretError
from config.settings import KafkaSettings
from streams.drivers.kafka.connections.connection import (
    AsyncTokenProvider,
    BlockingTokenProvider,
    connection_options,
)
from streams.drivers.kafka.connections.tokens import OauthToken, OauthTokenError, OauthTokens, tokens_of
from tests.hand_clock import HandClock

REFUSAL = b'{"error": "invalid_client", "error_description": "canary"}'
KEY, WORD = "AKIAEXAMPLE", "aws-secret"


class Endpoint:
    """A token endpoint whose answers tests choose."""

    status = 200
    body = b'{"access_token": "abc", "expires_in": 60}'

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                self.send_response(outer.status)
                self.send_header("Location", outer.url)
                self.end_headers()
                self.wfile.write(outer.body)

            def do_GET(self) -> None:
                outer.asked.append({})

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token?key=canary"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def oauth(**given: Any) -> KafkaSettings:
    return KafkaSettings(security="sasl_ssl", sasl_mechanism="OAUTHBEARER", oauth=given)


def asking(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, **given: Any) -> OauthTokens:
    monkeypatch.setenv("CLIENT", "canary")
    base = {"token_url": endpoint.url, "client_id": "me", "client_secret_env": "CLIENT"}
    tokens = tokens_of(oauth(**base | given))
    assert tokens is not None
    return tokens


def test_a_token_serves_for_most_of_its_life_and_is_then_renewed() -> None:
    clock = HandClock()
    fetched = iter([OauthToken("first", 100), OauthToken("second", 100)])
    tokens = OauthTokens(lambda: next(fetched), clock)
    assert [tokens.token(), tokens.token()] == ["first", "first"]
    clock.now = 79
    assert tokens.token() == "first"
    clock.now = 80
    assert tokens.token() == "second"


def test_an_endpoint_that_fails_does_no_harm_while_the_token_is_valid() -> None:
    clock = HandClock()
    answers: list[OauthToken | None] = [OauthToken("first", 100), None, None, OauthToken("second", 100)]

    def fetch() -> OauthToken:
        found = answers.pop(0)
        if found is None:
            raise OauthTokenError("down")
        return found

    tokens = OauthTokens(fetch, clock)
    assert tokens.token() == "first"
    clock.now = 90
    assert tokens.token() == "first"
    clock.now = 100
    with pytest.raises(OauthTokenError, match="down"):
        tokens.token()
    assert tokens.token() == "second"


def test_all_clients_of_a_process_share_a_token(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    first = asking(endpoint, monkeypatch, scope="a b", audience="kafka")
    assert first is asking(endpoint, monkeypatch, scope="a b", audience="kafka")
    assert [first.token(), first.token()] == ["abc", "abc"]
    assert endpoint.asked == [{"grant_type": ["client_credentials"], "scope": ["a b"], "audience": ["kafka"]}]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, REFUSAL, r"refuses \(HTTP 401, invalid_client\)"),
        (503, b"canary", r"refuses \(HTTP 503\)"),
        (302, b"", r"refuses \(HTTP 302\)"),
        (200, b"canary", "answers without a token"),
        (200, b'{"access_token": "two words"}', "answers without a token"),
        (200, b'{"access_token": "a", "expires_in": "canary"}', "answers without a token"),
        (200, b"[]", "answers without a token"),
    ],
)
def test_what_an_endpoint_refuses_is_reported_in_a_line_without_secrets(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, said: str
) -> None:
    endpoint.status, endpoint.body = status, body
    with pytest.raises(OauthTokenError, match=said) as caught:
        asking(endpoint, monkeypatch).token()
    assert "canary" not in str(caught.value)
    assert len(endpoint.asked) == 1  # a redirect is not followed


def test_a_token_in_a_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    tokens = tokens_of(oauth(token_file=str(file)))
    assert tokens is not None
    for text in ("one", "two"):
        file.write_text(f"{text}\n")
        assert tokens.token() == text
    file.write_text("two words")
    with pytest.raises(OauthTokenError, match="does not hold a token and nothing else"):
        tokens.token()


async def test_both_clients_get_the_token_and_the_extensions(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc")
    extensions = {"logicalCluster": "lkc-1", "identityPoolId": "pool-2"}
    kafka = oauth(token_file=str(file), extensions=extensions)
    ours = connection_options(kafka)["sasl_oauth_token_provider"]
    theirs = connection_options(kafka, BlockingTokenProvider)["sasl_oauth_token_provider"]
    assert isinstance(ours, AsyncTokenProvider)
    assert (await ours.token(), theirs.token()) == ("abc", "abc")
    assert ours.extensions() == theirs.extensions() == extensions


def test_amazon_msk_gets_a_url_that_is_signed_for_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", WORD)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    kafka = msk("b-1.shop.ab12cd.c2.kafka.eu-west-1.amazonaws.com:9098")
    options = connection_options(kafka, BlockingTokenProvider)
    assert options["sasl_mechanism"] == "OAUTHBEARER"
    text = options["sasl_oauth_token_provider"].token()
    url = urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    found = {name: value for name, (value,) in parse_qs(url.query).items()}
    assert (url.scheme, url.netloc, found["Action"]) == (
        "https",
        "kafka.eu-west-1.amazonaws.com",
        "kafka-cluster:Connect",
    )
    signer = SigV4QueryAuth(Credentials(KEY, WORD), "kafka-cluster", "eu-west-1", expires=900)
    request = AWSRequest("GET", "https://kafka.eu-west-1.amazonaws.com/", params={"Action": found["Action"]})
    request.context["timestamp"] = found["X-Amz-Date"]
    signer._modify_request_before_signing(request)
    request.url = request.url.replace(
        parse_qs(urlsplit(request.url).query)["X-Amz-Date"][0], found["X-Amz-Date"]
    )
    canonical = signer.canonical_request(request)
    assert signer.signature(signer.string_to_sign(request, canonical), request) == found["X-Amz-Signature"]


def msk(broker: str, **iam: str) -> KafkaSettings:
    return KafkaSettings(brokers=[broker], security="sasl_ssl", sasl_mechanism="AWS_MSK_IAM", iam=iam)


def test_without_an_identity_in_aws_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    tokens = tokens_of(msk("kafka:9098", region="eu-central-1"))
    assert tokens is not None
    with pytest.raises(OauthTokenError, match="no identity was found; give the process an AWS identity"):
        tokens.token()


def test_the_region_comes_from_the_settings_the_brokers_or_the_environment() -> None:
    for kafka, environment in (
        (msk("a.kafka-serverless.us-east-1.amazonaws.com:9098"), {}),
        (msk("kafka:9098", region="us-east-1"), {}),
        (msk("kafka:9098"), {"AWS_REGION": "us-east-1"}),
    ):
        assert tokens_of(kafka, environment) is not None
    with pytest.raises(SecretError, match=r"kafka\.iam\.region: .* set it"):
        tokens_of(msk("kafka:9098"), {})


def test_without_the_extra_its_name_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", None)
    with pytest.raises(SecretError, match=r"of the extra uneri\[msk\]; install it with: "):
        connection_options(msk("kafka:9098", region="us-east-1"))


def test_a_role_is_assumed_before_signing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        tokens = tokens_of(msk("kafka:9098", region="eu-west-1", role="arn:aws:iam::123456789012:role/uneri"))
        assert tokens is not None
        text = tokens.token()
    url = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    assert "X-Amz-Security-Token" in parse_qs(urlsplit(url).query)  # a session's, which a plain key has not
