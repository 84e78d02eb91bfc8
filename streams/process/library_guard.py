"""Refuses another version of a library than the one whose private names are used.

Versions are pinned, the parameters of everything overridden or called are compared, and attributes must be
there: an upgrade that changes one of them fails before anything runs, instead of losing records.
"""

import inspect
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any


class UnknownVersionError(ImportError):
    """A library is not the version that Uneri was written for."""


class LibraryGuard:
    """Compares installed libraries with what was read of them.

    Parameters
    ----------
    versions
        The pinned version of each distribution.
    shapes
        The names of the parameters of each function, separated by spaces.
    attributes
        The attributes of each class or of its instances, separated by spaces.
    """

    def __init__(
        self, versions: Mapping[str, str], shapes: Mapping[Any, str], attributes: Mapping[Any, str]
    ) -> None:
        self.versions = versions
        self.shapes = shapes
        self.attributes = attributes

    def check(self) -> None:
        """Compare.

        Raises
        ------
        UnknownVersionError
            When a version, a signature or an attribute differs.
        """
        for name, pinned in self.versions.items():
            found = version(name)
            if found != pinned:
                raise UnknownVersionError(
                    f"{name} {found} is installed, but Uneri requires {pinned}: "
                    "install the versions in requirements.lock"
                )
        for function, expected in self.shapes.items():
            found = " ".join(inspect.signature(function).parameters)
            if found != expected:
                raise UnknownVersionError(
                    f"{function.__qualname__}({found}) has changed; Uneri expects ({expected})"
                )
        for owner, names in self.attributes.items():
            if missing := [name for name in names.split() if not _has(owner, name)]:
                raise UnknownVersionError(
                    f"{owner.__qualname__} has no {', '.join(missing)} any more, on which Uneri relies"
                )


def _has(owner: type[Any], name: str) -> bool:
    """Return whether a class or its instances have an attribute: in the class, or set when one is made."""
    made_by = (vars(base).get("__init__") for base in owner.__mro__)
    return hasattr(owner, name) or any(
        name in function.__code__.co_names for function in made_by if inspect.isfunction(function)
    )
