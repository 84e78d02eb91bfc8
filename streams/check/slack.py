"""What ``uneri check`` says of messages to Slack: whether the token is good and the channels are there."""

import os
import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiohttp
from slack_sdk.errors import SlackApiError

from alerting.commands.destination import SLACK, Destination
from alerting.outbox.ports import Result
from alerting.sinks.slack_errors import outcome_of
from config.settings import Settings
from streams.check.checked import Check
from streams.notify.slack_api import SlackApi
from streams.notify.slack_socket import reason_of

NEEDED: Final = {"chat:write": "no message can be sent", "files:write": "no chart can be sent"}
LOOKS: Final = frozenset({"channels:history", "groups:history"})  # of public and of private channels
ANYWHERE: Final = "chat:write.public"  # writes to public channels that the app is not in
_ID: Final = re.compile(r"[CDG][A-Z0-9]{2,}")
_FAILURES: Final = (SlackApiError, aiohttp.ClientError, OSError, TimeoutError, ValueError)


async def check_slack(settings: Settings) -> AsyncIterator[Check]:
    """Ask Slack who the token is and what it may, and look up the channels that are given by their id."""
    slack = settings.slack
    token = os.environ.get(slack.token_env)
    if not token:
        yield Check(None, f"slack: {slack.token_env} is not set, messages are shown in the terminal")
        return
    async with SlackApi(token, slack.base_url) as calls:
        try:
            user, team, scopes = await calls.whoami()
        except _FAILURES as error:
            reason = reason_of(error)
            if outcome_of(error).result in (Result.RETRY, Result.UNKNOWN):
                yield Check(False, f"slack: {slack.base_url} does not answer ({reason})")
            else:
                yield Check(False, f"slack: the token in {slack.token_env} is refused ({reason})")
            return
        yield Check(True, f"slack: the token in {slack.token_env} belongs to {user} in {team}")
        if scopes is not None:
            for one in _check_scopes(scopes):
                yield one
        channels = _channels(settings)
        for channel in channels:
            if _ID.fullmatch(channel):
                yield await _check_channel(calls, channel, scopes or frozenset())
        if named := [channel for channel in channels if not _ID.fullmatch(channel)]:
            yield Check(
                None,
                f"slack: Slack looks channels up by id alone, so {', '.join(named)} was not looked for; the "
                "first message shows whether the app may write there",
            )


def _channels(settings: Settings) -> list[str]:
    """Return every channel of Slack that something is sent to, each once."""
    slack = settings.slack
    given = [slack.channel, slack.digest_channel, slack.fallback_channel]
    routed = [Destination.of(to) for route in settings.notify.routes for to in route.to]
    return list(dict.fromkeys([*filter(None, given), *(to.name for to in routed if to.sink == SLACK)]))


def _check_scopes(scopes: frozenset[str]) -> Iterator[Check]:
    for scope, without in NEEDED.items():
        if scope not in scopes:
            yield Check(False, f"slack: the app lacks the scope {scope}: {without}; add it and install again")
    if not LOOKS & scopes:
        yield Check(
            None,
            "slack: the app lacks the scope channels:history (groups:history for a private channel): a "
            "message whose fate is unknown is sent a second time, without a look",
        )


async def _check_channel(calls: SlackApi, channel: str, scopes: frozenset[str]) -> Check:
    try:
        found = await calls.channel(channel)
    except _FAILURES as error:
        reason = reason_of(error)
        if reason == "channel_not_found":
            return Check(
                False,
                f"slack: there is no channel {channel} that the app sees; correct the id, or invite the app",
            )
        hint = "; give the app channels:read" if reason == "missing_scope" else ""
        return Check(None, f"slack: channel {channel} could not be looked up ({reason}){hint}")
    name = f"{channel} (#{found['name']})" if found.get("name") else channel
    if found.get("is_archived"):
        return Check(False, f"slack: channel {name} is archived; bring it back, or name another")
    if found.get("is_member") is False and (ANYWHERE not in scopes or found.get("is_private")):
        return Check(False, f"slack: the app is not in channel {name}; invite it there")
    return Check(True, f"slack: channel {name} is there")
