"""Signatures of requests from Slack: whatever cannot be verified is refused."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from slack_sdk.signature import Clock, SignatureVerifier

VALID: Final = 300  # seconds before and after its timestamp
REMEMBERED: Final = 2 * VALID
MOST_REMEMBERED: Final = 10_000
TIMESTAMP: Final = "X-Slack-Request-Timestamp"
SIGNATURE: Final = "X-Slack-Signature"
_FORM: Final = re.compile("v0=[0-9a-f]{64}")


class SignatureFullError(Exception):
    """Too many signed requests to remember; new ones are refused until old ones expire."""


class SlackSignatures:
    """Verifies signatures and remembers valid ones, so that none is valid twice.

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
        return f"SlackSignatures({len(self._seen)} remembered)"

    def possible(self, timestamp: str | None, signature: str | None) -> bool:
        """Return whether a signature may be valid, judging by its form and time alone, without the body."""
        if signature is None or not _FORM.fullmatch(signature):
            return False
        try:
            return abs(self._now() - int(timestamp or "")) <= VALID
        except ValueError:
            return False

    def valid(self, body: bytes, timestamp: str | None, signature: str | None) -> bool:
        """Return whether the signature is valid for the raw body. Fails closed: an error means no.

        The SDK's verifier raises if the timestamp is not a number, the body not UTF-8 or the signature not
        ASCII; none of these requests comes from Slack.
        """
        try:
            return self._verifier.is_valid(body, timestamp, signature)
        except Exception:  # noqa: BLE001  # as above
            return False

    def first_use(self, signature: str) -> bool:
        """Remember a valid signature; return False if it was used before.

        Raises
        ------
        SignatureFullError
            When too many were used in the last minutes to remember one more.
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
