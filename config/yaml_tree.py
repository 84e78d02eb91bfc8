"""Reads YAML with the place of every key and value, without the parts of YAML that cause accidents."""

import io
import math
import re
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
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


class Entry(NamedTuple):
    """A value of a document as it is written, and its key if it has one."""

    key: ScalarNode | None
    value: Node

    @property
    def key_place(self) -> Place:
        """The place of the key; that of the value if there is none."""
        return _start(self.key or self.value)

    @property
    def place(self) -> Place:
        """The place of the value; behind the colon if nothing is written there."""
        return _start(self.value)

    @property
    def comment(self) -> str | None:
        """The text that is missing because it is a comment: ``channel: #uneri``."""
        mark = self.value.start_mark
        found = _COMMENTED.match(mark.buffer, mark.index) if self.key and is_empty(self.value) else None
        return found and found[1]


class Tree:
    """A document as plain values, and as it is written, by path. Nothing of either without a root."""

    def __init__(self, root: Node | None, problems: list[Problem]) -> None:
        self.problems = problems
        self.entries: dict[KeyPath, Entry] = {}
        self.data: Any = None if root is None else self._read(None, root, ())

    def place(self, path: KeyPath, *, of_key: bool = False) -> Place:
        """Return the place of a value or its key; if it is not written, that of what it would be in."""
        while path and path not in self.entries:
            path, of_key = path[:-1], False
        entry = self.entries.get(path)
        if entry is None:
            return Place(1, 1)
        return entry.key_place if of_key else entry.place

    def _read(self, key: ScalarNode | None, node: Node, path: KeyPath) -> Any:
        self.entries[path] = Entry(key, node)
        if isinstance(node, MappingNode):
            return {name.value: self._read(name, value, (*path, name.value)) for name, value in node.value}
        if isinstance(node, ScalarNode):
            return _value(node)
        return [self._read(None, item, (*path, index)) for index, item in enumerate(node.value)]


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
_COMMENTED: Final = re.compile(r"[ \t]*(#[^\s#\0]+)")  # NUL marks the end of the text
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
    return Tree(*read_nodes(text))


def read_nodes(text: str, file: str = "") -> tuple[Node | None, list[Problem]]:
    """Return the root of one YAML document, without keys that cannot be used, and all mistakes in it.

    ``file`` is the name of a file that is included.
    """
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
        return None, [problem._replace(place=problem.place._replace(file=file))]
    problems: list[Problem] = []
    if node is not None:
        _check(node, file, problems)
    return node, sorted(problems, key=lambda problem: problem.place.order)


def _check(node: Node, file: str, problems: list[Problem]) -> None:
    """Take keys out that cannot be used, and write into the marks what the parser does not."""
    node.start_mark.name = file
    if isinstance(node, MappingNode):
        used: dict[str, tuple[ScalarNode, Node]] = {}
        for key, value in node.value:
            key.start_mark.name = file
            if wrong := _bad_key(key):
                problems.append(Problem(_start(key), *wrong))
            elif key.value in used:
                message = f"key {key.value!r} is already on line {_start(used[key.value][0]).line}"
                problems.append(Problem(_start(key), message, "keep one of them"))
            else:
                used[key.value] = key, value
                if is_empty(value):
                    value.start_mark = _behind_colon(key)
                _check(value, file, problems)
        node.value = list(used.values())
    elif isinstance(node, SequenceNode):
        for item in node.value:
            _check(item, file, problems)
    elif isinstance(node, ScalarNode) and _meaning(node) == "float" and not math.isfinite(_float(node)):
        problems.append(Problem(_start(node), f"{node.value} is not finite", "write a number"))


def _behind_colon(key: ScalarNode) -> StringMark:
    mark = key.end_mark
    colon = _COLON.match(mark.buffer, mark.index)
    between = colon[0] if colon else ""
    column = len(between.rpartition("\n")[2]) + (0 if "\n" in between else mark.column)
    index = mark.index + len(between)
    return StringMark(mark.name, index, mark.line + between.count("\n"), column, mark.buffer, index)


def is_empty(node: Node) -> bool:
    """Return whether nothing is written, which means null."""
    return isinstance(node, ScalarNode) and _meaning(node) == "null" and not node.value


def _bad_key(node: Node) -> tuple[str, str] | None:
    if not isinstance(node, ScalarNode):
        return "a key must be text", "check for a missing bracket or an extra colon"
    meaning = _meaning(node)
    if meaning == "str":
        return None
    read_as = {"bool": "yes or no", "null": "nothing", "operator": "a YAML operator"}.get(meaning, "a number")
    return f"key {node.value!r} reads as {read_as}, not as text", f'{_QUOTE}: "{node.value}"'


def _meaning(node: ScalarNode) -> str:
    return str(node.tag).removeprefix(_TAG)


def _value(node: ScalarNode) -> str | float | bool | None:
    meaning = _meaning(node)
    if meaning == "null":
        return None
    if meaning == "bool":
        return node.value.lower() in {"yes", "true", "on"}
    if meaning == "int":
        return int(node.value) if len(node.value) <= 30 else math.inf  # noqa: PLR2004  # out of every bound
    if meaning == "float":
        return number if math.isfinite(number := _float(node)) else 0.0
    return str(node.value)


def _float(node: ScalarNode) -> float:
    return float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))


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
    return Place(mark.line + 1, mark.column + 1, mark.name) if mark else Place(1, 1)


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - before.rfind("\n"))
