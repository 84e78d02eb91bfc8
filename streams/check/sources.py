"""Checks of what doors and topics need from others: a schema registry, secrets, the keys behind tokens."""

from collections.abc import AsyncIterator

from config.secret import SecretError, passphrase_in
from config.settings import GithubSettings, PubsubSettings, RegistrySettings, SourcesSettings
from streams.check.result import CheckResult
from streams.doors.signing_keys import SigningKeysError, fetched_keys
from streams.process.extras import MissingExtraError, need
from streams.registry.registry_client import RegistryClient, RegistryError


async def check_sources(sources: SourcesSettings) -> AsyncIterator[CheckResult]:
    """Check what is configured of them."""
    if sources.registry is not None:
        yield await _check_registry(sources.registry)
    if (github := _check_github(sources.github)) is not None:
        yield github
    if sources.pubsub is not None:
        yield await _check_pubsub(sources.pubsub)


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
