"""Reads YAML with the place of every key and value, without the parts of YAML that cause accidents."""

import io
import math
import re
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import VersionedResolver

MOST_CHARACTERS: Final = 1 << 20
MOST_VALUES: Final = 100_000  # a key with its value is two: the limits of 12,000 tables, or seconds of work
DEEPEST: Final = 20

KeyPath = tuple[str | int, ...]


class Place(NamedTuple):
    """A position in a file; line and column count from 1. ``file`` is empty in the document itself."""

    line: int
    column: int
    file: str = ""

    @property
    def order(self) -> tuple[str, int, int]:
        """The sort key of places: the document itself comes before files that it includes."""
        return self.file, self.line, self.column


class Problem(NamedTuple):
    """A mistake at a place, and the remedy."""

    place: Place
    message: str
    remedy: str


TOO_LONG: Final = Problem(
    Place(1, 1), f"longer than {MOST_CHARACTERS} characters", "check that this is the right file"
)


@dataclass
class Tree:
    """A document as plain values, and where each of them was written."""

    text: str
    data: Any = None
    empty: set[KeyPath] = field(default_factory=set)  # nothing was written: `slack:`
    commented: dict[KeyPath, str] = field(default_factory=dict)  # because it is a comment: `channel: #uneri`
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    values: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


_TAG: Final = "tag:yaml.org,2002:"
# YAML 1.1 without its surprises: 10:30 is not a number of minutes, 2026-01-01 is text, 1e3 is a number.
_MEANINGS: Final = {
    "bool": "yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
    "null": "~|null|Null|NULL|",
    "int": "[-+]?(0|[1-9][0-9]*)",
    "float": r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "operator": "<<|=",
}
_FORMS: Final = {None: [(_TAG + name, re.compile(rf"(?:{form})\Z")) for name, form in _MEANINGS.items()]}


class _Resolver(VersionedResolver):
    """Decides the meaning of a scalar without quotes, and so which text needs quotes."""

    @property
    def versioned_resolver(self) -> dict[None, list[tuple[str, re.Pattern[str]]]]:
        return _FORMS


class _UnsupportedError(Exception):
    """A part of YAML that a configuration may not hold."""

    def __init__(self, event: Event, message: str, remedy: str) -> None:
        super().__init__(message)
        self.problem = Problem(_start(event), message, remedy)


class _Parser(Parser):
    """Refuses events that must not be composed: composing recurses, and follows aliases."""

    _depth = 0
    _values = 0

    def get_event(self) -> Event:
        event: Event = super().get_event()
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _UnsupportedError(event, "anchors and aliases are not supported", "write the values out")
        self._values += self._depth > 0 and isinstance(event, NodeEvent)
        if self._values > MOST_VALUES:
            raise _UnsupportedError(
                event,
                f"more than {MOST_VALUES} keys and values, counted together",
                "check that this is the right file",
            )
        self._depth += isinstance(event, CollectionStartEvent)
        self._depth -= isinstance(event, CollectionEndEvent)
        if self._depth > DEEPEST:
            raise _UnsupportedError(event, f"nested deeper than {DEEPEST} levels", "check the brackets")
        if tag := getattr(event, "tag", None):
            raise _UnsupportedError(event, f"tags such as {tag} are not supported", "write a plain value")
        return event


class _Representer(SafeRepresenter):
    """Quotes text that looks like a number or a date to any reader."""

    def represent_str(self, data: str) -> ScalarNode:
        style = "'" if data[:1] in set("0123456789+-.") else None
        return self.represent_scalar(f"{_TAG}str", data, style=style)


_Representer.add_representer(str, _Representer.represent_str)

_QUOTE: Final = "write it in quotes"
_HASH: Final = "text after # is a comment unless it is in quotes"
_CUT_LIST: Final = re.compile(r"[\[,]\s*(#[^\s,\]#]+)")
_COMMENTED: Final = re.compile(r"[ \t]*(#[^\s#]+)")
_COLON: Final = re.compile(r"\s*:")


def parser() -> YAML:
    """Return a parser and writer of the YAML that a configuration may hold."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = _Parser
    yaml.Resolver = _Resolver
    yaml.Representer = _Representer
    return yaml


def to_yaml(value: object, *, width: int = 80, ascii_only: bool = False) -> str:
    r"""Return plain values as a YAML document in block style, which ``read_tree`` reads as the same values.

    Examples
    --------
    >>> to_yaml({"at": "09:00", "until": None, "days": ["mon", "no"]})
    "at: '09:00'\nuntil: null\ndays:\n- mon\n- 'no'\n"
    """
    yaml = parser()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # None by default
    yaml.width = width
    yaml.allow_unicode = not ascii_only
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def read_tree(text: str) -> Tree:
    """Read one YAML document.

    Never raises for the text: all mistakes are in ``problems``, in file order. After a syntax error the tree
    holds nothing else.
    """
    tree = Tree(text)
    node = problem = None
    try:
        if len(text) > MOST_CHARACTERS:
            problem = TOO_LONG
        else:
            node = parser().compose(text)
    except _UnsupportedError as error:
        problem = error.problem
    except MarkedYAMLError as error:
        problem = _syntax_problem(error, text)
    except ReaderError as error:
        character = chr(error.character) if isinstance(error.character, int) else error.character
        problem = Problem(
            _place_of(text, error.position), f"character {character!r} is not allowed in YAML", "remove it"
        )
    if problem:
        tree.problems.append(problem)
    elif node is not None:
        tree.data = _read(tree, node, ())
        tree.problems.sort(key=lambda problem: problem.place.order)
    return tree


def _read(tree: Tree, node: Node, path: KeyPath) -> Any:
    tree.values[path] = _start(node)
    if isinstance(node, MappingNode):
        return _read_mapping(tree, node, path)
    if isinstance(node, ScalarNode):
        return _read_scalar(tree, node, path)
    return [_read(tree, item, (*path, index)) for index, item in enumerate(node.value)]


def _read_mapping(tree: Tree, node: MappingNode, path: KeyPath) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _start(key_node)
        if wrong := _bad_key(key_node):
            tree.problems.append(Problem(place, *wrong))
            continue
        key = key_node.value
        if key in data:
            first = tree.keys[(*path, key)]
            tree.problems.append(
                Problem(place, f"key {key!r} is already on line {first.line}", "keep one of them")
            )
            continue
        tree.keys[(*path, key)] = place
        data[key] = _read(tree, value_node, (*path, key))
        if (*path, key) in tree.empty:
            index = value_start(tree.text, key_node)
            tree.values[(*path, key)] = _place_after(tree.text, key_node, index)
            if comment := _COMMENTED.match(tree.text, index):
                tree.commented[(*path, key)] = comment[1]
    return data


def value_start(text: str, key: Node) -> int:
    """Return the index behind the colon of a key: the parser gives none where the value is empty."""
    colon = _COLON.match(text, key.end_mark.index)
    return colon.end() if colon else int(key.end_mark.index)


def _bad_key(node: Node) -> tuple[str, str] | None:
    if not isinstance(node, ScalarNode):
        return "a key must be text", "check for a missing bracket or an extra colon"
    meaning = str(node.tag).removeprefix(_TAG)
    if meaning == "str":
        return None
    read_as = {"bool": "yes or no", "null": "nothing", "operator": "a YAML operator"}.get(meaning, "a number")
    return f"key {node.value!r} reads as {read_as}, not as text", f'{_QUOTE}: "{node.value}"'


def _read_scalar(tree: Tree, node: ScalarNode, path: KeyPath) -> Any:
    meaning = str(node.tag).removeprefix(_TAG)
    if meaning == "null":
        if not node.value:
            tree.empty.add(path)
        return None
    if meaning == "bool":
        return node.value.lower() in {"yes", "true", "on"}
    if meaning == "int":
        return int(node.value) if len(node.value) <= 30 else math.inf  # noqa: PLR2004  # out of every bound
    if meaning == "float":
        number = float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if not math.isfinite(number):
            tree.problems.append(Problem(_start(node), f"{node.value} is not finite", "write a number"))
            return 0.0
        return number
    return node.value


def _syntax_problem(error: MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    problem = error.problem or "unreadable"
    if "'\\t'" in problem:
        return Problem(place, "a tab cannot indent a line or begin a value", "use spaces")
    if "expected a single document" in (error.context or ""):
        return Problem(place, "a second document begins here", "keep one document, without ---")
    cut = [found for line in text.splitlines()[: place.line] if (found := _CUT_LIST.search(line))]
    if cut and "flow" in (error.context or ""):
        return Problem(place, f"not valid YAML: {problem}", f'{_HASH}: "{cut[-1][1]}"')
    remedy = "check indentation, colons and quotes"
    if error.context_mark and error.context_mark.line + 1 != place.line:
        remedy += f" from line {error.context_mark.line + 1} on"
    return Problem(place, f"not valid YAML: {problem}", remedy)


def _start(node: Node | Event) -> Place:
    mark = node.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _place_after(text: str, node: Node, position: int) -> Place:
    """Return the place of a position behind a node, without scanning the file before it."""
    mark, between = node.end_mark, text[node.end_mark.index : position]
    if line_ends := between.count("\n"):
        return Place(mark.line + 1 + line_ends, len(between) - between.rfind("\n"))
    return Place(mark.line + 1, mark.column + 1 + len(between))


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - before.rfind("\n"))
