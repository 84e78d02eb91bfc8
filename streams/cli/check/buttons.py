"""Checks whether buttons and slash commands reach the daemon."""

from collections.abc import AsyncIterator

import aiohttp

from alerting.outbox.ports import Result
from alerting.sinks.no_answer import no_redirects
from alerting.sinks.slack_errors import outcome_of, trouble
from config.secret import SecretError, token_in
from config.settings import Settings
from streams.cli.check.result import CheckResult
from streams.cli.check.slack import FAILURES
from streams.notify.operators import Operators
from streams.notify.slack_api import SlackApi
from streams.notify.slack_secrets import slack_secrets
from streams.notify.slack_socket import TIMEOUT, open_address, reason_of

SECRET_LENGTH = 32  # hexadecimal digits of a signing secret from Slack


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
        yield CheckResult(False, f"slack: {error}")
        return
    if not app_token and not secret:
        names = f"{slack.app_token_env} nor {slack.signing_secret_env}"
        yield CheckResult(None, f"slack: neither {names} is set; messages have no buttons")
        return
    if app_token:
        yield await _check_socket(app_token, slack.app_token.name(), slack.base_url)
    if secret:
        door = settings.web if settings.kafka else settings.local
        url = f"{'http' if door.tls is None else 'https'}://{door.listen}"
        yield CheckResult(
            None, f"slack: signed requests are accepted at {url}/slack/actions and /slack/commands"
        )
        if len(secret) != SECRET_LENGTH:
            yield CheckResult(
                None,
                f"slack: {slack.signing_secret.name()} is not {SECRET_LENGTH} characters long; check that it "
                "holds the signing secret of the app",
            )
    async with SlackApi(token, slack.base_url) as calls:
        for group in Operators(slack.operators, calls.members).groups:
            yield await _check_group(calls, group)


async def _check_socket(token: str, kept: str, base_url: str) -> CheckResult:
    if not token.startswith("xapp-"):
        return CheckResult(False, f"slack: {kept} does not hold an app token, which begins with xapp-")
    try:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT), trace_configs=[no_redirects()]
        ) as session:
            await open_address(token, base_url, session)
    except FAILURES as error:
        outcome = outcome_of(error)
        if outcome.result in (Result.RETRY, Result.UNKNOWN):
            return CheckResult(False, f"slack: Socket Mode: {base_url} {trouble(outcome)}; try again")
        return CheckResult(
            False,
            f"slack: the app token in {kept} is refused ({reason_of(error)}); "
            "turn on Socket Mode and grant it connections:write",
        )
    return CheckResult(True, f"slack: the app token in {kept} opens Socket Mode")


async def _check_group(calls: SlackApi, group: str) -> CheckResult:
    try:
        members = await calls.members(group)
    except FAILURES as error:
        return CheckResult(
            False,
            f"slack: the members of {group} in slack.operators cannot be read ({reason_of(error)}); "
            "grant the app usergroups:read",
        )
    return CheckResult(bool(members), f"slack: {len(members)} members of {group} may use buttons")
