"""``uneri incident``: one incident of a running daemon, printed, sent to a webhook, or opened as an issue."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

import msgspec
import typer

from alerting.commands.dispatch import WEBHOOK, CommandResult
from alerting.sinks.github_issues import REPOSITORY, GithubIssues, IssueError
from alerting.sinks.http_sink import host_of
from config.secret import token_in
from config.sections.values import meant, web_address
from config.settings import Settings
from streams.cli.daemon_call import DaemonCommand
from streams.notify.http_sinks import ExportError, export_to_webhook, key_of
from streams.process.command_error import CommandError, UsageError

GITHUB: Final = "github"
_REFUSALS: Final = {
    CommandResult.UNKNOWN.value: "no incident has this ID, or several begin with it, or it ended more than "
    "30 days ago; `uneri incidents` lists open ones",
}
_FORMS: Final = "write webhook:NAME, webhook:https://… or github:OWNER/REPO"


class _Written(msgspec.Struct):
    """What is printed or opened as an issue; the answer has all of the incident beside it."""

    title: str
    markdown: str


_INCIDENT: Final = DaemonCommand(
    "GET", "/incidents/", _Written, lambda answer: [answer.markdown.rstrip()], _REFUSALS
)

Exporter = Callable[[dict[str, Any]], Coroutine[Any, Any, str]]
"""Sends the answer of the daemon somewhere; returns what to print."""


def show_incident(settings: Settings, url: str, name: str, to: str | None, *, as_json: bool = False) -> None:
    """Print an incident of the daemon at ``url``, or send it to a destination.

    Raises
    ------
    CommandError, config.secret.SecretError
        When there is no such incident or destination, or it does not take the incident.
    """
    if to is not None and as_json:
        raise UsageError("--json prints and --to sends; choose one")
    export = None if to is None else exporter(settings, to)
    if export is None:
        _INCIDENT.run(url, name, as_json=as_json)
        return
    answer, _ = _INCIDENT.ask(url, name)
    try:
        typer.echo(asyncio.run(export(answer)))
    except (ExportError, IssueError) as error:
        raise CommandError(str(error)) from error


def exporter(settings: Settings, to: str) -> Exporter:
    """Return the exporter for a destination.

    Raises
    ------
    UsageError
        When there is no such destination, or its token is not set.
    config.secret.SecretError
        When a secret cannot be read or used.
    """
    kind, _, name = to.partition(":")
    if kind == GITHUB:
        return _to_github(settings, name)
    if kind == WEBHOOK and name.lower().startswith(("http://", "https://")):
        try:
            return partial(export_to_webhook, f"{WEBHOOK}:{host_of(web_address(name))}", name, None)
        except ValueError as error:
            raise UsageError(f"--to {to}: {error}") from None
    if kind == WEBHOOK:
        known = {webhook.name: webhook for webhook in settings.notify.webhooks}
        if name not in known:
            has = f"notify.webhooks has {', '.join(known) or 'none'}; add it there, or write its address"
            raise UsageError(f"--to {to}: no such webhook; {meant(name, known, has)}")
        return partial(export_to_webhook, to, known[name].url, key_of(known[name], os.environ))
    raise UsageError(f"--to {to}: not a destination; {_FORMS}")


def _to_github(settings: Settings, repository: str) -> Exporter:
    if not REPOSITORY.fullmatch(repository):
        raise UsageError(f"--to {GITHUB}:{repository}: not a repository; write github:OWNER/REPO")
    place = settings.export.github_token
    token, name = token_in(place), place.name()
    if not token:
        raise UsageError(f"{name} is not set; set it to a token of GitHub that may write issues")

    async def send(answer: dict[str, Any]) -> str:
        incident = answer["incident"]
        body = answer["markdown"].partition("\n")[2].lstrip("\n")
        async with GithubIssues(settings.export.github_url, token, token_name=name) as github:
            issue = await github.open(
                repository, incident["id"], int(incident["start"]), answer["title"], body
            )
        return f"{issue.url} exists already ({issue.state})" if issue.existed else f"opened {issue.url}"

    return send
