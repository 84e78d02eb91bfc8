"""Checks of what doors and topics need from others: a schema registry, secrets, the keys behind tokens."""

from collections.abc import AsyncIterator
from typing import Final

from config.secret import SecretError, passphrase_in
from config.settings import GithubSettings, PubsubSettings, RegistrySettings, SourcesSettings
from streams.cli.check.result import CheckResult
from streams.ingest.receivers.signing_keys import SigningKeysError, fetched_keys
from streams.ingest.registry.registry_client import RegistryClient, RegistryError
from streams.process.extras import MissingExtraError, need

_UNCOUNTED: Final = frozenset(
    {"metric_stream", "changes", "eventbridge", "cloudtrail", "github", "xray"}
)  # no requests
_SEVERAL: Final = 2  # formats
_MOST_NAMED: Final = 5


async def check_sources(sources: SourcesSettings) -> AsyncIterator[CheckResult]:
    """Check what is configured of them."""
    if (note := _note_counts(sources)) is not None:
        yield note
    if sources.registry is not None:
        yield await _check_registry(sources.registry)
    if (github := _check_github(sources.github)) is not None:
        yield github
    if sources.pubsub is not None:
        yield await _check_pubsub(sources.pubsub)


def _note_counts(sources: SourcesSettings) -> CheckResult | None:
    """Note that inputs of different formats may count a request once each, if none says what it counts."""
    counting = [one for one in sources.inputs if one.format not in _UNCOUNTED]
    formats = {one.name if one.format == "auto" else one.format for one in counting}
    if len(formats) < _SEVERAL or any(one.counts for one in counting):
        return None
    names = " and ".join(one.name for one in counting[:_MOST_NAMED])
    names += f" and {len(counting) - _MOST_NAMED} more" if len(counting) > _MOST_NAMED else ""
    return CheckResult(
        None,
        f"sources: inputs {names} count all that they name; if they tell of the same requests, say with "
        "counts what each counts (docs/sources.md#several-sources)",
    )


async def _check_registry(registry: RegistrySettings) -> CheckResult:
    try:
        need("fastavro", "sources.registry")
        where = await RegistryClient(registry).check()
    except (SecretError, RegistryError, MissingExtraError) as error:
        return CheckResult(False, str(error))
    if any(registry.username) or any(registry.token):
        if where.startswith("http:"):
            note = "and its credentials cross the network unencrypted; use https in sources.registry.urls"
            return CheckResult(None, f"the schema registry {where} answers, {note}")
        where += ", which accepts the credentials,"
    return CheckResult(True, f"the schema registry {where} answers")


def _check_github(github: GithubSettings) -> CheckResult | None:
    """Check the secret of webhooks, which need none where no webhook is sent."""
    try:
        secret = passphrase_in(github.secret)
    except SecretError as error:
        return CheckResult(False, f"sources.github: {error}")
    if not secret:
        return None
    return CheckResult(True, f"sources.github: webhooks are verified by the secret in {github.secret.name()}")


async def _check_pubsub(pubsub: PubsubSettings) -> CheckResult:
    try:
        need("joserfc", "sources.pubsub")
        await fetched_keys(pubsub.keys)
    except MissingExtraError as error:
        return CheckResult(False, str(error))
    except SigningKeysError as error:
        said = f"the keys that verify tokens cannot be fetched from {pubsub.keys} ({error})"
        return CheckResult(
            False, f"sources.pubsub: {said}; check the network, or correct sources.pubsub.keys"
        )
    return CheckResult(True, f"sources.pubsub: {pubsub.keys} has the keys that verify tokens")
