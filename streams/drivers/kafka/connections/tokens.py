"""Tokens for OAUTHBEARER: from a token endpoint, a file, or signed for Amazon MSK.

The endpoint is asked by the client's credentials (RFC 6749, section 4.4).
"""

import base64
import json
import os
import re
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote_plus, urlencode, urlsplit

from alerting.sinks.http_sink import no_answer
from config.secret import SecretError
from config.settings import KafkaIamSettings, KafkaOauthSettings, KafkaSettings, KafkaTlsSettings
from streams.drivers.kafka.connections.tls import CA, secret
from streams.process.extras import MissingExtraError, need
from streams.process.web.certificates import system_and

USED: Final = 0.8  # of the life of a token, after which a new one is fetched

_MSK: Final = re.compile(r"\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?:\d+$")
_LONGEST: Final = 1 << 20  # characters of a token
TIMEOUT: Final = 10.0  # seconds
LARGEST: Final = 1 << 20  # bytes of an answer
UNKNOWN_LIFE: Final = 60.0  # seconds, of a token without a stated life


class OauthTokenError(OSError):
    """There is no token at present; one line. Clients of Kafka try again, as after any OSError."""


class OauthToken(NamedTuple):
    """A bearer token, and how long it can be used."""

    text: str
    seconds: float


class OauthTokens:
    """Keeps a token until it is nearly used up. Threads may share it."""

    def __init__(self, fetch: Callable[[], OauthToken], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._token = OauthToken("", 0)
        self._since = 0.0

    def token(self) -> str:
        """Return a token that is valid now.

        Raises
        ------
        OauthTokenError
            When there is none. While the previous one is valid, an endpoint that fails does no harm.
        """
        with self._lock:
            age = self._clock() - self._since
            if age >= USED * self._token.seconds:
                try:
                    self._token, self._since = self._fetch(), self._clock()
                except (OauthTokenError, SecretError) as error:
                    if age >= self._token.seconds:
                        raise OauthTokenError(str(error)) from error
            return self._token.text


_shared: Final[dict[str, OauthTokens]] = {}
_sharing: Final = threading.Lock()


def tokens_of(kafka: KafkaSettings, environment: Mapping[str, str] = os.environ) -> OauthTokens | None:
    """Return the tokens of a configuration, shared by all clients of the process; None if it needs none.

    Raises
    ------
    SecretError
        When the client secret, the region or the package for MSK is missing.
    """
    if kafka.sasl_mechanism == "AWS_MSK_IAM":
        fetch = partial(sign_token, _region(kafka, environment), kafka.iam)
        _signer()
    elif kafka.sasl_mechanism == "OAUTHBEARER" and kafka.oauth is not None:
        fetch = partial(_from_endpoint, kafka, kafka.oauth)
        if kafka.oauth.token_file is not None:
            fetch = partial(_from_file, kafka.oauth.token_file)
        else:
            secret(kafka.oauth.client_secret, "kafka.oauth.client_secret")
    else:
        return None
    with _sharing:
        return _shared.setdefault(kafka.model_dump_json(), OauthTokens(fetch))


def _from_endpoint(kafka: KafkaSettings, oauth: KafkaOauthSettings) -> OauthToken:
    try:
        return OauthToken(*request_token(oauth, kafka.tls))
    except OSError as error:
        raise OauthTokenError(str(error)) from None


def _from_file(name: str) -> OauthToken:
    try:
        with Path(name).open(encoding="ascii") as file:
            text = file.read(_LONGEST).strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise OauthTokenError(
            f"kafka.oauth.token_file: {name} cannot be read ({reason}); correct it"
        ) from None
    if not text or not text.isprintable() or " " in text:
        raise OauthTokenError(
            f"kafka.oauth.token_file: {name} does not hold a token and nothing else; write the token alone"
        )
    return OauthToken(text, 0)  # its renewal decides


def sign_token(region: str, iam: KafkaIamSettings) -> OauthToken:
    """Sign a token for Amazon MSK; it is valid for minutes.

    Raises
    ------
    OauthTokenError
        When the process has no AWS identity, or may not assume the role.
    """
    signer = _signer()
    try:
        text, expiry = (
            signer.generate_auth_token_from_role_arn(region, iam.role, "uneri")
            if iam.role
            else signer.generate_auth_token(region)
        )
    except Exception as error:  # noqa: BLE001 - the SDK has dozens, and no message without an identity
        message = (
            "no identity was found" if isinstance(error, AttributeError) else " ".join(str(error).split())
        )
        raise OauthTokenError(
            f"AWS_MSK_IAM: {message}; give the process an AWS identity (a role of the instance, pod or task, "
            "AWS_PROFILE, or access keys)"
        ) from None
    return OauthToken(text, expiry / 1000 - time.time())


def _signer() -> Any:
    try:
        need("aws_msk_iam_sasl_signer", "kafka.sasl_mechanism AWS_MSK_IAM")
    except MissingExtraError as error:
        raise SecretError(str(error)) from None
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415 - an extra

    return MSKAuthTokenProvider


def _region(kafka: KafkaSettings, environment: Mapping[str, str]) -> str:
    """Return the region of the cluster.

    Examples
    --------
    >>> _region(KafkaSettings(brokers=["b-1.shop.ab12cd.c2.kafka.eu-west-1.amazonaws.com:9098"]), {})
    'eu-west-1'
    """
    named = (found[1] for broker in kafka.brokers if (found := _MSK.search(broker)))
    region = (
        kafka.iam.region
        or next(named, None)
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
    )
    if not region:
        raise SecretError("kafka.iam.region: the region of the cluster is not known; set it")
    return region


def request_token(oauth: KafkaOauthSettings, tls: KafkaTlsSettings | None) -> tuple[str, float]:
    """Return a token and its life in seconds; blocks.

    Raises
    ------
    OSError
        When the endpoint does not answer or refuses, in one line; it shows no secret.
    SecretError
        When the client secret is missing.
    """
    url = str(oauth.token_url)
    shown = f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}{urlsplit(url).path}"
    try:
        with _opener(tls).open(_request(url, oauth), timeout=TIMEOUT) as answer:
            found = json.loads(answer.read(LARGEST))
        text, seconds = found["access_token"], float(found.get("expires_in", UNKNOWN_LIFE))
    except HTTPError as error:
        raise OSError(
            f"the token endpoint {shown} refuses ({_reason(error)}); check kafka.oauth: client_id, "
            "client secret, scope and audience"
        ) from None
    except (URLError, HTTPException, TimeoutError, ssl.SSLError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        message = no_answer(reason) if isinstance(reason, BaseException) else str(reason)
        raise OSError(
            f"the token endpoint {shown} does not answer ({message}); check kafka.oauth.token_url"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        text, seconds = None, 0
    if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise OSError(f"the token endpoint {shown} answers without a token; check kafka.oauth.token_url")
    return text, seconds


def _request(url: str, oauth: KafkaOauthSettings) -> urllib.request.Request:
    password = secret(oauth.client_secret, "kafka.oauth.client_secret")
    client = f"{quote_plus(oauth.client_id or '')}:{quote_plus(password)}"
    form = {"grant_type": "client_credentials", "scope": oauth.scope, "audience": oauth.audience}
    return urllib.request.Request(  # noqa: S310 - the configuration admits http and https only
        url,
        urlencode({name: value for name, value in form.items() if value}).encode(),
        {
            "Authorization": f"Basic {base64.b64encode(client.encode()).decode()}",
            "Accept": "application/json",
            "User-Agent": "uneri",
        },
    )


def _opener(tls: KafkaTlsSettings | None) -> urllib.request.OpenerDirector:
    https = urllib.request.HTTPSHandler(context=system_and(tls.ca if tls else None, CA))
    return urllib.request.build_opener(_NoRedirects(), https)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Credentials are not for another address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing: the answer is an error."""


def _reason(error: HTTPError) -> str:
    try:
        with error:  # it holds the connection
            message = json.loads(error.read(LARGEST))["error"]
    except (ValueError, KeyError, TypeError, OSError):
        message = None
    code = message if isinstance(message, str) and re.fullmatch("[a-z_]{1,40}", message) else None
    return f"HTTP {error.code}" + (f", {code}" if code else "")
