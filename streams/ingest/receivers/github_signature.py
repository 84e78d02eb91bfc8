"""The signature of GitHub's webhooks: HMAC with SHA-256 of the body, by a secret that both know."""

import hashlib
import hmac
from http import HTTPStatus
from typing import Final

from streams.ingest.receivers.record_sink import NotTakenError

HEADER: Final = "X-Hub-Signature-256"


class GithubSignature:
    """Verifies bodies.

    Parameters
    ----------
    secret
        Empty if there is none: then no signature is accepted.
    variable
        Where the secret is to be set, for messages.
    """

    def __init__(self, secret: str = "", variable: str = "UNERI_GITHUB_SECRET") -> None:
        self.secret = secret  # as the newest reload read it
        self._variable = variable

    def __repr__(self) -> str:
        return "GithubSignature(…)"

    def needed(self) -> None:
        """Refuse signed bodies if there is no secret, before they are received.

        Raises
        ------
        NotTakenError
            With what to set.
        """
        if not self.secret:
            said = f"signed, but the secret is not known here; set {self._variable} to that of the webhook"
            raise NotTakenError(said, HTTPStatus.FORBIDDEN, "signature")

    def verify(self, body: bytes, signed: str) -> None:
        """Check the signature of a body.

        Raises
        ------
        NotTakenError
            When it is not that of the body.
        """
        wanted = f"sha256={hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()}"
        same = hmac.compare_digest(wanted.encode(), signed.encode(errors="replace"))
        if not (self.secret and same):
            said = f"{HEADER} is not that of the body; give the webhook the secret that {self._variable} has"
            raise NotTakenError(said, HTTPStatus.UNAUTHORIZED, "signature")
