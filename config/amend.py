"""Changes settings in the text of a configuration and keeps everything else as it is written."""

from collections.abc import Mapping
from typing import NamedTuple

from ruamel.yaml.events import DocumentEndEvent
from ruamel.yaml.nodes import MappingNode, Node

from config.settings import Settings
from config.yaml_tree import parser, value_start


class Amendment(NamedTuple):
    """A new value and the reason for it."""

    value: float | int
    why: str


def amended(text: str, amendments: Mapping[str, Amendment]) -> str:
    r"""Return the text of a configuration with settings changed, each with its reason as a comment.

    ``text`` is valid; empty for the shipped defaults. Amendments are keyed by ``section.setting``. A setting
    that is in the file gets the new value; any other is added to its section.

    Examples
    --------
    >>> print(amended("judge:\n  persist: 1\n", {"judge.persist": Amendment(2, "half the pages")}))
    judge:
      persist: 2  # half the pages
    <BLANKLINE>
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    text = text.replace("\r\n", "\n")
    for key, amendment in amendments.items():
        text = _amended(text, key.split("."), amendment)
    return text.replace("\n", newline)


def _amended(text: str, path: list[str], amendment: Amendment) -> str:
    """Change one setting where the parser finds it or, when it is not in the file, the nearest section."""
    node = parser().compose(text)
    key = node
    in_braces, below = False, path
    while below and (found := _child(node, below[0])):
        in_braces = in_braces or node.flow_style
        (key, node), below = found, below[1:]
    if not below:
        start, end = node.start_mark.index, node.end_mark.index
        if float(text[start:end]) == amendment.value:
            return text
        return _explained(text[:start] + str(amendment.value), text[end:], amendment.why)
    if below == path and not in_braces and not getattr(node, "flow_style", False):
        indent = node.start_mark.column if isinstance(node, MappingNode) else 0
        return _appended(text, _block(path, amendment, indent))
    return _inserted(text, key, node, below, amendment, in_braces=in_braces)


def _inserted(
    text: str,
    key: Node,
    section: Node,
    below: list[str],
    amendment: Amendment,
    *,
    in_braces: bool,
) -> str:
    """Write a setting as the first of a section."""
    if isinstance(section, MappingNode) and section.flow_style:
        at = section.value[0][0].start_mark.index if section.value else section.start_mark.index + 1
        setting = _in_braces(below, amendment)[1:-1] + (", " if section.value else "")
        return _explained(text[:at] + setting, text[at:], amendment.why)
    if in_braces:  # an empty section
        at = value_start(text, key)
        setting = f" {_in_braces(below, amendment)}"
        return _explained(text[:at] + setting, text[at:], amendment.why)
    if isinstance(section, MappingNode):  # the block begins with its first key
        at, column = section.start_mark.index, section.start_mark.column
        block = _block(below, amendment, column).lstrip()
        return f"{text[:at]}{block}\n{' ' * column}{text[at:]}"
    at = text.find("\n", value_start(text, key))
    at = len(text) if at < 0 else at
    return text[:at] + "\n" + _block(below, amendment, key.start_mark.column + 2) + text[at:]


def _child(node: Node | None, name: str) -> tuple[Node, Node] | None:
    pairs = node.value if isinstance(node, MappingNode) else ()
    return next(((key, value) for key, value in pairs if key.value == name), None)


def _explained(before: str, after: str, why: str) -> str:
    """Write the reason at the end of the changed line, or above it when something follows the value."""
    rest, end, others = after.partition("\n")
    if not rest.strip():
        return f"{before}  # {why}{end}{others}"
    above, line_break, line = before.rpartition("\n")
    indent = line[: len(line) - len(line.lstrip())]
    return f"{above}{line_break}{indent}# {why}\n{line}{after}"


def _in_braces(path: list[str], amendment: Amendment) -> str:
    return "".join(f"{{{name}: " for name in path) + str(amendment.value) + "}" * len(path)


def _block(path: list[str], amendment: Amendment, indent: int) -> str:
    lines = [f"{' ' * (indent + 2 * depth)}{name}:" for depth, name in enumerate(path)]
    joined = "\n".join(lines)
    return f"{joined} {amendment.value}  # {amendment.why}"


def _appended(text: str, block: str) -> str:
    """Put a section at the end of the document, which ``...`` may mark, after an empty line."""
    ends = [
        event.start_mark.index
        for event in parser().parse(text)
        if isinstance(event, DocumentEndEvent) and event.explicit
    ]
    at = ends[0] if ends else len(text)
    before = text[:at]
    if before and not before.endswith("\n"):
        before += "\n"
    if before.strip() and before.splitlines()[-1].strip():
        before += "\n"
    return before + block + "\n" + text[at:]


def full_floor(settings: Settings, amendments: Mapping[str, Amendment]) -> dict[str, Amendment]:
    """Complete amended floors: a file has both of their values or neither."""
    found: dict[str, Amendment] = {}
    for key, amendment in amendments.items():
        found[key] = amendment
        section, *measure, name = key.split(".")
        other = {"absolute": "relative", "relative": "absolute"}.get(name)
        if section == "floors" and other:
            beside = f"floors.{measure[0]}.{other}"
            if beside not in amendments:
                present = getattr(getattr(settings.floors, measure[0]), other)
                found[beside] = Amendment(present, "as it is")
    return found
