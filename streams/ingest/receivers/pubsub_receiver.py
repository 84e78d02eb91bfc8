"""``POST /pubsub``: pushes of Google Cloud Pub/Sub, with a verified token.

A message is acknowledged (200) when its records are durable. Pub/Sub repeats it after any other answer; a
subscription with a dead letter topic ends that for messages that can never be read.

Google signs the tokens: OpenID Connect, for an audience and a service account
(https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions). Its public keys are fetched from where
it publishes them, and kept for a while.
"""

import asyncio
import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp
import msgspec
import structlog
from aiohttp import web

from config.settings import PubsubSettings
from streams.ingest.receivers.events_receiver import stored_answer
from streams.ingest.receivers.ingest_handler import IngestHandler, error_answer
from streams.ingest.receivers.payload_lines import payload_reader
from streams.process.logs import Recurring
from streams.process.web.request_body import BodyError

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ISSUERS: Final = ("https://accounts.google.com", "accounts.google.com")
LEEWAY: Final = 60
"""Seconds that the clocks may differ."""

USUAL_SECONDS: Final = 3600.0
"""Time that keys are kept if their owner states none; a stated one is bounded by the next two."""

SHORTEST: Final = 300.0
LONGEST: Final = 86400.0
AGAIN_SECONDS: Final = 60.0
"""Time between two fetches for an unknown key: anyone may send a token with one."""

WITHOUT_SECONDS: Final = 10.0
"""Time between two fetches while there are no keys: nothing can be verified, and anyone may ask."""

_FETCH_SECONDS: Final = 10.0
_MOST: Final = 1024 * 1024  # bytes
_MAX_AGE: Final = re.compile(r"max-age=(\d{1,9})")


_ALGORITHMS: Final = ("RS256",)
_FORM: Final = re.compile(r"([A-Za-z0-9_-]{1,4096})\.[A-Za-z0-9_-]{1,65536}\.[A-Za-z0-9_-]{1,4096}")

log = structlog.get_logger("uneri.intake")


class _Header(msgspec.Struct):
    alg: str


_HEADER: Final = msgspec.json.Decoder(_Header)


class SigningKeysError(Exception):
    """The keys cannot be fetched, or are none."""


class SigningKeys:
    """The keys of a JSON Web Key Set at a URL."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: KeySet | None = None
        self._until = self._tried = float("-inf")
        self._lock = asyncio.Lock()
        self._failures = Recurring(clock)

    async def get(self) -> "KeySet":
        """Return the keys.

        Raises
        ------
        BodyError
            When there are none and they cannot be fetched now.
        """
        async with self._lock:
            if self._clock() >= self._until and self._may_try():
                await self._fetch()
            return self._known()

    async def newer(self) -> "KeySet":
        """Return the keys, fetched anew unless they just were: one was missing."""
        async with self._lock:
            if self._may_try():
                await self._fetch()
            return self._known()

    def _may_try(self) -> bool:
        return self._clock() - self._tried >= (WITHOUT_SECONDS if self._keys is None else AGAIN_SECONDS)

    def _known(self) -> "KeySet":
        if self._keys is None:
            text = f"the keys that verify the token cannot be fetched from {self._url}; send it again"
            raise BodyError(text, HTTPStatus.SERVICE_UNAVAILABLE, "no_keys", seconds=int(WITHOUT_SECONDS))
        return self._keys

    async def _fetch(self) -> None:
        self._tried = self._clock()
        try:
            self._keys, kept = await fetch_keys(self._url)
        except SigningKeysError as error:
            self._tried = self._clock()  # it may have taken long
            if (count := self._failures.happened()) is not None:
                log.warning(
                    "the keys that verify tokens cannot be fetched",
                    url=self._url,
                    reason=str(error),
                    times=count,
                )
        else:
            self._until = self._tried + kept
            if failed := self._failures.ended():
                log.info("the keys that verify tokens can be fetched again", url=self._url, failed=failed)


async def fetch_keys(url: str) -> tuple["KeySet", float]:
    """Return the keys behind a URL, and the seconds for which they may be kept.

    Raises
    ------
    SigningKeysError
        When there are none.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        body, kept = await _download(url)
        return KeySet.import_key_set(json.loads(body)), kept
    except (aiohttp.ClientError, TimeoutError, OSError, JoseError, ValueError, TypeError, KeyError) as error:
        raise SigningKeysError(str(error) or type(error).__name__) from error


async def _download(url: str) -> tuple[bytes, float]:
    timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
        session.get(url, raise_for_status=True) as answer,
    ):
        body = bytearray()
        async for part in answer.content.iter_any():
            body += part
            if len(body) > _MOST:
                raise ValueError("more than a set of keys")
        found = _MAX_AGE.search(answer.headers.get("Cache-Control", ""))
        kept = float(found[1]) if found else USUAL_SECONDS
        return bytes(body), min(max(kept, SHORTEST), LONGEST)


class PushTokens:
    """Verifies the tokens of pushes."""

    def __init__(self, settings: PubsubSettings, keys: SigningKeys, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock

    async def verify(self, authorization: str) -> None:
        """Check the header of a push.

        Raises
        ------
        BodyError
            401 if the token is none of Google's, or has expired; 403 if it is of another audience or
            account; 503 if its keys cannot be fetched.
        """
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise _refused("no token; enable authentication for the subscription", HTTPStatus.UNAUTHORIZED)
        claims = await self._claims(token.strip())
        account = claims.get("email")
        if claims.get("aud") != self._settings.audience:
            raise _refused("of another audience than sources.pubsub.audience", HTTPStatus.FORBIDDEN)
        if account not in self._settings.service_accounts or claims.get("email_verified") is not True:
            raise _refused(
                "of another account than sources.pubsub.service_accounts have", HTTPStatus.FORBIDDEN
            )

    async def _claims(self, token: str) -> dict[str, object]:
        from joserfc.errors import InvalidKeyIdError, JoseError

        if not _may_be_signed(token):  # no key is fetched for it
            raise _not_signed()
        try:
            try:
                return self._decoded(token, await self._keys.get())
            except InvalidKeyIdError:
                return self._decoded(token, await self._keys.newer())
        except (JoseError, ValueError, TypeError, KeyError):
            raise _not_signed() from None

    def _decoded(self, token: str, keys: "KeySet") -> dict[str, object]:
        from joserfc import jwt

        claims = jwt.decode(token, keys, algorithms=list(_ALGORITHMS)).claims
        jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY,
            iss={"essential": True, "values": list(ISSUERS)},
            exp={"essential": True},
            iat={"essential": True},
        ).validate(claims)
        return dict(claims)


def _may_be_signed(token: str) -> bool:
    """Return whether a text has the form of a token, and names an algorithm that is accepted."""
    found = _FORM.fullmatch(token)
    if found is None:
        return False
    try:
        return _HEADER.decode(urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))).alg in _ALGORITHMS
    except (ValueError, RecursionError):
        return False


def _not_signed() -> BodyError:
    return _refused("not one that Google has signed, or it has expired", HTTPStatus.UNAUTHORIZED)


def _refused(why: str, status: int) -> BodyError:
    return BodyError(f"the token of the push is refused: {why}", status, "push_token")


class PubsubReceiver:
    """The route that subscriptions push to; ``?source=NAME`` as at ``/events``."""

    def __init__(self, handler: IngestHandler, tokens: PushTokens | None) -> None:
        self._handler = handler
        self._tokens = tokens  # None refuses all pushes

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [web.post("/pubsub", self._post)]

    async def _post(self, request: web.Request) -> web.Response:
        try:
            if self._tokens is None:
                raise _not_set_up()
            await self._tokens.verify(request.headers.get("Authorization", ""))
            read = payload_reader(self._handler.source(request.query.get("source"), "pubsub"))
            receipt = await self._handler.receive(request, read)
        except BodyError as error:
            self._handler.count(error)
            return error_answer(error)
        return stored_answer(receipt)


def _not_set_up() -> BodyError:
    text = "pushes of Pub/Sub are not set up; set sources.pubsub: audience and service_accounts"
    return BodyError(text, HTTPStatus.FORBIDDEN, "push_token")


if TYPE_CHECKING:
    from joserfc.jwk import KeySet
