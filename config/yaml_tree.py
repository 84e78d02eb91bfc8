"""YAML read with the place of every key and value, refusing what people did not mean to write."""

import math
import re
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml

MOST_CHARACTERS: Final = 1 << 20
DEEPEST: Final = 20

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Where something stands in a file; both count from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """What is wrong at a place, and the remedy."""

    place: Place
    message: str
    remedy: str


@dataclass
class Tree:
    """A document as plain values, and where each of them was written."""

    data: Any = None
    empty: set[Path] = field(default_factory=set)  # written as nothing at all: `slack:`
    commented: dict[Path, str] = field(default_factory=dict)  # …and what it was taken for: `channel: #uneri`
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 without its surprises: 10:30 is no number of minutes, 2026-01-01 no date, 1e3 a number."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML reads it from the class
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|[-+]?[0-9]+[eE][-+]?[0-9]+$"
        r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)

_QUOTE: Final = "write it in quotes"
_HASH: Final = "what begins with # is a comment unless it stands in quotes"
_CUT_LIST: Final = re.compile(r"[\[,]\s*(#[^\s,\]#]+)")
_COMMENTED: Final = re.compile(r"[ \t]*(#[^\s#]+)")


def read_tree(text: str) -> Tree:
    """Read one YAML document.

    Never raises for what the text holds: everything wrong is in ``problems``, in file order. After a
    syntax error there is nothing else in the tree.
    """
    tree = Tree()
    try:
        problem = _first_unreadable(text)
        node = None if problem else yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        problem = _syntax_problem(error, text)
    except yaml.reader.ReaderError as error:
        problem = Problem(
            _place_of(text, error.position),
            f"character {error.character!r} cannot stand in YAML",
            "remove it",
        )
    if problem:
        tree.problems.append(problem)
    elif node is not None:
        tree.data = _read(tree, node, ())
        tree.problems.sort(key=lambda problem: problem.place)
    return tree


def _first_unreadable(text: str) -> Problem | None:
    """Look over the stream of events, which needs no recursion, for what must not be built at all."""
    if len(text) > MOST_CHARACTERS:
        return Problem(Place(1, 1), f"longer than {MOST_CHARACTERS} characters", "is it the right file?")
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return Problem(_start(event), "anchors and aliases are not read", "write the values out")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return Problem(_start(event), f"nested deeper than {DEEPEST} levels", "check the brackets")
        if tag := getattr(event, "tag", None):
            return Problem(_start(event), f"the tag {tag} is not read", "write a plain value")
    return None


def _read(tree: Tree, node: yaml.Node, path: Path) -> Any:
    tree.values[path] = _start(node)
    if isinstance(node, yaml.MappingNode):
        return _read_mapping(tree, node, path)
    if isinstance(node, yaml.ScalarNode):
        return _read_scalar(tree, node, path)
    return [_read(tree, item, (*path, index)) for index, item in enumerate(node.value)]


def _read_mapping(tree: Tree, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _start(key_node)
        if key_node.tag != "tag:yaml.org,2002:str":
            tree.problems.append(Problem(place, *_bad_key(key_node)))
            continue
        key = key_node.value
        if key in data:
            first = tree.keys[(*path, key)]
            tree.problems.append(
                Problem(place, f"key {key!r} is given twice, first on line {first.line}", "keep one of them")
            )
            continue
        tree.keys[(*path, key)] = place
        data[key] = _read(tree, value_node, (*path, key))
    return data


def _bad_key(node: yaml.Node) -> tuple[str, str]:
    if not isinstance(node, yaml.ScalarNode):
        return "a key must be text", "is a bracket missing or a colon too many?"
    kind = node.tag.rpartition(":")[2]
    read_as = {"bool": "yes or no", "int": "a number", "float": "a number", "null": "nothing"}.get(kind, kind)
    return f"key {node.value!r} reads as {read_as}, not as text", f'{_QUOTE}: "{node.value}"'


def _read_scalar(tree: Tree, node: yaml.ScalarNode, path: Path) -> Any:
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        if not node.value:
            tree.empty.add(path)
            mark = node.start_mark
            rest = mark.buffer[mark.pointer :] if mark and mark.buffer else ""
            if comment := _COMMENTED.match(rest):
                tree.commented[path] = comment[1]
        return None
    if kind == "bool":
        return node.value.lower() in {"yes", "true", "on"}
    if kind == "int":
        return int(node.value) if len(node.value) <= 30 else math.inf  # noqa: PLR2004  # out of every bound
    if kind == "float":
        number = float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if not math.isfinite(number):
            tree.problems.append(Problem(_start(node), f"{node.value} is no finite number", "write a number"))
            return 0.0
        return number
    return node.value


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    problem = error.problem or "not YAML"
    if "'\\t'" in problem:
        return Problem(place, "a tab cannot indent or begin a value", "use spaces")
    if "expected a single document" in (error.context or ""):
        return Problem(place, "a second document begins here", "keep one document, without ---")
    cut = [found for line in text.splitlines()[: place.line] if (found := _CUT_LIST.search(line))]
    if cut and "flow" in (error.context or ""):
        return Problem(place, f"not YAML: {problem}", f'{_HASH}: "{cut[-1][1]}"')
    remedy = "check indentation, colons and quotes"
    if error.context_mark and error.context_mark.line + 1 != place.line:
        remedy += f" from line {error.context_mark.line + 1} on"
    return Problem(place, f"not YAML: {problem}", remedy)


def _start(node: yaml.Node | yaml.Event) -> Place:
    mark = node.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - before.rfind("\n"))
