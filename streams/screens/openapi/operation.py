"""The description of one route of the web server."""

from typing import Any, Final, Literal, NamedTuple

from streams.screens.openapi.answers import RefusalAnswer

Method = Literal["get", "post", "delete"]
Needs = Literal["", "intake", "read", "operate"]

JSON: Final = "application/json"


class Parameter(NamedTuple):
    """A part of the path, or of the query: ``kind`` is a type that msgspec knows."""

    name: str
    about: str
    kind: Any = str
    where: Literal["query", "path"] = "query"
    required: bool = False


class OtherBody(NamedTuple):
    """A body that is no JSON, or JSON that others describe."""

    media: str
    about: str


class OneOf(NamedTuple):
    """JSON of one of several types."""

    kinds: tuple[Any, ...]


class Operation(NamedTuple):
    """One route. ``answers`` are types by status, or an ``OtherBody``; None has no body.

    ``needs`` is the scope of the token, empty for what is open to everyone.
    """

    method: Method
    path: str
    about: str
    needs: Needs
    answers: dict[int, Any]
    parameters: tuple[Parameter, ...] = ()
    body: Any = None


class OperationGroup(NamedTuple):
    """Routes that belong together; ``refusal`` is their answer without permission."""

    name: str
    about: str
    operations: tuple[Operation, ...]
    refusal: type = RefusalAnswer


def named(about: str, name: str = "id") -> Parameter:
    """Return a parameter of the path."""
    return Parameter(name, about, where="path", required=True)
