"""The schemas of a registry, kept once they are known, and the warnings while it cannot be reached."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from config.settings import RegistrySettings
from streams.ingest.formats.envelopes.confluent import Schema, SchemaId, UnreadSchema
from streams.ingest.registry.registry_client import TIMEOUT, RegistryClient, RegistryError
from streams.process.extras import need
from streams.process.part import Part

MOST_KEPT: Final = 1000
"""Schemas kept for longer than a minute; the oldest make room for others."""

MINUTE: Final = 60.0
"""Seconds for which every schema is kept, so that a payload finds all it needs while it is read, and a schema
that the registry lacks is not requested again and again.
"""

AGAIN_SECONDS: Final = 5.0
"""Time between two tries while the registry cannot be reached."""

LONGEST: Final = 30.0
"""Seconds that one try takes at most: less than the time after which a stage counts as stuck."""

log = structlog.get_logger("uneri.registry")


def _say(line: str) -> None:
    log.warning(line)


class Registry(Part):
    """Schemas by their ids, which never mean another schema. May be used by several threads.

    ``say`` gets a line when the registry cannot be reached, when the reason changes, and when it can again.

    Raises
    ------
    SecretError
        When a credential is missing or cannot be used.
    MissingExtraError
        When fastavro is not installed.
    """

    def __init__(
        self,
        settings: RegistrySettings,
        say: Callable[[str], object] = _say,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        need("fastavro", "sources.registry")
        self._client = RegistryClient(settings)
        self._say = say
        self._clock = clock
        self._kept: dict[SchemaId, tuple[Schema, float]] = {}  # the oldest first
        self._error: str | None = None
        self._failed_at = float("-inf")
        self._fetching = threading.Lock()
        # the limit of each answer comes first: its error is more precise
        self._longest = min(TIMEOUT * len(settings.urls) + 1, LONGEST)

    @property
    def trouble(self) -> str | None:
        """Why the registry cannot be reached; None if it can, or nobody needed it of late."""
        late = self._clock() - self._failed_at < MINUTE
        return self._error if late else None

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``."""
        return {"registry": self.trouble or "no trouble"}

    def get(self, schema: SchemaId) -> Schema | None:
        """Return a schema, None if it is not at hand."""
        found, at = self._kept.get(schema, (None, 0.0))
        if isinstance(found, UnreadSchema) and self._clock() - at >= MINUTE:
            return None
        return found

    def fetch(self, needed: Collection[SchemaId]) -> None:
        """Fetch these, unless they are at hand; blocks for seconds at most.

        Raises
        ------
        RegistryError
            When some are missing because the registry cannot be reached.
        """
        # while there is trouble, one thread tries, and no other waits for it
        error = self._error
        if not self._fetching.acquire(blocking=error is None):
            raise RegistryError(error)
        try:
            self._fetch_wanted(needed)
        finally:
            self._fetching.release()

    def _fetch_wanted(self, needed: Collection[SchemaId]) -> None:
        wanted = [schema for schema in needed if self.get(schema) is None]
        if not wanted:
            return
        if self._error is not None and self._clock() - self._failed_at < AGAIN_SECONDS:
            raise RegistryError(self._error)
        try:
            self._make_room()
            with ThreadPoolExecutor(1) as pool:  # the caller may be in an event loop of its own
                pool.submit(asyncio.run, self._fetch(wanted)).result()
        except RegistryError as error:
            self._note(str(error))
            raise
        self._note(None)

    async def _fetch(self, wanted: Collection[SchemaId]) -> None:
        try:
            async with asyncio.timeout(self._longest):
                for schema in wanted:
                    found = await self._client.schema(schema)
                    self._kept.pop(schema, None)
                    self._kept[schema] = found, self._clock()
        except TimeoutError:  # schemas fetched so far are kept
            raise RegistryError("the schema registry is slow; look at its load") from None

    def _make_room(self) -> None:
        before = self._clock() - MINUTE
        older = [schema for schema, (_, at) in self._kept.items() if at <= before]
        many = len(self._kept) - MOST_KEPT
        for number, schema in enumerate(older):
            if number < many or isinstance(self._kept[schema][0], UnreadSchema):
                del self._kept[schema]

    def _note(self, error: str | None) -> None:
        before, self._error = self._error, error
        if error is not None:
            self._failed_at = self._clock()
            if error != before:
                self._say(f"{error}; records of schemas that are not known yet wait")
        elif before is not None:
            self._say("the schema registry can be asked again")
