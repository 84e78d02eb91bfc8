"""The schemas of a registry for a command, which waits for a while when the registry does not answer."""

import sys
import time
from collections.abc import Callable, Collection
from typing import Final

from config.settings import RegistrySettings
from streams.ingest.formats.envelopes.confluent import Schema, SchemaId
from streams.ingest.registry.registry import Registry
from streams.ingest.registry.registry_client import RegistryError
from streams.offline.sources.replay_error import ReplayError

PATIENCE: Final = 60.0  # seconds
_POLL: Final = 1.0


def _say(line: str) -> None:
    sys.stderr.write(f"uneri: {line}\n")


class PatientSchemas:
    """Asks the registry when the first schema is needed, and waits up to ``patience`` seconds for it."""

    def __init__(
        self,
        settings: RegistrySettings,
        patience: float = PATIENCE,
        say: Callable[[str], object] = _say,
    ) -> None:
        self._settings = settings
        self._patience = patience
        self._say = say
        self._registry: Registry | None = None

    def get(self, schema: SchemaId) -> Schema | None:
        """Return a schema, None if it was not fetched."""
        return None if self._registry is None else self._registry.get(schema)

    def fetch(self, needed: Collection[SchemaId]) -> None:
        """Fetch schemas; ``ReplayError`` if the registry does not answer, other errors as of ``Registry``."""
        if self._registry is None:
            self._registry = Registry(self._settings, self._say)
        until = time.monotonic() + self._patience
        while True:
            try:
                return self._registry.fetch(needed)
            except RegistryError as error:
                if time.monotonic() >= until:
                    raise ReplayError(f"{error}; then run the same command again") from error
                time.sleep(min(_POLL, self._patience))


def patient_schemas(settings: RegistrySettings | None) -> PatientSchemas | None:
    """Return the schemas of a configuration; None if it has no registry."""
    return None if settings is None else PatientSchemas(settings)
