"""``uneri limits``: the limits that are known and their age; and reading them from AWS."""

import sys
import time
from pathlib import Path

import typer

from config.capacity import NO_LIMITS, ReadLimits, load_read_limits
from config.settings import AwsSettings, LimitsSettings, Settings
from streams.ingest.limits.lines import age, by_hand, listing, trouble
from streams.ingest.limits.reading import AwsError, known_limits, merged, save_limits
from streams.process.command_error import CommandError
from streams.process.extras import need
from streams.process.files.locks import FolderLockedError, locked_file


def show_limits(settings: Settings) -> int:
    """Print the limits by hand and those of the file, with their age; return the exit code.

    It is 1 if some could not be read the last time.
    """
    limits = settings.limits
    if limits.file is None:
        return _show(limits, NO_LIMITS, "")
    path = Path(limits.file)
    if not path.exists() and limits.aws is not None and limits.aws.daily:
        code = _show(limits, NO_LIMITS, "")
        typer.echo(f"{path}: not read yet; the daemon reads it, or: uneri limits --aws --write {path}")
        return code
    return _show(limits, load_read_limits(path), str(path))


def read_limits(settings: Settings, write: Path | None) -> int:
    """Read limits from AWS, print them, and write them to a file if one is named; return the exit code.

    It is 1 if something could not be read; what could be is written.
    """
    need("boto3", "uneri limits --aws")
    try:
        if write is None:
            found = _read(settings, NO_LIMITS)
        else:
            with locked_file(write, f"{write}: another uneri reads limits into it; wait for it"):
                found = _read(settings, known_limits(write))
                save_limits(write, found)
    except (AwsError, FolderLockedError) as error:
        raise CommandError(str(error)) from error
    code = _show(settings.limits, found, "")
    if write is not None:
        typer.echo(f"{write}: written")
        if settings.limits.file is None or Path(settings.limits.file).resolve() != write.resolve():
            typer.echo(f"uneri: to use it, set limits.file: {write}", err=True)
    return code


def _read(settings: Settings, before: ReadLimits) -> ReadLimits:
    from streams.ingest.limits.aws import read_aws  # noqa: PLC0415  # boto3 is an extra, and takes long to load

    def progress(account: str, region: str, service: str) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r\x1b[Kreading {account} {region} {service}", err=True, nl=False)

    try:
        readings = read_aws(settings.limits.aws or AwsSettings(), progress)
    finally:
        if sys.stderr.isatty():
            typer.echo("\r\x1b[K", err=True, nl=False)
    return merged(before, readings, time.time())


def _show(limits: LimitsSettings, read: ReadLimits, path: str) -> int:
    now = time.time()
    for line in listing(limits, read):
        typer.echo(line)
    if not by_hand(limits) and not read.parts:
        typer.echo(
            "no limits are known; write them under limits, or read them: uneri limits --aws --write FILE"
        )
    if read.oldest is not None:
        count = sum(limit.value is not None for limit in read.limits)
        typer.echo(f"{count:,} read from AWS, {age(now - read.oldest)}" + (f" ({path})" if path else ""))
    problems = trouble(read, now)
    for line in problems:
        typer.echo(f"uneri: {line}", err=True)
    return int(bool(problems))
