"""Asks an OAuth 2 token endpoint for a token by the client's credentials (RFC 6749, section 4.4)."""

import base64
import json
import re
import ssl
import urllib.request
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote_plus, urlencode, urlsplit

from alerting.sinks.no_answer import no_answer
from config.settings import KafkaOauthSettings, KafkaTlsSettings
from streams.drivers.kafka.connections.credentials import secret
from streams.drivers.kafka.connections.tls import CA
from streams.process.authorities import system_and

TIMEOUT: Final = 10.0  # seconds
LARGEST: Final = 1 << 20  # bytes of an answer
UNKNOWN_LIFE: Final = 60.0  # seconds a token is used for if the endpoint does not say


def asked(oauth: KafkaOauthSettings, tls: KafkaTlsSettings | None) -> tuple[str, float]:
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
        said = no_answer(reason) if isinstance(reason, BaseException) else str(reason)
        raise OSError(
            f"the token endpoint {shown} does not answer ({said}); check kafka.oauth.token_url"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        text, seconds = None, 0
    if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise OSError(f"the token endpoint {shown} answers without a token; check kafka.oauth.token_url")
    return text, seconds


def _request(url: str, oauth: KafkaOauthSettings) -> urllib.request.Request:
    password = secret(oauth.client_secret, "kafka.oauth.client_secret")
    client = f"{quote_plus(oauth.client_id or '')}:{quote_plus(password)}"
    asks = {"grant_type": "client_credentials", "scope": oauth.scope, "audience": oauth.audience}
    return urllib.request.Request(  # noqa: S310 - the configuration admits http and https only
        url,
        urlencode({name: value for name, value in asks.items() if value}).encode(),
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
    """Return the status, and the code of RFC 6749 if there is one."""
    try:
        with error:  # it holds the connection
            said = json.loads(error.read(LARGEST))["error"]
    except (ValueError, KeyError, TypeError, OSError):
        said = None
    code = said if isinstance(said, str) and re.fullmatch("[a-z_]{1,40}", said) else None
    return f"HTTP {error.code}" + (f", {code}" if code else "")
