"""Checks of sources: schema registry, secrets, keys behind tokens, samples of mappings, limits of a cloud."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import UNSET

from alerting.words.mrkdwn import clean
from config.capacity import read_limits_of
from config.load import ConfigError
from config.secret import SecretError, passphrase_in
from config.sections.sources import MappingSettings
from config.settings import GithubSettings, PubsubSettings, RegistrySettings, Settings, SourcesSettings
from streams.cli.check.settings_checks import CheckResult, remark, right, wrong
from streams.ingest.formats.format import Format, Reading, Record, RefusalError, Surroundings
from streams.ingest.formats.mapped import mapped
from streams.ingest.formats.payloads import divided
from streams.ingest.limits.lines import summary, trouble
from streams.ingest.limits.reading import AwsError
from streams.ingest.receivers.pubsub_receiver import SigningKeysError, fetch_keys
from streams.ingest.registry.registry_client import RegistryClient, RegistryError
from streams.process.extras import MissingExtraError, need
from streams.process.files.atomic_file import unreadable

# formats without requests
_UNCOUNTED: Final = frozenset({"metric_stream", "changes", "eventbridge", "cloudtrail", "github", "xray"})
_SEVERAL: Final = 2  # formats
_MOST_NAMED: Final = 5
_OF_THE_SOURCE: Final = "(of the source)"  # what a source may state of all its records
_MOST_SHOWN: Final = 3  # refusals of a sample


async def check_sources(sources: SourcesSettings) -> AsyncIterator[CheckResult]:
    """Check the settings of sources, with those whom they name."""
    if (note := _note_counts(sources)) is not None:
        yield note
    if sources.registry is not None:
        yield await _check_registry(sources.registry)
    if (github := _check_github(sources.github)) is not None:
        yield github
    if sources.pubsub is not None:
        yield await _check_pubsub(sources.pubsub)


def _note_counts(sources: SourcesSettings) -> CheckResult | None:
    """Note that inputs of different formats may count a request once each, if none states what it counts."""
    counting = [entry for entry in sources.inputs if entry.format not in _UNCOUNTED]
    formats = {entry.name if entry.format == "auto" else entry.format for entry in counting}
    if len(formats) < _SEVERAL or any(entry.counts for entry in counting):
        return None
    names = " and ".join(entry.name for entry in counting[:_MOST_NAMED])
    names += f" and {len(counting) - _MOST_NAMED} more" if len(counting) > _MOST_NAMED else ""
    return remark(
        f"sources: inputs {names} count all that they name; if they tell of the same requests, say with "
        "counts what each counts (docs/sources.md#several-sources)"
    )


async def _check_registry(registry: RegistrySettings) -> CheckResult:
    try:
        need("fastavro", "sources.registry")
        where = await RegistryClient(registry).check()
    except (SecretError, RegistryError, MissingExtraError) as error:
        return wrong(str(error))
    if any(registry.username) or any(registry.token):
        if where.startswith("http:"):
            note = "and its credentials cross the network unencrypted; use https in sources.registry.urls"
            return remark(f"the schema registry {where} answers, {note}")
        where += ", which accepts the credentials,"
    return right(f"the schema registry {where} answers")


def _check_github(github: GithubSettings) -> CheckResult | None:
    """Check the secret of webhooks, which need none where no webhook is sent."""
    try:
        secret = passphrase_in(github.secret)
    except SecretError as error:
        return wrong(f"sources.github: {error}")
    if not secret:
        return None
    return right(f"sources.github: webhooks are verified by the secret in {github.secret.name()}")


async def _check_pubsub(pubsub: PubsubSettings) -> CheckResult:
    try:
        need("joserfc", "sources.pubsub")
        await fetch_keys(pubsub.keys)
    except MissingExtraError as error:
        return wrong(str(error))
    except SigningKeysError as error:
        problem = f"the keys that verify tokens cannot be fetched from {pubsub.keys} ({error})"
        return wrong(f"sources.pubsub: {problem}; check the network, or correct sources.pubsub.keys")
    return right(f"sources.pubsub: {pubsub.keys} has the keys that verify tokens")


def check_mappings(settings: Settings) -> Iterator[CheckResult]:
    """Read the sample of each mapping, and report what does not fit."""
    for mapping in settings.sources.mappings:
        if mapping.sample is None:
            yield remark(f"mapping {mapping.name}: has no sample; name a file of payloads, and it is checked")
        else:
            yield from _check_mapping(mapping, Path(mapping.sample))


def _check_mapping(mapping: MappingSettings, sample: Path) -> Iterator[CheckResult]:
    where = f"mapping {mapping.name}: {sample}"
    if why := unreadable(sample):  # a pipe would be waited for
        yield wrong(f"mapping {mapping.name}: {why}; correct sample")
        return
    try:
        if not sample.stat().st_size:
            yield wrong(f"{where}: there is nothing in it")
            return
        reading = _read_sample(mapped(mapping), sample)
    except OSError as error:
        yield wrong(f"{where}: cannot be read: {error.strerror or error}")
        return
    for refused in reading.refused[:_MOST_SHOWN]:
        yield wrong(f"{where}: {refused.reason.value}: {clean(refused.detail)}")
    if len(reading.refused) > _MOST_SHOWN:
        yield wrong(f"{where}: {len(reading.refused) - _MOST_SHOWN:,} more are refused")
    if reading.records:
        yield from (remark(f"{where}: {line}") for line in _missing_fields(mapping, reading.records))
    skipped = "".join(f", {count:,} skipped ({why})" for why, count in reading.skipped.items())
    if reading.records:
        yield right(f"{where}: records: {len(reading.records):,}{clean(skipped)}")
    elif not reading.refused:
        yield wrong(f"{where}: holds no record{clean(skipped)}")


def _read_sample(form: Format, sample: Path) -> Reading:
    reading = Reading()
    with sample.open("rb") as file:
        for payload in divided(file, form.looks_like).payloads:
            try:
                if payload.refusal is None:
                    found = form.read(payload.content, Surroundings(service=_OF_THE_SOURCE))
                else:
                    found = Reading(refused=[payload.refusal.of(payload.content)])
            except RefusalError as error:
                found = Reading(refused=[error.of(payload.content)])
            try:
                reading.add(found)
            except RefusalError:  # the first ones are enough
                break
    return reading


def _missing_fields(mapping: MappingSettings, records: Sequence[Record]) -> Iterator[str]:
    """Yield the fields that no record has although the mapping has a path to them."""
    for name, field in mapping.fields.items():
        if field.path is not None and not any(_has_field(record, name) for record in records):
            yield f"no record has {name}: nothing is at {field.path}"
    names = ("service", "route", "function")
    if mapping.kind in ("request", "call") and not any(
        _has_field(record, name) for record in records for name in names
    ):
        yield "no record names its service, route or function: its source must"
    if mapping.tables and not any(getattr(record, "tables", None) for record in records):
        yield "no record has a table call"


def _has_field(record: Record, name: str) -> bool:
    group, _, key = name.partition(".")
    value = getattr(record, group)
    if key and value is not None:
        value = value.get(key) if isinstance(value, dict) else getattr(value, key)
    return value not in (None, UNSET, _OF_THE_SOURCE)


def check_limits(settings: Settings, now: float) -> Iterator[CheckResult]:
    """Check the known limits at ``now`` (epoch seconds), and whether AWS lets them be read."""
    limits = settings.limits
    try:
        read = read_limits_of(settings)
    except ConfigError as error:
        yield wrong(f"limits: {error}")
        return
    if limits.file is not None:
        problems = trouble(read, now)
        known = [line for line in summary(limits, read, now) if line not in problems]
        yield remark(f"limits: {', '.join(known)}")
        for line in problems:
            yield wrong(f"limits: {line}")
    if limits.aws is None:
        return
    try:
        need("boto3", "limits.aws")
        from streams.ingest.limits.aws import accounts_of  # noqa: PLC0415  # boto3 is an extra

        accounts, regions = accounts_of(limits.aws)
    except (AwsError, MissingExtraError) as error:
        yield wrong(f"limits: {error}")
        return
    for account in accounts:
        if account.error:
            yield wrong(f"limits: {account.error}")
        else:
            yield right(f"limits: AWS account {account.account} can be read ({', '.join(regions)})")
