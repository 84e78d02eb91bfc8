"""Loads a configuration, or reports everything that is wrong with it by line and column."""

import difflib
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.bounded_read import read_bounded
from config.include import INCLUDE, Unreadable, included_from, read_with_included
from config.secret import SettingsError
from config.settings import Settings
from config.yaml_tree import MOST_CHARACTERS, TOO_LONG, KeyPath, Place, Problem, Tree, is_empty

LONGEST_SHOWN: Final = 40
MOST_SHOWN: Final = 20  # problems of a file
MOST_MISSPELT: Final = 1000  # unknown keys that are compared with missing ones
UNREADABLE: Final = "cannot be read: "
MOST_BYTES: Final = 4 * MOST_CHARACTERS  # of UTF-8


class ConfigError(SettingsError):
    """A configuration that cannot be used. As text: one line per problem, in file order.

    Every line is ``FILE:LINE:COLUMN: message; remedy``, with the file that the mistake is in; a last one
    counts those beyond ``MOST_SHOWN``.

    ``more`` is the number of other problems, all of them further down.
    """

    def __init__(self, name: str, problems: Sequence[Problem], more: int = 0) -> None:
        super().__init__(name, problems, more)
        self.name = name
        found = sorted(problems, key=lambda problem: problem.place.order)
        self.problems = tuple(found[:MOST_SHOWN])
        self.more = more + len(found) - len(self.problems)

    def __str__(self) -> str:
        lines = [
            f"{place.file or self.name}:{place.line}:{place.column}: "
            + " ".join(f"{message}; {remedy}".split())
            for place, message, remedy in self.problems
        ]
        return "\n".join([*lines, f"{self.name}: and {self.more:,} more"] if self.more else lines)


def load_settings(path: str | Path | None, text: str | None = None) -> Settings:
    r"""Load and check a configuration.

    Parameters
    ----------
    path
        The YAML file; None for the shipped defaults. With ``text`` it names the file in messages, and the
        folder of included files.
    text
        The contents, if they were already read.

    Raises
    ------
    ConfigError
        With all problems.

    Examples
    --------
    >>> load_settings(None).time.step
    60
    >>> load_settings(Path("uneri.yaml"), "time:\n  stpe: 30\n")
    Traceback (most recent call last):
    config.load.ConfigError: uneri.yaml:2:3: unknown key 'stpe' in time; did you mean 'step'?
    """
    if text is None:
        if path is None:
            return Settings()
        text = read_config(Path(path))
    name = str(path) if path else "settings"
    file = Path(path) if path else None
    tree = read_with_included(text, Path() if file is None else file.parent, file, _read_included)
    if tree.data is None and not tree.problems:
        return Settings()
    if tree.problems and tree.data is None:
        raise ConfigError(name, tree.problems)
    if not isinstance(tree.data, dict):
        message = f"the file holds {_shown(tree.data)}, not keys and values"
        place, remedy = tree.place(()), "begin with a section such as 'slack:'"
        raise ConfigError(name, [Problem(place, message, remedy)])
    try:
        settings = Settings.model_validate(_fill_empty(tree.data, tree, ()), strict=True)
    except ValidationError as error:
        refused = {problem.place for problem in tree.problems}
        found = [
            (place, details)
            for details in _without_echoes(error.errors(include_url=False))
            if (place := _place(details, tree)) not in refused
        ]
        # Only these get messages: to find the meaning of a hundred thousand keys takes long.
        first = sorted(found, key=lambda item: item[0].order)[:MOST_SHOWN]
        problems = [*tree.problems, *(Problem(place, *_words(details, tree)) for place, details in first)]
        raise ConfigError(name, problems, len(found) - len(first)) from None
    if tree.problems:
        raise ConfigError(name, tree.problems)
    return settings


def read_config(path: Path) -> str:
    """Return the text of a configuration file, with its line ends as they are.

    Raises
    ------
    ConfigError
        When it cannot be read, or is too large to be one.
    """
    try:
        contents = read_bounded(path, MOST_BYTES)
        if len(contents) > MOST_BYTES:
            raise ConfigError(str(path), [TOO_LONG])
        return contents.decode("utf-8-sig")
    except OSError as error:
        message = f"{UNREADABLE}{error.strerror or error}"
        raise ConfigError(
            str(path), [Problem(Place(1, 1), message, "check the path and its permissions")]
        ) from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        place = Place(before.count(b"\n") + 1, column)
        raise ConfigError(str(path), [Problem(place, "is not UTF-8 text", "save it as UTF-8")]) from None


def read_alone(path: Path) -> str:
    """Return the text of a configuration that means the same in any folder, or raise as ``load_settings``."""
    text = read_config(path)
    load_settings(path, text)
    return included_from(text, path.parent)


def _read_included(path: Path) -> str:
    try:
        return read_config(path)
    except ConfigError as error:
        why = error.problems[0].message
        if why.startswith(UNREADABLE):
            raise Unreadable(why.removeprefix(UNREADABLE)) from None
        raise Unreadable(None, error.problems) from None


def _fill_empty(data: Any, tree: Tree, path: KeyPath) -> Any:
    """Give a section without contents (``kafka:`` with its keys commented out) its defaults."""
    if isinstance(data, dict):
        return {key: _fill_empty(value, tree, (*path, key)) for key, value in data.items()}
    if is_empty(tree.entries[path].value) and holds_keys(annotation_at(path)):
        return {}
    return data


def _without_echoes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out keys that are missing only because they are misspelt."""
    missing = {error["loc"] for error in errors if error["type"] == "missing"}
    if not missing:
        return errors
    sections = {path[:-1] for path in missing}
    unknown = [
        path
        for error in errors
        if error["type"] == "extra_forbidden" and (path := error["loc"])[:-1] in sections
    ]
    meant = {
        (*path[:-1], *difflib.get_close_matches(str(path[-1]).lower(), _valid_keys(path), 1))
        for path in unknown[:MOST_MISSPELT]
    }
    return [error for error in errors if error["type"] != "missing" or error["loc"] not in meant]


def _valid_keys(path: KeyPath) -> list[str]:
    fields = list(sections_of(annotation_at(path[:-1]))[0].model_fields)
    return fields if path[:-1] else [*fields, INCLUDE]


def _path(details: ErrorDetails) -> KeyPath:
    return tuple(part for part in details["loc"] if part != "[key]")


def _place(details: ErrorDetails, tree: Tree) -> Place:
    path, kind = _path(details), details["type"]
    if kind == "missing":
        path = path[:-1]
    of_key = kind in {"extra_forbidden", "missing"} or "[key]" in details["loc"]
    return tree.place(path, of_key=of_key and not _commented(details, tree))


def _commented(details: ErrorDetails, tree: Tree) -> str | None:
    """Return the text that is meant for the value, but is a comment."""
    entry = tree.entries.get(_path(details))
    return entry.comment if entry and details["input"] is None else None


def _words(details: ErrorDetails, tree: Tree) -> tuple[str, str]:
    """Return the message and the remedy of an error."""
    path, kind = _path(details), details["type"]
    if comment := _commented(details, tree):
        return f"{_dotted(path)} is empty", f'text after # is a comment: write "{comment}" in quotes'
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        return f"{_dotted(path[:-1])} has no {path[-1]!r}", _remedy(path)
    if "[key]" in details["loc"]:
        message, _, remedy = details["msg"].removeprefix("Value error, ").partition("; ")
        return message, remedy or "correct the key"
    return _bad_value(details, path)


def _bad_value(details: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    where = _dotted(path)
    if path and str(path[-1]).endswith("_env"):  # the value may be the secret itself
        message = f"{where} is not the name of an environment variable (capitals, digits and _)"
        return message, f"write the name here and keep the secret in the environment: {_remedy(path)}"
    if path and str(path[-1]).endswith("_file"):  # likewise
        message = f"{where} is not the path of a file, which begins with /, ./ or ../"
        return message, f"write the path here and keep the secret in the file: {_remedy(path)}"
    shown = _shown(details["input"])
    if details["type"] == "value_error":
        message, _, remedy = details["msg"].removeprefix("Value error, ").partition("; ")
        stated = where if isinstance(details["input"], dict) else f"{where} is {shown}:"
        return f"{stated} {message}", remedy or _remedy(path)
    message = details["msg"].replace("Input should be", "must be").replace("String should", "must")
    return f"{where} is {shown}: {message}", _remedy(path)


def _unknown_key(path: KeyPath) -> tuple[str, str]:
    key = str(path[-1])
    valid = _valid_keys(path)
    message = f"unknown key {key!r}" + (f" in {_dotted(path[:-1])}" if path[1:] else "")
    if near := difflib.get_close_matches(key.lower(), valid, 1):
        return message, f"did you mean {near[0]!r}?"
    for name in Settings.model_fields:
        models = sections_of(annotation_at((name,)))
        if models and key in models[0].model_fields:
            return message, f"{key!r} belongs to {name}"
    return message, f"valid keys: {', '.join(valid)}"


def _remedy(path: KeyPath) -> str:
    """Return the meaning of a setting and its default."""
    for length in range(len(path), 0, -1):
        models = sections_of(annotation_at(path[: length - 1]))
        if models and path[length - 1] in models[0].model_fields:
            field = models[0].model_fields[str(path[length - 1])]
            models = sections_of(field.annotation)
            default = field.get_default()
            of_section = (models[0].__doc__ or "").strip().rstrip(".") if models else None
            meaning = field.description or of_section
            parts = [meaning or "see docs/configuration.md"]
            if isinstance(default, str | int | float):
                parts.append(f"default {default}")
            return ", ".join(parts)
    return "see docs/configuration.md"


def _dotted(path: KeyPath) -> str:
    return ".".join(str(part) if str(part).isprintable() else repr(part) for part in path)


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def annotation_at(path: tuple[str | int, ...]) -> Any:
    """Return the type at a path of keys, such as ``("limits", "tables", "items")``; None beyond them."""
    annotation: Any = Settings
    for part in path:
        sections = sections_of(annotation)
        if isinstance(part, int):
            annotation = item_type(annotation)
        elif sections:
            field = sections[0].model_fields.get(str(part))
            annotation = field.annotation if field else None
        else:
            annotation = value_type(annotation)
    return annotation


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections among the choices of a type."""
    return [
        choice
        for choice in _choices(annotation)
        if isinstance(choice, type) and issubclass(choice, BaseModel)
    ]


def value_type(annotation: Any) -> Any:
    """Return the type of a mapping's values, or None for any other type."""
    for choice in _choices(annotation):
        if get_origin(choice) is dict:
            return get_args(choice)[1]
    return None


def item_type(annotation: Any) -> Any:
    """Return the type of a list's items, or None for any other type."""
    for choice in _choices(annotation):
        if get_origin(choice) is list:
            return get_args(choice)[0]
    return None


def holds_keys(annotation: Any) -> bool:
    """Return whether a setting of this type holds keys."""
    return bool(sections_of(annotation)) or value_type(annotation) is not None


def _choices(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type alone."""
    return get_args(annotation) if get_origin(annotation) in {Union, types.UnionType} else (annotation,)
