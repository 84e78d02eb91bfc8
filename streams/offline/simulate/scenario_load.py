"""Loads a scenario, or reports its mistakes by line and column."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from config.load import ConfigError
from config.yaml_tree import Place, Problem, Tree, read_tree
from streams.offline.simulate.scenario import Scenario

_REMEDY: Final = "see docs/simulate.md"
_SHIPPED: Final = resources.files("streams.offline.simulate") / "scenarios"


def load_scenario(path_or_name: str | Path) -> Scenario:
    """Load and check a scenario: a file, or a shipped one by its name.

    Raises
    ------
    ConfigError
        With all mistakes, as ``FILE:LINE:COLUMN: message; remedy``.
    """
    given = str(path_or_name)
    file: Path | Traversable = Path(given)
    if not file.is_file():
        if given not in shipped():
            remedy = f"name a YAML file, or a shipped scenario: {', '.join(shipped())}"
            raise ConfigError(given, [Problem(Place(1, 1), "not found", remedy)])
        file = _SHIPPED / f"{given}.yaml"
    try:
        text, name = file.read_text("utf-8"), str(file)
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(Place(1, 1), f"cannot be read: {error}", "check the path, and save it as UTF-8")
        raise ConfigError(given, [problem]) from None
    tree = read_tree(text)
    if tree.problems:
        raise ConfigError(name, tree.problems)
    try:
        scenario = Scenario.model_validate(tree.data)
    except ValidationError as error:
        raise ConfigError(
            name,
            [
                _problem(tree, details["type"], details["loc"], details["msg"])
                for details in error.errors(include_url=False, include_context=False)
            ],
        ) from None
    wrong = [_problem(tree, "name", loc, message) for loc, message in scenario.wrong_names()]
    if wrong:
        raise ConfigError(name, wrong)
    if scenario.shape is not None:
        scenario = scenario.model_copy(update={"shape": str(Path(name).parent / scenario.shape)})
    return scenario


def shipped() -> list[str]:
    """Return the names of the shipped scenarios."""
    names = (entry.name for entry in _SHIPPED.iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def _problem(tree: Tree, kind: str, loc: tuple[str | int, ...], message: str) -> Problem:
    path: tuple[str | int, ...] = ()
    for part in loc:
        # pydantic's path also holds the kind of an incident and "[key]", which the file does not
        if (*path, part) in tree.entries:
            path = (*path, part)
    place = tree.place(path, of_key=kind in ("extra_forbidden", "missing"))
    if kind == "extra_forbidden":
        return Problem(place, f"unknown key {loc[-1]!r}", _REMEDY)
    if kind == "missing":
        return Problem(place, f"{loc[-1]!r} is missing", _REMEDY)
    where = ".".join(str(part) for part in path) or "the file"
    return Problem(place, f"{where}: {message.removeprefix('Value error, ')}", _REMEDY)
