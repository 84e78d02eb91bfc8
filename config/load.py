"""Load a configuration, or report everything that is wrong with it by line and column."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.section_types import annotation_at, holds_keys, sections_of
from config.settings import Settings
from config.yaml_tree import KeyPath, Place, Problem, Tree, read_tree

LONGEST_SHOWN: Final = 40


class ConfigError(Exception):
    """A configuration that cannot be used. As text: one line per problem, in file order.

    Every line is ``FILE:LINE:COLUMN: message; remedy``.
    """

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        super().__init__(name, problems)
        self.name = name
        self.problems = tuple(sorted(problems, key=lambda problem: problem.place))

    def __str__(self) -> str:
        return "\n".join(
            f"{self.name}:{place.line}:{place.column}: " + " ".join(f"{message}; {remedy}".split())
            for place, message, remedy in self.problems
        )


def load_settings(path: str | Path | None, text: str | None = None) -> Settings:
    r"""Load and check a configuration.

    Parameters
    ----------
    path
        The YAML file; None for the shipped defaults. With ``text`` it only names the file in messages.
    text
        The contents, if they were already read.

    Raises
    ------
    ConfigError
        With everything that is wrong.

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
        text = _read_text(Path(path))
    name = str(path) if path else "settings"
    tree = read_tree(text)
    if tree.data is None and not tree.problems:
        return Settings()
    if tree.problems and tree.data is None:
        raise ConfigError(name, tree.problems)
    if not isinstance(tree.data, dict):
        message = f"the file holds {_shown(tree.data)}, not keys and values"
        raise ConfigError(name, [Problem(tree.values[()], message, "begin with a section such as 'slack:'")])
    problems = list(tree.problems)
    settings = None
    try:
        settings = Settings.model_validate(_fill_empty(tree.data, tree, ()), strict=True)
    except ValidationError as error:
        refused = {problem.place for problem in problems}
        found = (_problem(details, tree) for details in _without_echoes(error.errors(include_url=False)))
        problems += [problem for problem in found if problem.place not in refused]
    if problems or settings is None:
        raise ConfigError(name, problems)
    return settings


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise ConfigError(
            str(path), [Problem(Place(1, 1), message, "check the path and its permissions")]
        ) from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        place = Place(before.count(b"\n") + 1, column)
        raise ConfigError(str(path), [Problem(place, "is not UTF-8 text", "save it as UTF-8")]) from None


def _fill_empty(data: Any, tree: Tree, path: KeyPath) -> Any:
    """Give a section without contents (``kafka:`` with its keys commented out) its defaults."""
    if isinstance(data, dict):
        return {key: _fill_empty(value, tree, (*path, key)) for key, value in data.items()}
    if path in tree.empty and holds_keys(annotation_at(path)):
        return {}
    return data


def _without_echoes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out keys that are missing only because they are misspelt."""
    meant = {
        (
            *error["loc"][:-1],
            *difflib.get_close_matches(str(error["loc"][-1]).lower(), _valid_keys(error["loc"]), 1),
        )
        for error in errors
        if error["type"] == "extra_forbidden"
    }
    return [error for error in errors if error["type"] != "missing" or error["loc"] not in meant]


def _valid_keys(path: KeyPath) -> list[str]:
    return list(sections_of(annotation_at(path[:-1]))[0].model_fields)


def _problem(details: ErrorDetails, tree: Tree) -> Problem:
    path = tuple(part for part in details["loc"] if part != "[key]")
    kind = details["type"]
    if details["input"] is None and path in tree.commented:
        return Problem(
            tree.values[path],
            f"{_dotted(path)} is empty",
            f'text after # is a comment: write "{tree.commented[path]}" in quotes',
        )
    if kind == "extra_forbidden":
        return Problem(tree.keys[path], *_unknown_key(path))
    if kind == "missing":
        place = tree.keys.get(path[:-1]) or _nearest(tree.values, path[:-1])
        return Problem(place, f"{_dotted(path[:-1])} has no {path[-1]!r}", _remedy(path))
    if "[key]" in details["loc"]:
        message, _, remedy = details["msg"].removeprefix("Value error, ").partition("; ")
        return Problem(tree.keys[path], message, remedy or "correct the key")
    return Problem(_nearest(tree.values, path), *_bad_value(details, path))


def _bad_value(details: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    where = _dotted(path)
    if path and str(path[-1]).endswith("_env"):  # the value may be the secret itself
        message = f"{where} is not the name of an environment variable (capitals, digits and _)"
        return message, f"write the name here and keep the secret in the environment: {_remedy(path)}"
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
    """Return what the setting means and its default."""
    for length in range(len(path), 0, -1):
        models = sections_of(annotation_at(path[: length - 1]))
        if models and path[length - 1] in models[0].model_fields:
            field = models[0].model_fields[str(path[length - 1])]
            models = sections_of(field.annotation)
            default = field.get_default()
            meaning = (
                field.description or (models[0].__doc__ or "").strip().rstrip(".")
                if models
                else field.description
            )
            parts = [meaning or "see docs/configuration.md"]
            if isinstance(default, str | int | float):
                parts.append(f"default {default}")
            return ", ".join(parts)
    return "see docs/configuration.md"


def _nearest(places: dict[KeyPath, Place], path: KeyPath) -> Place:
    while path not in places:
        path = path[:-1]
    return places[path]


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
