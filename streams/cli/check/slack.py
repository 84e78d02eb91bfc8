"""Checks of Slack: the token, its scopes, and the channels."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiohttp
from slack_sdk.errors import SlackApiError

from alerting.commands.destination import SLACK, Destination
from alerting.outbox.ports import Result
from alerting.sinks.slack_errors import outcome_of, trouble
from alerting.words.mrkdwn import clean
from config.secret import SecretError, token_in
from config.settings import Settings
from streams.cli.check.result import CheckResult
from streams.notify.slack_api import SlackApi
from streams.notify.slack_socket import reason_of

NEEDED: Final = {"chat:write": "no message can be sent", "files:write": "no chart can be sent"}
LOOKS: Final = frozenset({"channels:history", "groups:history"})  # of public and private channels
ANYWHERE: Final = "chat:write.public"  # allows posts to public channels that the app is not in
_ID: Final = re.compile(r"[CDG][A-Z0-9]{2,}")
FAILURES: Final = (SlackApiError, aiohttp.ClientError, OSError, ValueError, AttributeError)
"""What a call may raise; an AttributeError comes of JSON that is no object."""


async def check_slack(settings: Settings) -> AsyncIterator[CheckResult]:
    """Check the token and its scopes, and look up the channels that are configured by id."""
    slack = settings.slack
    try:
        token = token_in(slack.token)
    except SecretError as error:
        yield CheckResult(False, f"slack: {error}")
        return
    if not token:
        yield CheckResult(None, f"slack: {slack.token_env} is not set; messages are printed in the terminal")
        return
    async with SlackApi(token, slack.base_url) as calls:
        try:
            user, team, scopes = await calls.whoami()
        except FAILURES as error:
            outcome, reason = outcome_of(error), reason_of(error)
            if outcome.result in (Result.RETRY, Result.UNKNOWN):
                yield CheckResult(False, f"slack: {slack.base_url} {trouble(outcome)}; try again")
            else:
                yield CheckResult(
                    False, f"slack: the token in {slack.token.name()} is refused ({reason}); set a valid one"
                )
            return
        yield CheckResult(True, f"slack: the token in {slack.token.name()} belongs to {user} in {team}")
        if scopes is not None:
            for scope in _check_scopes(scopes):
                yield scope
        channels = _channels(settings)
        for channel in channels:
            if _ID.fullmatch(channel):
                yield await _check_channel(calls, channel, scopes or frozenset())
        if named := [channel for channel in channels if not _ID.fullmatch(channel)]:
            yield CheckResult(
                None,
                f"slack: Slack finds channels by id only, so {', '.join(named)} was not checked; `uneri "
                f"send-test --to '{named[0]}'` shows whether the app may post there",
            )


def _channels(settings: Settings) -> list[str]:
    """Return each Slack channel that messages go to, once."""
    slack = settings.slack
    given = [slack.channel, slack.digest_channel, slack.fallback_channel]
    routed = [Destination.of(to) for route in settings.notify.routes for to in route.to]
    return list(dict.fromkeys([*filter(None, given), *(to.name for to in routed if to.sink == SLACK)]))


def _check_scopes(scopes: frozenset[str]) -> Iterator[CheckResult]:
    for scope, without in NEEDED.items():
        if scope not in scopes:
            yield CheckResult(
                False, f"slack: the app lacks the scope {scope}: {without}; add it and reinstall the app"
            )
    if not LOOKS & scopes:
        yield CheckResult(
            None,
            "slack: the app lacks the scope channels:history (groups:history for a private channel): a "
            "message that may have arrived is sent again without a check; add it to avoid duplicates",
        )


async def _check_channel(calls: SlackApi, channel: str, scopes: frozenset[str]) -> CheckResult:
    try:
        found = await calls.channel(channel)
    except FAILURES as error:
        reason = reason_of(error)
        if reason == "channel_not_found":
            return CheckResult(
                False,
                f"slack: the app sees no channel {channel}; correct the id, or invite the app",
            )
        hint = "; grant the app channels:read" if reason == "missing_scope" else ""
        return CheckResult(None, f"slack: channel {channel} could not be looked up ({reason}){hint}")
    name = f"{channel} (#{clean(str(found['name']))})" if found.get("name") else channel
    if found.get("is_archived"):
        return CheckResult(False, f"slack: channel {name} is archived; unarchive it, or choose another")
    if found.get("is_member") is False and (ANYWHERE not in scopes or found.get("is_private")):
        return CheckResult(False, f"slack: the app is not in channel {name}; invite it")
    return CheckResult(True, f"slack: channel {name} exists")
