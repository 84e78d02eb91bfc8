"""Delivery outcomes of Slack's answers: errors that may be retried, and those that never succeed.

Names are those of the error tables of ``chat.postMessage``, ``chat.update``, ``conversations.history`` and
``files.completeUploadExternal`` in Slack's Web API reference.
"""

import time
from collections.abc import Mapping
from typing import Final

import aiohttp
from msgspec import structs
from slack_sdk.errors import SlackApiError

from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.sinks.http_sink import NOT_FOLLOWED, RedirectError, no_answer, seconds_asked
from alerting.words.mrkdwn import clean, cut

TOO_MANY: Final = 429
UNAVAILABLE: Final = 503
FAILED: Final = 500
_LONGEST: Final = 100  # characters of an error that Slack does not document

_WAIT: Final = {"ratelimited", "rate_limited", "message_limit_exceeded"}
_RETRY: Final = {"service_unavailable", "request_timeout", "team_added_to_org"}
_UNKNOWN: Final = {"internal_error", "fatal_error"}  # documented: some aspect may have succeeded
_TOKEN: Final = {
    "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope",
    "no_permission", "org_login_required",
}  # fmt: skip
_ROUTE: Final = {
    "channel_not_found", "not_in_channel", "is_archived", "restricted_action", "ekm_access_denied",
    "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
    "restricted_action_non_threadable_channel",
}  # fmt: skip
_RENDERING: Final = {
    "msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "invalid_attachments",
    "no_text", "metadata_too_large", "invalid_metadata_format", "invalid_metadata_schema",
}  # fmt: skip
_GONE: Final = {"message_not_found", "cant_update_message", "edit_window_closed"}
_CLASSES: Final = (
    (_WAIT | _RETRY, Result.RETRY),
    (_UNKNOWN, Result.UNKNOWN),
    (_TOKEN, Result.TOKEN),
    (_ROUTE, Result.ROUTE),
    (_RENDERING, Result.RENDERING),
    (_GONE, Result.GONE),
)
_REMEDY: Final = {
    Result.TOKEN: "give the daemon a valid bot token with chat:write and files:write, then restart it",
    Result.ROUTE: "invite the app to the channel, or name another in slack.channel",
    Result.RENDERING: "the text is sent without blocks",
    Result.REFUSED: "look up the error in Slack's API reference",
}


class TokenError(ValueError):
    """A malformed token; the text does not contain it."""


def sendable(token: str) -> str:
    """Return a valid token unchanged.

    Raises
    ------
    TokenError
        When it contains a space, a line break or a non-ASCII character.
    """
    if not token.isascii() or not token.isprintable() or " " in token:
        raise TokenError("the token contains a space, a line break or a character that is not ASCII")
    return token


def outcome_of(error: Exception) -> DeliveryOutcome:  # noqa: PLR0911  one return for each kind
    """Return the outcome of a failed call to Slack. Its text does not contain the token."""
    if isinstance(error, TokenError):
        return DeliveryOutcome(result=Result.TOKEN, error=_with_remedy(str(error), Result.TOKEN))
    if isinstance(error, SlackApiError):
        return structs.replace(_of_answer(error), answered=True)
    if isinstance(error, RedirectError):  # perhaps of a proxy, for a while: nothing was accepted
        why = f"HTTP {error.status}: {NOT_FOLLOWED}; check slack.base_url and the proxy"
        return DeliveryOutcome(result=Result.RETRY, error=why, answered=True)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return DeliveryOutcome(result=Result.RETRY, error=no_answer(error))
    if isinstance(error, aiohttp.ClientResponseError):
        return DeliveryOutcome(result=Result.UNKNOWN, error=f"HTTP {error.status}", answered=True)
    if isinstance(error, aiohttp.ClientError | OSError):
        return DeliveryOutcome(result=Result.UNKNOWN, error=no_answer(error))
    return DeliveryOutcome(result=Result.UNKNOWN, error="its answer is not one of Slack's", answered=True)


def trouble(outcome: DeliveryOutcome, why: str | None = None) -> str:
    """Describe that Slack answered with an error, or not at all; ``why`` replaces the reason, if it is given.

    Examples
    --------
    >>> trouble(DeliveryOutcome(result=Result.RETRY, error="rate limited", answered=True))
    'answered with an error (rate limited)'
    >>> trouble(DeliveryOutcome(result=Result.RETRY, error="no answer in time"), "")
    'does not answer'
    """
    reason = outcome.error if why is None else why
    what = "answered with an error" if outcome.answered else "does not answer"
    return f"{what} ({reason})" if reason else what


def _of_answer(error: SlackApiError) -> DeliveryOutcome:
    response = error.response
    status = _status(response)
    data = getattr(response, "data", response)  # what is not Slack's may answer a list
    name = cut(clean(str(data.get("error") or "")), _LONGEST) if isinstance(data, Mapping) else ""
    if status == TOO_MANY or name in _WAIT:
        return DeliveryOutcome(result=Result.RETRY, retry_after=_retry_after(response), error="rate limited")
    if status == UNAVAILABLE:
        return DeliveryOutcome(result=Result.RETRY, error="service unavailable")
    if status >= FAILED:
        return DeliveryOutcome(result=Result.UNKNOWN, error=f"HTTP {status}")
    for names, result in _CLASSES:
        if name in names:
            return DeliveryOutcome(result=result, error=_with_remedy(name, result))
    if not name:
        return DeliveryOutcome(result=Result.UNKNOWN, error=f"HTTP {status} without a readable answer")
    return DeliveryOutcome(result=Result.REFUSED, error=_with_remedy(name, Result.REFUSED))


def _with_remedy(name: str, result: Result) -> str:
    return f"{name}: {_REMEDY[result]}" if result in _REMEDY else name


def _status(response: object) -> int:
    # the SDK's response, or aiohttp's where the body was unreadable
    for attribute in ("status_code", "status"):
        found = getattr(response, attribute, None)
        if isinstance(found, int):
            return found
    return 0


def _retry_after(response: object) -> float | None:
    asked = getattr(response, "headers", {}).get("Retry-After")
    return None if asked is None else seconds_asked(asked, time.time())
