"""``docs/openapi.json`` and ``GET /openapi.json``: the description, made of the routes and their types.

``python -m streams.screens.openapi.document docs/openapi.json`` writes it, ``--check``
compares it with the file.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from inspect import cleandoc
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from detectors.model.measures import Measure
from streams.process.web.answer_forms import RefusalAnswer
from streams.screens.openapi.operations import (
    BOARD,
    GROUPS,
    JSON,
    OneOf,
    Operation,
    OperationGroup,
    OtherBody,
)

_ABOUT: Final = (
    "What a daemon of Uneri answers. With Kafka, a process serves the routes of its roles. As soon as the "
    "daemon has a token, every request needs one for its scope (docs/access.md). A refusal is one line with "
    "the remedy."
)
_BEARER: Final = "bearer"
_SESSION: Final = "session"


def document() -> dict[str, Any]:
    """Return the description as OpenAPI 3.1."""
    operations = [(group, operation) for group in GROUPS for operation in group.operations]
    kinds = list(_kinds([operation for _, operation in operations]))
    schemas, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}", schema_hook=_any
    )
    of = {repr(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    for component in components.values():
        component["description"] = cleandoc(component.get("description", ""))
    _allow_named_measures(components[Measure.__name__])
    paths: dict[str, dict[str, Any]] = {}
    for group, operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(group, operation, of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Uneri",
            "version": version("uneri"),
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "`local.listen`, or with Kafka `web.listen`"}],
        "tags": [{"name": group.name, "description": group.about} for group in GROUPS],
        "security": [{_BEARER: []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                _BEARER: {"type": "http", "scheme": "bearer", "description": "as `uneri token` makes it"},
                _SESSION: {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "uneri_board_8765",
                    "description": "with the port",
                },
            },
        },
    }


@cache
def encoded_document() -> bytes:
    """Return the description as it is kept and served."""
    return json.dumps(document(), indent=1, ensure_ascii=False).encode() + b"\n"


def _kinds(operations: list[Operation]) -> Iterator[Any]:
    """Yield all types, each once."""
    seen: set[str] = set()
    for operation in operations:
        given = (
            *operation.answers.values(),
            operation.body,
            *(parameter.kind for parameter in operation.parameters),
            RefusalAnswer,
        )
        for kind in chain.from_iterable(
            choice.kinds if isinstance(choice, OneOf) else (choice,) for choice in given
        ):
            if kind is not None and not isinstance(kind, OtherBody) and repr(kind) not in seen:
                seen.add(repr(kind))
                yield kind


def _any(kind: type) -> dict[str, Any]:
    """Return the schema of plain JSON."""
    if kind is object:
        return {"description": "JSON"}
    raise NotImplementedError


def _allow_named_measures(measure: dict[str, Any]) -> None:
    """Add the measures that events name to those that all events may have."""
    known = {"enum": measure.pop("enum")}
    measure["anyOf"] = [known, {"type": "string", "pattern": "^(value|level):."}]


def _operation(group: OperationGroup, operation: Operation, of: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "tags": [group.name],
        "operationId": _id(operation),
        "summary": operation.about.partition(". ")[0].removesuffix("."),
    }
    needs = f"Needs a token that allows `{operation.needs}`." if operation.needs else "Needs no token."
    entry["description"] = f"{operation.about} {needs}"
    if not operation.needs:
        entry["security"] = []
    elif group is BOARD:
        entry["security"] = [{_BEARER: []}, {_SESSION: []}]
    if operation.parameters:
        entry["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.where,
                "required": parameter.required,
                "description": parameter.about,
                "schema": of[repr(parameter.kind)],
            }
            for parameter in operation.parameters
        ]
    if operation.body is not None:
        entry["requestBody"] = {"required": True, **_body(operation.body, of)}
    entry["responses"] = {
        str(status): {"description": HTTPStatus(status).phrase, **_body(kind, of)}
        for status, kind in sorted(operation.answers.items())
    }
    entry["responses"]["default"] = {"description": "Refused", **_body(group.refusal, of)}
    return entry


def _body(kind: Any, of: dict[str, Any]) -> dict[str, Any]:
    if kind is None:
        return {}
    if isinstance(kind, OtherBody):
        schema: dict[str, Any] = {} if kind.media == JSON else {"type": "string"}
        return {"description": kind.about, "content": {kind.media: {"schema": schema}}}
    several = isinstance(kind, OneOf)
    schema = {"anyOf": [of[repr(choice)] for choice in kind.kinds]} if several else of[repr(kind)]
    return {"content": {JSON: {"schema": schema}}}


def _id(operation: Operation) -> str:
    words = [word.strip("{}") for word in operation.path.replace(".", "/").split("/") if word]
    return "_".join([operation.method, *words])


def openapi_route() -> web.RouteDef:
    """Return the route of a daemon."""
    return web.get("/openapi.json", _show)


async def _show(_: web.Request) -> web.Response:
    return web.Response(body=encoded_document(), content_type="application/json")


def main(arguments: list[str] | None = None) -> int:
    """Write the description, or with ``--check`` compare it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(arguments)
    if not given.check:
        given.file.write_bytes(encoded_document())
        return 0
    if given.file.exists() and given.file.read_bytes() == encoded_document():
        return 0
    sys.stderr.write(f"{given.file} is not what the routes say; run `make docs`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
