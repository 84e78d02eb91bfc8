"""Changes settings in the text of a configuration and keeps everything else as it is written."""

from collections.abc import Mapping
from typing import NamedTuple

from ruamel.yaml.events import DocumentEndEvent
from ruamel.yaml.nodes import MappingNode

from config.settings import Settings
from config.yaml_tree import Entry, KeyPath, parser, read_tree


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
        text = _amended(text, tuple(key.split(".")), amendment)
    return text.replace("\n", newline)


def _amended(text: str, path: KeyPath, amendment: Amendment) -> str:
    """Change one setting where it is or, when it is not in the file, in the nearest section."""
    entries = read_tree(text).entries
    if path in entries:
        node = entries[path].value
        start, end = node.start_mark.index, node.end_mark.index
        if float(text[start:end]) == amendment.value:
            return text
        return _explained(text[:start] + str(amendment.value), text[end:], amendment.why)
    sections = [entries[path[:depth]] for depth in range(len(path)) if path[:depth] in entries]
    in_braces = any(isinstance(entry.value, MappingNode) and entry.value.flow_style for entry in sections)
    if len(sections) > 1 or in_braces:
        return _inserted(text, sections[-1], path[len(sections) - 1 :], amendment, in_braces=in_braces)
    indent = sections[0].value.start_mark.column if sections and sections[0].value.value else 0
    return _appended(text, _block(path, amendment, indent))


def _inserted(text: str, section: Entry, below: KeyPath, amendment: Amendment, *, in_braces: bool) -> str:
    """Write a setting as the first of a section."""
    node = section.value
    at, column = node.start_mark.index, node.start_mark.column
    if in_braces:
        setting = _in_braces(below, amendment)
        if not isinstance(node, MappingNode):  # an empty section
            return _explained(f"{text[:at]} {setting}", text[at:], amendment.why)
        at = node.value[0][0].start_mark.index if node.value else at + 1
        setting = setting[1:-1] + (", " if node.value else "")
        return _explained(text[:at] + setting, text[at:], amendment.why)
    if isinstance(node, MappingNode):  # the block begins with its first key
        block = _block(below, amendment, column).lstrip()
        return f"{text[:at]}{block}\n{' ' * column}{text[at:]}"
    at = text.find("\n", at)
    at = len(text) if at < 0 else at
    return text[:at] + "\n" + _block(below, amendment, section.key_place.column + 1) + text[at:]


def _explained(before: str, after: str, why: str) -> str:
    """Write the reason at the end of the changed line, or above it when something follows the value."""
    rest, end, others = after.partition("\n")
    if not rest.strip():
        return f"{before}  # {why}{end}{others}"
    above, line_break, line = before.rpartition("\n")
    indent = line[: len(line) - len(line.lstrip())]
    return f"{above}{line_break}{indent}# {why}\n{line}{after}"


def _in_braces(path: KeyPath, amendment: Amendment) -> str:
    return "".join(f"{{{name}: " for name in path) + str(amendment.value) + "}" * len(path)


def _block(path: KeyPath, amendment: Amendment, indent: int) -> str:
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
