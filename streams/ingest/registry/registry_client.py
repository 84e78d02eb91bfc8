"""The client of a schema registry, by the protocol of Confluent, Karapace, Redpanda and Apicurio."""

import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

import aiohttp
import msgspec

from alerting.sinks.http_sink import no_answer
from config.secret import SecretError, SecretPlace, passphrase_in, token_in
from config.settings import RegistrySettings
from streams.ingest.formats.envelopes.avro_schema import AvroSchema, UnreadableSchemaError
from streams.ingest.formats.envelopes.confluent import JsonSchema, Schema, SchemaId, UnreadSchema
from streams.process.web.certificates import system_and

TIMEOUT: Final = 10.0  # seconds for an answer
CONNECTING: Final = 3.0  # of them, until it is connected: another address may be near
MOST: Final = 2 * 1024 * 1024  # bytes of an answer: registries keep schemas of a megabyte
MOST_REFERENCES: Final = 100

_T = TypeVar("_T")
_LARGEST_ID: Final = 2**31 - 1
_MISSING: Final = frozenset({40401, 40402, 40403})  # no such subject, version, schema
_AVRO, _JSON = "AVRO", "JSON"


class RegistryError(Exception):
    """The registry cannot be reached now; the message has the reason and the remedy."""


class _Reference(msgspec.Struct):
    subject: str
    version: int


class _Kept(msgspec.Struct, rename="camel"):
    schema: str
    schema_type: str = _AVRO
    references: list[_Reference] | None = None


class _Refusal(msgspec.Struct):
    error_code: int = 0


class _UnusableError(Exception):
    """Nothing can be read by a schema, or it does not exist."""


_KEPT: Final = msgspec.json.Decoder(_Kept)
_TYPES: Final = msgspec.json.Decoder(list[str])
_REFUSAL: Final = msgspec.json.Decoder(_Refusal)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class RegistryClient:
    """Asks a registry; keeps nothing. Credentials are read anew for every schema, as they may be renewed.

    Raises
    ------
    SecretError
        When a credential is missing or cannot be used, or the file of the authorities.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._context()
        self._headers()

    async def schema(self, schema: SchemaId) -> Schema:
        """Return a schema; one by which nothing can be read refuses records.

        Raises
        ------
        RegistryError
            When the schema cannot be determined.
        """
        if isinstance(schema, int) and schema > _LARGEST_ID:
            return UnreadSchema(f"no registry has a schema of the number {schema}")
        by_guid = isinstance(schema, str)
        path = f"schemas/guids/{UUID(schema)}" if isinstance(schema, str) else f"schemas/ids/{schema}"

        async def read(session: aiohttp.ClientSession, url: str) -> Schema:
            found = await _get_schema(session, url, path, missing=f"the schema {schema}", by_guid=by_guid)
            return await _schema_of(found, session, url)

        try:
            return await self._read_first(read)
        except _UnusableError as error:
            return UnreadSchema(str(error))

    async def check(self) -> str:
        """Return the address that answers and accepts the credentials.

        Raises
        ------
        RegistryError
            When none does.
        """

        async def read(session: aiohttp.ClientSession, url: str) -> str:
            _decode(_TYPES, (await _get(session, url, "schemas/types"))[1], url)
            return _shown(url)

        return await self._read_first(read)

    async def _read_first(self, read: Callable[[aiohttp.ClientSession, str], Awaitable[_T]]) -> _T:
        """Return the result of the first address that answers."""
        errors: list[RegistryError] = []
        try:
            connector = aiohttp.TCPConnector(ssl=self._context(), force_close=True)
            session = aiohttp.ClientSession(
                connector=connector,
                headers=self._headers(),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=CONNECTING),
                trust_env=True,
            )
        except SecretError as error:
            raise RegistryError(f"the schema registry cannot be asked: {error}") from None
        async with session:
            for url in self._settings.urls:
                try:
                    return await read(session, url.rstrip("/"))
                except RegistryError as error:
                    errors.append(error)
        raise errors[0] if len(errors) == 1 else RegistryError("; ".join(map(str, errors)))

    def _context(self) -> ssl.SSLContext:
        return system_and(self._settings.ca, "sources.registry.ca")

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
        settings = self._settings
        if any(settings.token):
            headers["Authorization"] = f"Bearer {_given(settings.token, token_in)}"
        elif any(settings.username):
            name, password = (
                _given(place, passphrase_in) for place in (settings.username, settings.password)
            )
            headers["Authorization"] = f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"
        return headers


def _given(place: SecretPlace, read: Callable[[SecretPlace], str]) -> str:
    try:
        value = read(place)
    except SecretError as error:
        raise SecretError(f"sources.registry: {error}") from None
    if not value:
        raise SecretError(f"sources.registry: {place.name()} is not set; set it, or remove it there")
    return value


async def _schema_of(kept: _Kept, session: aiohttp.ClientSession, url: str) -> Schema:
    if kept.schema_type == _JSON:
        return JsonSchema()
    if kept.schema_type != _AVRO:
        raise _UnusableError(f"the schema is of the kind {kept.schema_type[:50]}; JSON and AVRO are read")
    try:
        return AvroSchema(kept.schema, await _references(kept, session, url))
    except UnreadableSchemaError as error:
        raise _UnusableError(f"its schema is not used: {error}") from None


async def _references(kept: _Kept, session: aiohttp.ClientSession, url: str) -> list[str]:
    """Return the schemas that one refers to, each behind those that it refers to itself."""
    ready: list[str] = []
    seen = set[tuple[str, int]]()

    async def add(of: _Kept) -> None:
        for reference in of.references or ():
            place = reference.subject, reference.version
            if place in seen:
                continue
            seen.add(place)
            if len(seen) > MOST_REFERENCES:
                raise _UnusableError(f"the schema refers to more than {MOST_REFERENCES} others")
            path = f"subjects/{quote(reference.subject, safe='')}/versions/{reference.version}"
            subject = reference.subject[:100]
            named = f"the schema {subject} in version {reference.version}, to which another refers,"
            found = await _get_schema(session, url, path, missing=named)
            await add(found)
            ready.append(found.schema)

    await add(kept)
    return ready


async def _get_schema(
    session: aiohttp.ClientSession, url: str, path: str, *, missing: str, by_guid: bool = False
) -> _Kept:
    status, body = await _get(session, url, path)
    if len(body) > MOST:
        raise _UnusableError(f"{missing} has more than {MOST >> 20} MiB")
    if status == HTTPStatus.NOT_FOUND:
        # a registry of a version without GUIDs knows no path of them, and garbage may look like one
        if by_guid or _code(body) in _MISSING:
            raise _UnusableError(f"{missing} is not in the registry")
        raise RegistryError(
            f"{_shown(url)} answers HTTP 404 as no schema registry does; correct sources.registry.urls"
        )
    return _decode(_KEPT, body, url)


def _decode(decoder: "msgspec.json.Decoder[_T]", body: bytes, url: str) -> _T:
    try:
        return decoder.decode(body)
    except _UNREADABLE:
        raise RegistryError(
            f"{_shown(url)} does not answer as a schema registry does; correct sources.registry.urls"
        ) from None


async def _get(session: aiohttp.ClientSession, url: str, path: str) -> tuple[int, bytes]:
    """Return an answer, 200 or 404; at most one byte more than ``MOST``."""
    shown = _shown(url)
    try:
        async with session.get(f"{url}/{path}", allow_redirects=False) as answer:
            status = answer.status
            body = bytearray()
            async for part in answer.content.iter_any():
                body += part
                if len(body) > MOST:
                    break
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise RegistryError(
            f"the schema registry {shown} does not answer ({no_answer(error)}); start it, or correct "
            "sources.registry.urls"
        ) from None
    if status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        return status, bytes(body[: MOST + 1])
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise RegistryError(
            f"the schema registry {shown} refuses the credentials (HTTP {status}); check those of "
            "sources.registry, and that they may read schemas"
        )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise RegistryError(
            f"{shown} redirects (HTTP {status}), which is not followed; set sources.registry.urls to where "
            "the registry is"
        )
    raise RegistryError(f"the schema registry {shown} answers HTTP {status}; see its log")


def _code(body: bytes) -> int:
    try:
        return _REFUSAL.decode(body).error_code
    except _UNREADABLE:
        return 0


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
