"""Tokens that Google signs for pushes: OpenID Connect, of an audience and a service account.

https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from config.settings import PubsubSettings
from streams.ingest.receivers.record_sink import NotTakenError
from streams.ingest.receivers.signing_keys import SigningKeys

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ISSUERS: Final = ("https://accounts.google.com", "accounts.google.com")
LEEWAY: Final = 60
"""Seconds that the clocks may differ."""

_ALGORITHMS: Final = ("RS256",)
_FORM: Final = re.compile(r"([A-Za-z0-9_-]{1,4096})\.[A-Za-z0-9_-]{1,65536}\.[A-Za-z0-9_-]{1,4096}")


class _Header(msgspec.Struct):
    """The first part of a token."""

    alg: str


_HEADER: Final = msgspec.json.Decoder(_Header)


class PushTokens:
    """Verifies the tokens of pushes.

    Parameters
    ----------
    settings
        Whose pushes are accepted.
    keys
        Those that sign.
    clock
        Epoch seconds.
    """

    def __init__(self, settings: PubsubSettings, keys: SigningKeys, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock

    async def verify(self, authorization: str) -> None:
        """Check the header of a push.

        Raises
        ------
        NotTakenError
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


def _not_signed() -> NotTakenError:
    return _refused("not one that Google has signed, or it has expired", HTTPStatus.UNAUTHORIZED)


def _refused(why: str, status: int) -> NotTakenError:
    return NotTakenError(f"the token of the push is refused: {why}", status, "push_token")
