"""A configuration file with some settings changed, the rest of it as it was written."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from config.load import ConfigError, load_settings
from config.settings import Settings
from config.yaml_tree import Path as KeyPath
from config.yaml_tree import Tree, read_tree

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
    lines = text
    for key, amendment in amendments.items():
        path: KeyPath = tuple(key.split("."))
        changed = _replaced(lines, path, amendment) or _inserted(lines, path, amendment)
        if changed is None:
            return _anew(text, amendments)
        lines = changed
    return lines if _means(lines, text, amendments) else _anew(text, amendments)


def _replaced(text: str, path: KeyPath, amendment: Amendment) -> str | None:
    """Put the value in the place of the one that is written."""
    place = read_tree(text).values.get(path)
    if place is None:
        return None
    lines = text.splitlines()
    line = lines[place.line - 1]
    before, after = line[: place.column - 1], line[place.column - 1 :]
    written = _NUMBER.match(after)
    if written is None:
        return None
    if float(written[0]) == amendment.value:
        return text
    rest = after[written.end() :]
    indent = " " * (len(line) - len(line.lstrip()))
    if rest.strip():
        lines[place.line - 1 : place.line] = [
            f"{indent}# {amendment.why}",
            f"{before}{amendment.value}{rest}",
        ]
    else:
        lines[place.line - 1] = f"{before}{amendment.value}  # {amendment.why}"
    return "\n".join(lines) + "\n"


def _inserted(text: str, path: KeyPath, amendment: Amendment) -> str | None:
    """Write the setting as the first of its section; a section that is missing, too, goes to the end."""
    tree = read_tree(text)
    if tree.problems or (tree.data is not None and not isinstance(tree.data, dict)):
        return None
    known = len(path) - 1
    while known and path[:known] not in tree.keys:
        known -= 1
    if not known:
        written = _block(path, amendment, 0)
        gap = "\n" if text.strip() else ""
        return text.rstrip("\n") + ("\n" if text.strip() else "") + gap + written
    place = tree.keys[path[:known]]
    if _is_flow(tree, path[:known]):
        return None
    children = [at for way, at in tree.keys.items() if way[:known] == path[:known] and len(way) == known + 1]
    indent = children[0].column - 1 if children else place.column + 1
    lines = text.splitlines()
    lines[place.line : place.line] = _block(path[known:], amendment, indent).splitlines()
    return "\n".join(lines) + "\n"


def _is_flow(tree: Tree, path: KeyPath) -> bool:
    """Tell whether a section is written in braces, or on the line of its key."""
    if not isinstance(_at(tree.data, path), dict):
        return path not in tree.empty
    return tree.values[path].line == tree.keys[path].line


def _block(path: KeyPath, amendment: Amendment, indent: int) -> str:
    lines = [f"{' ' * (indent + 2 * depth)}{name}:" for depth, name in enumerate(path)]
    lines[-1] += f" {amendment.value}  # {amendment.why}"
    return "\n".join(lines) + "\n"


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
    return why + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


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
