"""Checks of Slack: the token, its scopes, the channels, and the way of buttons and slash commands."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiohttp
from slack_sdk.errors import SlackApiError

from alerting.commands.dispatch import SLACK, Destination
from alerting.outbox.ports import Result
from alerting.sinks.http_sink import outgoing_session
from alerting.sinks.slack_errors import outcome_of, trouble
from alerting.words.mrkdwn import clean
from config.secret import SecretError, token_in
from config.settings import Settings
from streams.cli.check.settings_checks import CheckResult, remark, right, wrong
from streams.notify.interactions import slack_secrets
from streams.notify.operators import Operators
from streams.notify.slack_api import SlackApi
from streams.notify.slack_socket import TIMEOUT, open_address, reason_of

NEEDED: Final = {"chat:write": "no message can be sent", "files:write": "no chart can be sent"}
LOOKUPS: Final = frozenset({"channels:history", "groups:history"})  # of public and private channels
ANYWHERE: Final = "chat:write.public"  # allows posts to public channels that the app is not in
SECRET_LENGTH: Final = 32  # hexadecimal digits of a signing secret
_ID: Final = re.compile(r"[CDG][A-Z0-9]{2,}")
FAILURES: Final = (SlackApiError, aiohttp.ClientError, OSError, ValueError, AttributeError)
"""Errors of calls; an AttributeError comes of JSON that is no object."""


async def check_slack(settings: Settings) -> AsyncIterator[CheckResult]:
    """Check the token and its scopes, and look up the channels that are configured by id."""
    slack = settings.slack
    try:
        token = token_in(slack.token)
    except SecretError as error:
        yield wrong(f"slack: {error}")
        return
    if not token:
        yield remark(f"slack: {slack.token_env} is not set; messages are printed in the terminal")
        return
    async with SlackApi(token, slack.base_url) as calls:
        try:
            user, team, scopes = await calls.whoami()
        except FAILURES as error:
            outcome, reason = outcome_of(error), reason_of(error)
            if outcome.result in (Result.RETRY, Result.UNKNOWN):
                yield wrong(f"slack: {slack.base_url} {trouble(outcome)}; try again")
            else:
                yield wrong(
                    f"slack: the token in {slack.token.name()} is refused ({reason}); set a valid one"
                )
            return
        yield right(f"slack: the token in {slack.token.name()} belongs to {user} in {team}")
        if scopes is not None:
            for scope in _check_scopes(scopes):
                yield scope
        channels = _channels(settings)
        for channel in channels:
            if _ID.fullmatch(channel):
                yield await _check_channel(calls, channel, scopes or frozenset())
        if named := [channel for channel in channels if not _ID.fullmatch(channel)]:
            yield remark(
                f"slack: Slack finds channels by id only, so {', '.join(named)} was not checked; `uneri "
                f"send-test --to '{named[0]}'` shows whether the app may post there"
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
            yield wrong(f"slack: the app lacks the scope {scope}: {without}; add it and reinstall the app")
    if not LOOKUPS & scopes:
        yield remark(
            "slack: the app lacks the scope channels:history (groups:history for a private channel): a "
            "message that may have arrived is sent again without a check; add it to avoid duplicates"
        )


async def _check_channel(calls: SlackApi, channel: str, scopes: frozenset[str]) -> CheckResult:
    try:
        found = await calls.channel(channel)
    except FAILURES as error:
        reason = reason_of(error)
        if reason == "channel_not_found":
            return wrong(f"slack: the app sees no channel {channel}; correct the id, or invite the app")
        hint = "; grant the app channels:read" if reason == "missing_scope" else ""
        return remark(f"slack: channel {channel} could not be looked up ({reason}){hint}")
    name = f"{channel} (#{clean(str(found['name']))})" if found.get("name") else channel
    if found.get("is_archived"):
        return wrong(f"slack: channel {name} is archived; unarchive it, or choose another")
    if found.get("is_member") is False and (ANYWHERE not in scopes or found.get("is_private")):
        return wrong(f"slack: the app is not in channel {name}; invite it")
    return right(f"slack: channel {name} exists")


async def check_buttons(settings: Settings) -> AsyncIterator[CheckResult]:
    """Check the app token, the signing secret and the operators; nothing without a bot token."""
    slack = settings.slack
    try:
        if not token_in(slack.token):
            return
    except SecretError:  # which the check of Slack reports
        return
    try:
        token, app_token, secret = slack_secrets(slack)
    except SecretError as error:
        yield wrong(f"slack: {error}")
        return
    if not app_token and not secret:
        names = f"{slack.app_token_env} nor {slack.signing_secret_env}"
        yield remark(f"slack: neither {names} is set; messages have no buttons")
        return
    if app_token:
        yield await _check_socket(app_token, slack.app_token.name(), slack.base_url)
    if secret:
        server = settings.web if settings.kafka else settings.local
        url = f"{'http' if server.tls is None else 'https'}://{server.listen}"
        yield remark(f"slack: signed requests are accepted at {url}/slack/actions and /slack/commands")
        if len(secret) != SECRET_LENGTH:
            yield remark(
                f"slack: {slack.signing_secret.name()} is not {SECRET_LENGTH} characters long; check that it "
                "holds the signing secret of the app"
            )
    async with SlackApi(token, slack.base_url) as calls:
        for group in Operators(slack.operators, calls.members).groups:
            yield await _check_group(calls, group)


async def _check_socket(token: str, kept: str, base_url: str) -> CheckResult:
    if not token.startswith("xapp-"):
        return wrong(f"slack: {kept} does not hold an app token, which begins with xapp-")
    try:
        async with outgoing_session(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
            await open_address(token, base_url, session)
    except FAILURES as error:
        outcome = outcome_of(error)
        if outcome.result in (Result.RETRY, Result.UNKNOWN):
            return wrong(f"slack: Socket Mode: {base_url} {trouble(outcome)}; try again")
        return wrong(
            f"slack: the app token in {kept} is refused ({reason_of(error)}); "
            "turn on Socket Mode and grant it connections:write"
        )
    return right(f"slack: the app token in {kept} opens Socket Mode")


async def _check_group(calls: SlackApi, group: str) -> CheckResult:
    try:
        members = await calls.members(group)
    except FAILURES as error:
        return wrong(
            f"slack: the members of {group} in slack.operators cannot be read ({reason_of(error)}); "
            "grant the app usergroups:read"
        )
    return CheckResult(bool(members), f"slack: {len(members)} members of {group} may use buttons")
