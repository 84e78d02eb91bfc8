"""Signatures of requests from Slack: what is not surely good is refused."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from slack_sdk.signature import Clock, SignatureVerifier

REMEMBERED: Final = 600  # seconds: a signature is good for 300 before and after its time
MOST_REMEMBERED: Final = 10_000
TIMESTAMP: Final = "X-Slack-Request-Timestamp"
SIGNATURE: Final = "X-Slack-Signature"


class SignatureFullError(Exception):
    """More signed requests came than can be remembered: none is taken until some are old."""


class SlackSignatures:
    """Verifies signatures and remembers the good ones, so that none is good twice.

    Parameters
    ----------
    secret
        The app's signing secret.
    now
        Wall time, epoch seconds.

    References
    ----------
    Slack, "Verifying requests from Slack": ``v0=`` and the HMAC-SHA256 of ``v0:timestamp:body``, refused when
    the timestamp is more than five minutes off.
    """

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._verifier = SignatureVerifier(secret, _Now(now))
        self._seen: OrderedDict[str, float] = OrderedDict()

    def __repr__(self) -> str:
        return f"Signatures({len(self._seen)} remembered)"

    def good(self, body: bytes, timestamp: str | None, signature: str | None) -> bool:
        """Tell whether the signature is good for the raw body. Fail-closed: whatever goes wrong, it is not.

        The SDK's verifier raises on a timestamp that is no number, a body that is not UTF-8 and a signature
        that is not ASCII; all of these are somebody else's requests.
        """
        try:
            return self._verifier.is_valid(body, timestamp, signature)
        except Exception:  # noqa: BLE001  # whatever it is: not surely good is refused
            return False

    def first_time(self, signature: str) -> bool:
        """Remember a good signature; False when it was seen before.

        Raises
        ------
        SignatureFullError
            When so many were seen in the last minutes that one more cannot be remembered.
        """
        now = self._now()
        while self._seen and next(iter(self._seen.values())) < now - REMEMBERED:
            self._seen.popitem(last=False)
        if signature in self._seen:
            return False
        if len(self._seen) >= MOST_REMEMBERED:
            raise SignatureFullError
        self._seen[signature] = now
        return True


class _Now(Clock):
    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now  # type: ignore[method-assign]
