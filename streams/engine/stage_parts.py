"""The states of several stages in one mapping: each part is named ``stage|part``."""

from collections.abc import Mapping


def parts_under(stage: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the parts of a stage under its name.

    Examples
    --------
    >>> parts_under("a", {"b": b"1"})
    {'a|b': b'1'}
    """
    return {f"{stage}|{name}": body for name, body in parts.items()}


def parts_of(stage: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what ``parts_under`` was given for this stage.

    Examples
    --------
    >>> parts_of("a", {"a|b": b"1", "ab|c": b"2"})
    {'b': b'1'}
    """
    return {
        name.removeprefix(f"{stage}|"): body for name, body in parts.items() if name.startswith(f"{stage}|")
    }
