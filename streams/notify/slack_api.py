"""Calls to Slack's Web API for interactions: modals, ephemeral answers, members of user groups."""

from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.proxy_env_variable_loader import load_http_proxy_from_env
from slack_sdk.web.async_client import AsyncWebClient

from alerting.sinks.http_sink import TIMEOUT, HttpClient
from alerting.sinks.slack import slack_client
from alerting.words.mrkdwn import clean
from streams.notify.slack_socket import reason_of

HOOKS: Final = "hooks.slack.com"
_REAL: Final = "https://slack.com/api/"

log = structlog.get_logger("uneri.slack")


class SlackApi(HttpClient):
    """Calls Slack to answer a person. Nothing is retried: the person can press again.

    ``token`` is the bot token, ``base_url`` that of the Web API.
    """

    def __init__(self, token: str, base_url: str) -> None:
        super().__init__(TIMEOUT)
        self._token = token
        self._base_url = base_url if base_url.endswith("/") else f"{base_url}/"

    def __repr__(self) -> str:
        return f"SlackApi({self._base_url!r})"

    async def open_view(self, trigger: str, view: dict[str, Any]) -> bool:
        """Open a modal; return False if Slack did not (a trigger expires after three seconds)."""
        try:
            await self._client().views_open(trigger_id=trigger, view=view)
        except Exception as error:  # noqa: BLE001  # a modal must not end the daemon
            log.warning("modal not opened", reason=reason_of(error))
            return False
        return True

    async def whoami(self) -> tuple[str, str, frozenset[str] | None]:
        """Return the app's user, its team, and the scopes of the token or None if Slack does not list them.

        Raises
        ------
        SlackApiError, aiohttp.ClientError, OSError, TimeoutError, ValueError
            When Slack does not return them.
        """
        answer = await self._client().auth_test()
        listed = answer.headers.get("x-oauth-scopes")
        scopes = None if listed is None else frozenset(filter(None, map(str.strip, str(listed).split(","))))
        user, team = answer.get("user") or answer.get("user_id"), answer.get("team")
        return clean(str(user)), clean(str(team)), scopes

    async def channel(self, channel: str) -> dict[str, Any]:
        """Return Slack's description of a channel, by its id.

        Raises
        ------
        SlackApiError, aiohttp.ClientError, OSError, TimeoutError, ValueError
            When Slack does not return it.
        """
        found: dict[str, Any] = (await self._client().conversations_info(channel=channel)).get(
            "channel"
        ) or {}
        return found

    async def members(self, group: str) -> frozenset[str]:
        """Return the ids of a user group's members.

        Raises
        ------
        SlackApiError, aiohttp.ClientError, TimeoutError
            When Slack does not return them.
        """
        answer = await self._client().usergroups_users_list(usergroup=group)
        users: list[str] = answer.get("users") or []
        return frozenset(users)

    async def answer(self, url: str, body: dict[str, Any]) -> bool:
        """Post an answer for one person to a ``response_url``; return False if that failed.

        The URL is untrusted: only Slack's own host is called, and redirects are not followed.
        """
        if not self.is_slacks(url):
            log.warning("answer not sent: the response_url is not on Slack's host")
            return False
        given = {"response_type": "ephemeral", "replace_original": False, **body}
        try:
            async with self._open().post(
                url, json=given, allow_redirects=False, proxy=load_http_proxy_from_env()
            ) as answer:
                if answer.status == 200:  # noqa: PLR2004  # HTTP's OK
                    return True
                log.warning("answer refused by Slack", status=answer.status)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            log.warning("answer not delivered", reason=type(error).__name__)
        return False

    def is_slacks(self, url: str) -> bool:
        """Return whether a URL is on the host that answers are posted to.

        That is ``https://hooks.slack.com``, or the host and port of another Web API in the settings.

        Examples
        --------
        >>> api = SlackApi("", "https://slack.com/api/")
        >>> api.is_slacks("https://hooks.slack.com/actions/T1/2/3")
        True
        >>> api.is_slacks("https://hooks.slack.com@evil.example"), api.is_slacks("http://hooks.slack.com")
        (False, False)
        """
        try:
            parts = urlsplit(url)
            if parts.scheme == "https" and parts.netloc == HOOKS:
                return True
            own = urlsplit(self._base_url)
        except ValueError:
            return False
        return self._base_url != _REAL and (parts.scheme, parts.netloc) == (own.scheme, own.netloc)

    def _client(self) -> AsyncWebClient:
        return slack_client(self._token, self._base_url, self._open())
