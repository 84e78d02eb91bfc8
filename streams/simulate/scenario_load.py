"""Read a scenario; say what is wrong with it by line and column."""

from pathlib import Path

from pydantic import ValidationError

from config.load import ConfigError
from config.yaml_tree import Place, Problem, Tree, read_tree
from streams.simulate.scenario import Scenario, text_of

_REMEDY = "docs/simulate.md explains the file"


def load_scenario(path_or_name: str | Path) -> Scenario:
    """Read and check a scenario file, or one of those that are shipped, by its name.

    Raises
    ------
    ConfigError
        With everything that is wrong, as ``FILE:LINE:COLUMN: message; remedy``.
    """
    try:
        text, name = text_of(str(path_or_name))
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(Place(1, 1), "cannot be read as a scenario", str(error))
        raise ConfigError(str(path_or_name), [problem]) from None
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


def _problem(tree: Tree, kind: str, loc: tuple[str | int, ...], message: str) -> Problem:
    path: tuple[str | int, ...] = ()
    for part in loc:
        # the kind of an incident, and "[key]", are parts of pydantic's path and not of the file
        if (*path, part) in tree.values or (*path, part) in tree.keys:
            path = (*path, part)
    message = message.removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return Problem(tree.keys[path], f"unknown key {loc[-1]!r}", _REMEDY)
    if kind == "missing":
        place = tree.keys.get(path) or tree.values.get(path) or Place(1, 1)
        return Problem(place, f"{loc[-1]!r} is missing", _REMEDY)
    where = ".".join(str(part) for part in path) or "the file"
    place = tree.values.get(path) or tree.keys.get(path) or Place(1, 1)
    return Problem(place, f"{where}: {message}", _REMEDY)
