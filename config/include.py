"""Reads a configuration file with those it includes, as one document in which every value knows its file."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from ruamel.yaml.nodes import MappingNode, ScalarNode

from config.sections.values import path_name
from config.yaml_tree import KeyPath, Place, Problem, Tree, parser, read_tree

INCLUDE: Final = "include"
MOST_FILES: Final = 20
REMEDY: Final = "write the name of a file, or a list of names"


class _Entry(NamedTuple):
    """An entry of ``include``."""

    value: Any
    place: Place


class Unreadable(Exception):  # noqa: N818 - a reason, reported where the file is included
    """A file cannot be read: why, or the problems of its text."""

    def __init__(self, why: str | None, problems: Sequence[Problem] = ()) -> None:
        super().__init__(why, problems)
        self.why, self.problems = why, tuple(problems)


def read_with_included(text: str, folder: Path, path: Path | None, read: Callable[[Path], str]) -> Tree:
    """Read a document and the files it includes.

    A file precedes those it includes, and a later one in the list an earlier one: mappings are merged key by
    key, anything else is replaced.

    Parameters
    ----------
    folder
        Where the names that ``text`` includes begin.
    path
        The path of ``text``, if it has one, so that no file includes itself.
    read
        Returns the text of a file, or raises ``Unreadable``.

    Returns
    -------
    Tree
        Places in ``text`` have no file. Without data, if one of the files could not be read.
    """
    within = () if path is None else (os.path.realpath(path),)
    return _Files(read).read(read_tree(text), folder, within)


class _Files:
    def __init__(self, read: Callable[[Path], str]) -> None:
        self._read = read
        self._count = 0

    def read(self, tree: Tree, folder: Path, within: tuple[str, ...]) -> Tree:
        """Return a document over the files that it includes."""
        if not isinstance(tree.data, dict) or INCLUDE not in tree.data:
            return tree
        below: Tree | None = None
        broken = False
        for entry in _entries(tree):
            found = self._included(entry, folder, within)
            if isinstance(found, Problem):
                tree.problems.append(found)
                broken = True
            elif found.data is None and found.problems:
                tree.problems += found.problems
                broken = True
            elif found.data is not None:
                below = found if below is None else _over(below, found)
        del tree.data[INCLUDE]
        if broken:
            tree.data = None
        return tree if broken or below is None else _over(below, tree)

    def _included(self, entry: _Entry, folder: Path, within: tuple[str, ...]) -> Tree | Problem:
        try:
            path = folder / _checked(entry.value)
            real = os.path.realpath(path)
            if real in within:
                raise ValueError(f"{path} includes itself; remove the line in one of them")  # noqa: TRY301
            self._count += 1
            if self._count > MOST_FILES:
                raise ValueError(f"more than {MOST_FILES} files; include fewer")  # noqa: TRY301
            tree = read_tree(self._read(path))
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            return Problem(entry.place, f"{INCLUDE}: {message}", remedy)
        except Unreadable as error:
            if error.why is not None:
                message = f"{INCLUDE}: {path} cannot be read: {error.why}"
                return Problem(entry.place, message, "correct the name or its permissions")
            tree = Tree("", problems=list(error.problems))
        if tree.data is not None and not isinstance(tree.data, dict):
            problem = Problem(tree.values[()], "the file holds no keys and values", "begin with a section")
            tree = Tree("", problems=[problem])
        return self.read(_placed(tree, str(path)), path.parent, (*within, real))


def _checked(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"not the name of a file; {REMEDY}")  # noqa: TRY004 - as path_name
    return path_name(value)


def _entries(tree: Tree) -> Iterator[_Entry]:
    value, path = tree.data[INCLUDE], (INCLUDE,)
    if isinstance(value, list):
        yield from (_Entry(name, tree.values[(*path, index)]) for index, name in enumerate(value))
    else:
        yield _Entry(value, tree.values[path])


def _placed(tree: Tree, file: str) -> Tree:
    """Set the file of every place."""
    for places in (tree.keys, tree.values):
        for path, place in places.items():
            places[path] = place._replace(file=file)
    tree.problems = [problem._replace(place=problem.place._replace(file=file)) for problem in tree.problems]
    return tree


def _over(below: Tree, above: Tree) -> Tree:
    replaced: set[KeyPath] = set()

    def merged(under: Any, value: Any, path: KeyPath) -> Any:
        if isinstance(under, dict) and path in above.empty:
            above.empty.discard(path)
            return under
        if not isinstance(under, dict) or not isinstance(value, dict):
            replaced.add(path)
            return value
        changed = {
            key: merged(under[key], inner, (*path, key)) if key in under else inner
            for key, inner in value.items()
        }
        return under | changed

    def is_kept(path: KeyPath) -> bool:
        return not any(path[:length] in replaced for length in range(1, len(path) + 1))

    data = merged(below.data, above.data, ())
    return Tree(
        above.text,
        data,
        empty={path for path in below.empty if is_kept(path)} | above.empty,
        commented={path: text for path, text in below.commented.items() if is_kept(path)} | above.commented,
        keys={path: place for path, place in below.keys.items() if is_kept(path)} | above.keys,
        values={path: place for path, place in below.values.items() if is_kept(path)} | above.values,
        problems=[*below.problems, *above.problems],
    )


def included_from(text: str, folder: Path) -> str:
    r"""Return a valid document that includes the same files from anywhere, with their whole paths.

    Examples
    --------
    >>> included_from("include: base.yaml  # ours\n", Path("/etc/uneri"))
    'include: "/etc/uneri/base.yaml"  # ours\n'
    """
    root = parser().compose(text)
    pairs = root.value if isinstance(root, MappingNode) else ()
    names = [
        name
        for key, value in pairs
        if key.value == INCLUDE
        for name in ([value] if isinstance(value, ScalarNode) else value.value)
    ]
    for name in reversed(names):
        whole = json.dumps(str((folder / name.value).absolute()), ensure_ascii=False)
        text = text[: name.start_mark.index] + whole + text[name.end_mark.index :]
    return text
