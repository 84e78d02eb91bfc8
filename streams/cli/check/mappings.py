"""The check of mappings: what becomes of their samples."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import UNSET

from alerting.words.mrkdwn import clean
from config.sections.sources import MappingSettings
from config.settings import Settings
from streams.cli.check.result import CheckResult
from streams.ingest.formats.format import Format, Reading, Record, RefusalError, Surroundings
from streams.ingest.formats.mapped import mapped
from streams.ingest.formats.payloads import divided
from streams.process.files.readable_file import unreadable

_OF_THE_SOURCE: Final = "(of the source)"  # what a source may say of all its records
_MOST_TOLD: Final = 3  # refusals of a sample


def check_mappings(settings: Settings) -> Iterator[CheckResult]:
    """Read the sample of each mapping, and say what does not fit."""
    for mapping in settings.sources.mappings:
        if mapping.sample is None:
            yield CheckResult(
                None, f"mapping {mapping.name}: has no sample; name a file of payloads, and it is checked"
            )
        else:
            yield from _check(mapping, Path(mapping.sample))


def _check(mapping: MappingSettings, sample: Path) -> Iterator[CheckResult]:
    where = f"mapping {mapping.name}: {sample}"
    if why := unreadable(sample):  # a pipe would be waited for
        yield CheckResult(False, f"mapping {mapping.name}: {why}; correct sample")
        return
    try:
        if not sample.stat().st_size:
            yield CheckResult(False, f"{where}: there is nothing in it")
            return
        reading = _read(mapped(mapping), sample)
    except OSError as error:
        yield CheckResult(False, f"{where}: cannot be read: {error.strerror or error}")
        return
    for refused in reading.refused[:_MOST_TOLD]:
        yield CheckResult(False, f"{where}: {refused.reason.value}: {clean(refused.detail)}")
    if len(reading.refused) > _MOST_TOLD:
        yield CheckResult(False, f"{where}: {len(reading.refused) - _MOST_TOLD:,} more are refused")
    if reading.records:
        yield from (CheckResult(None, f"{where}: {one}") for one in _missing(mapping, reading.records))
    skipped = "".join(f", {count:,} skipped ({why})" for why, count in reading.skipped.items())
    if reading.records:
        yield CheckResult(True, f"{where}: records: {len(reading.records):,}{clean(skipped)}")
    elif not reading.refused:
        yield CheckResult(False, f"{where}: holds no record{clean(skipped)}")


def _read(form: Format, sample: Path) -> Reading:
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
            except RefusalError:  # so many say enough
                break
    return reading


def _missing(mapping: MappingSettings, records: Sequence[Record]) -> Iterator[str]:
    """Yield what no record has although the mapping has a path to it."""
    for name, one in mapping.fields.items():
        if one.path is not None and not any(_has(record, name) for record in records):
            yield f"no record has {name}: nothing is at {one.path}"
    names = ("service", "route", "function")
    if mapping.kind in ("request", "call") and not any(
        _has(record, name) for record in records for name in names
    ):
        yield "no record names its service, route or function: its source must"
    if mapping.tables and not any(getattr(record, "tables", None) for record in records):
        yield "no record has a table call"


def _has(record: Record, name: str) -> bool:
    group, _, key = name.partition(".")
    value = getattr(record, group)
    if key and value is not None:
        value = value.get(key) if isinstance(value, dict) else getattr(value, key)
    return value not in (None, UNSET, _OF_THE_SOURCE)
