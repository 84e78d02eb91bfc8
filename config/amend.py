"""A configuration file with some settings changed, the rest of it as it was written."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from config.load import ConfigError, load_settings
from config.settings import Settings
from config.yaml_tree import Path as KeyPath
from config.yaml_tree import Place, read_tree

_NUMBER: Final = re.compile(r"[-+.0-9eE]+")


class Amendment(NamedTuple):
    """A new value and why."""

    value: float | int
    why: str


def amended(text: str, amendments: Mapping[str, Amendment]) -> str:
    r"""Return the text of a configuration with settings changed, each with its reason as a comment.

    Parameters
    ----------
    text
        The file as it is; empty for the shipped defaults.
    amendments
        By ``section.setting``. A setting that is written gets the new value, one that is not is put into its
        section. Where the file is written such that neither can be done in place, it is written anew,
        without its comments.

    Examples
    --------
    >>> print(amended("judge:\n  persist: 1\n", {"judge.persist": Amendment(2, "half the pages")}))
    judge:
      persist: 2  # half the pages
    <BLANKLINE>
    """
    kept = amended_in_place(text, amendments)
    return _anew(text, amendments) if kept is None else kept


def amended_in_place(text: str, amendments: Mapping[str, Amendment]) -> str | None:
    """Return what ``amended`` does, with all that was written kept; None where that cannot be done."""
    changed = text
    for key, amendment in amendments.items():
        path: KeyPath = tuple(key.split("."))
        found = _replaced(changed, path, amendment) or _inserted(changed, path, amendment)
        if found is None:
            return None
        changed = found
    return changed if _means(changed, text, amendments) else None


def _replaced(text: str, path: KeyPath, amendment: Amendment) -> str | None:
    """Put the value in the place of the one that is written."""
    place = read_tree(text).values.get(path)
    if place is None:
        return None
    lines = text.splitlines(keepends=True)
    before, after, end = _cut(lines, place)
    written = _NUMBER.match(after)
    if written is None:
        return None
    if float(written[0]) == amendment.value:
        return text
    rest = after[written.end() :]
    if rest.strip():
        return _explained(text, lines, place, f"{before}{amendment.value}{rest}{end}", amendment)
    lines[place.line - 1] = f"{before}{amendment.value}  # {amendment.why}{end}"
    return "".join(lines)


def _inserted(text: str, path: KeyPath, amendment: Amendment) -> str | None:
    """Write the setting as the first of its section; a section that is missing, too, goes to the end."""
    tree = read_tree(text)
    if tree.problems or (tree.data is not None and not isinstance(tree.data, dict)):
        return None
    known = len(path) - 1
    while known and path[:known] not in tree.keys:
        known -= 1
    section, below = path[:known], path[known:]
    lines = text.splitlines(keepends=True)
    if section in tree.values and section not in tree.empty:
        place = tree.values[section]
        before, after, end = _cut(lines, place)
        changed = _into_braces(after, below, amendment)
        if changed is not None:
            return _explained(text, lines, place, f"{before}{changed}{end}", amendment)
    if not known:
        return _put(text, lines, _end_of_document(text, lines), _block(path, amendment, 0), apart=True)
    if section not in tree.empty and not isinstance(_at(tree.data, section), dict):
        return None
    place = tree.keys[section]
    children = [at for way, at in tree.keys.items() if way[:known] == section and len(way) == known + 1]
    indent = children[0].column - 1 if children else place.column + 1
    return _put(text, lines, place.line, _block(below, amendment, indent))


def _cut(lines: Sequence[str], place: Place) -> tuple[str, str, str]:
    """Return what stands on a line before a place, what from it on, and how the line ends."""
    line = lines[place.line - 1]
    whole = line.splitlines()[0]
    return whole[: place.column - 1], whole[place.column - 1 :], line[len(whole) :]


def _explained(text: str, lines: list[str], place: Place, line: str, amendment: Amendment) -> str:
    """Put a line in the place of another, with its reason above: something stands behind the value."""
    indent = line[: len(line) - len(line.lstrip())]
    lines[place.line - 1 : place.line] = [f"{indent}# {amendment.why}{_newline(text)}", line]
    return "".join(lines)


def _into_braces(written: str, path: KeyPath, amendment: Amendment) -> str | None:
    """Write a setting as the first within the braces that a text begins with; None when it does not."""
    *sections, name = path
    setting = f"{name}: {amendment.value}"
    for section in reversed(sections):
        setting = f"{section}: {{{setting}}}"
    if not written.startswith("{"):
        return None
    rest = written[1:]
    if rest.lstrip().startswith("}"):
        return f"{{{setting}{rest.lstrip()}"
    if not rest.strip() or rest[0].isspace():
        return f"{{{rest[: len(rest) - len(rest.lstrip())]}{setting},{rest}"
    return f"{{{setting}, {rest}"


def _put(text: str, lines: list[str], at: int, block: Sequence[str], *, apart: bool = False) -> str:
    """Put lines before the one at ``at``; ``apart``: with an empty line before them."""
    newline = _newline(text)
    before = lines[:at]
    if before and not before[-1].endswith(("\n", "\r")):
        before[-1] += newline
    if apart and before and before[-1].strip():
        before.append(newline)
    return "".join([*before, *(line + newline for line in block), *lines[at:]])


def _end_of_document(text: str, lines: Sequence[str]) -> int:
    """Return the line, from 0, that ends the document: that of ``...``, or the one behind all."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.DocumentEndEvent) and event.explicit and event.start_mark:
            return event.start_mark.line
    return len(lines)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _block(path: KeyPath, amendment: Amendment, indent: int) -> list[str]:
    lines = [f"{' ' * (indent + 2 * depth)}{name}:" for depth, name in enumerate(path)]
    lines[-1] += f" {amendment.value}  # {amendment.why}"
    return lines


def _anew(text: str, amendments: Mapping[str, Amendment]) -> str:
    """Write it anew: the reasons go to the top."""
    data: dict[str, Any] = dict(read_tree(text).data or {})
    for key, amendment in amendments.items():
        *sections, name = key.split(".")
        into = data
        for section in sections:
            into[section] = dict(into.get(section) or {})
            into = into[section]
        into[name] = amendment.value
    why = "".join(f"# {key} {one.value}: {one.why}\n" for key, one in amendments.items())
    written = why + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return written.replace("\n", _newline(text))


def _means(lines: str, text: str, amendments: Mapping[str, Amendment]) -> bool:
    """Tell whether the new text says the old settings and the new values, and nothing else."""
    try:
        new = load_settings(Path("amended"), lines)
        expected = load_settings(Path("amended"), _anew(text, amendments))
    except ConfigError:
        return False
    return new == expected


def _at(data: Any, path: KeyPath) -> Any:
    for name in path:
        data = data[name]
    return data


def full_floor(settings: Settings, amendments: Mapping[str, Amendment]) -> dict[str, Amendment]:
    """Return the amendments with the other half of each floor that gets one: a file has both or neither."""
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
