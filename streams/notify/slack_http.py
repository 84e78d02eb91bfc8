"""Interactions by signed HTTP, at ``/slack/actions`` and ``/slack/commands``; unverified ones are refused."""

import json
import re
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from prometheus_client import Counter
from slack_sdk.signature import Clock, SignatureVerifier

from streams.process.logs import Recurring
from streams.process.web.request_body import BodyError, read_small

MAX_BODY: Final = 64 * 1024
BUSY: Final = "busy"
_MOST_FIELDS: Final = 50
_RETRY: Final = "X-Slack-Retry-Num"
_NO_RETRY: Final = {"X-Slack-No-Retry": "1"}
_UNREAD: Final[dict[int, str]] = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too long",
    HTTPStatus.SERVICE_UNAVAILABLE: BUSY,
}

log = structlog.get_logger("uneri.slack")
Handler = Callable[[Mapping[str, str]], Mapping[str, Any] | None]
VALID: Final = 300  # seconds before and after its timestamp
REMEMBERED: Final = 2 * VALID
MOST_REMEMBERED: Final = 10_000
TIMESTAMP: Final = "X-Slack-Request-Timestamp"
SIGNATURE: Final = "X-Slack-Signature"
_FORM: Final = re.compile("v0=[0-9a-f]{64}")
_SECONDS: Final = re.compile("[0-9]{1,12}")


class InteractionReceiver(Protocol):
    """Receives interactions, which are handled after they were acknowledged. No method blocks or raises."""

    @property
    def active(self) -> bool:
        """True while interactions are handled."""

    def on_action(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Receive a ``block_actions`` or ``view_submission`` payload; return the errors of a modal."""

    def on_command(self, form: Mapping[str, str]) -> None:
        """Receive a slash command."""


class SlackHttp:
    """The two routes that Slack calls.

    A request is refused with 401, unparsed, unless its raw body has a valid signature that was not used
    before. The answer follows at once, empty unless a modal must show errors: Slack waits three seconds, and
    handling may take longer.
    """

    PATHS: Final = ("/slack/actions", "/slack/commands")

    def __init__(
        self, signatures: "SlackSignatures", receiver: InteractionReceiver, refused: Counter
    ) -> None:
        self._signatures = signatures
        self._receiver = receiver
        self._refused = refused
        self._recurring: defaultdict[str, Recurring] = defaultdict(Recurring)

    def __repr__(self) -> str:
        return "SlackHttp()"

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request to one of the paths."""
        pressed = request.path.startswith(self.PATHS[0])
        return await self._verified(request, self._press if pressed else self._command)

    def _command(self, form: Mapping[str, str]) -> None:
        self._receiver.on_command(form)

    def _press(self, form: Mapping[str, str]) -> Mapping[str, Any] | None:
        payload = json.loads(form.get("payload", ""))
        if not isinstance(payload, dict):
            raise TypeError("the payload is not an object")
        return self._receiver.on_action(payload)

    async def _verified(self, request: web.Request, handler: Handler) -> web.Response:
        timestamp, signature = request.headers.get(TIMESTAMP), request.headers.get(SIGNATURE)
        if not self._signatures.possible(timestamp, signature):
            return self._refuse("signature", 401)  # without waiting for the body
        try:
            body = await read_small(request, MAX_BODY)
        except BodyError as error:
            return self._refuse(_UNREAD.get(error.status, "not received"), error.status)
        if not self._signatures.valid(body, timestamp, signature):
            return self._refuse("signature", 401)
        return self._accepted(request, body, signature or "", handler)

    def _accepted(self, request: web.Request, body: bytes, signature: str, handler: Handler) -> web.Response:
        if not self._receiver.active:
            return self._refuse("nobody there", 503)
        try:
            if not self._signatures.first_use(signature):
                # with this header, Slack missed our answer: the interaction is being handled
                again = _RETRY in request.headers
                return web.Response(headers=_NO_RETRY) if again else self._refuse("replayed", 401)
            form = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
            shown = handler(form)
        except SignatureFullError:
            return self._refuse("too many", 429)
        except (ValueError, TypeError, RecursionError):
            return self._refuse("not understood", 400)
        return web.Response() if shown is None else web.json_response(shown)

    def _refuse(self, why: str, status: int) -> web.Response:
        self._refused.labels(why).inc()
        if (count := self._recurring[why].happened()) is not None:  # anybody can send such requests
            log.warning("request to /slack refused", reason=why, requests=count)
        return web.Response(status=status, headers={"Retry-After": "1"} if why == BUSY else _NO_RETRY)


class SignatureFullError(Exception):
    """Too many signed requests to remember; new ones are refused until old ones expire."""


class SlackSignatures:
    """Verifies signatures and remembers valid ones, so that none is valid twice.

    ``secret`` is the app's signing secret, ``now`` wall time, epoch seconds.

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
        if signature is None or timestamp is None or not _FORM.fullmatch(signature):
            return False
        return _SECONDS.fullmatch(timestamp) is not None and abs(self._now() - int(timestamp)) <= VALID

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
