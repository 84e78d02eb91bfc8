"""Checks of the web server's address and locks."""

import os
from collections.abc import Iterator, Mapping

from config.settings import Settings
from streams.cli.check.result import CheckResult
from streams.process.web.listen_address import AddressError, door_of


def check_door(
    settings: Settings, environment: Mapping[str, str] = os.environ, *, intake: bool | None = None
) -> Iterator[CheckResult]:
    """Check the tokens and the certificate, and say who can ask for what; ``intake`` as for ``door_of``."""
    try:
        door = door_of(settings, environment, intake=intake)
    except AddressError as error:
        yield CheckResult(False, str(error))
        return
    if note := door.note():
        yield CheckResult(None, note)
    if door.tokens.count:
        scopes = ", ".join(door.tokens.scopes)
        yield CheckResult(
            True, f"{door.section}.listen {door.listen}: requests need a token; some allow {scopes}"
        )
    for scope in door.unused():
        yield CheckResult(None, f"tokens: none allows {scope}, so nobody can; make one with `uneri token`")
    if door.certificates is not None:
        yield CheckResult(True, f"{door.section}.tls: the certificate and its key belong together")
