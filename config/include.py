"""Reads a configuration file with those it includes, as one document in which every value knows its file."""

import json
import os
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from config.sections.values import path_name
from config.yaml_tree import Entry, Problem, Tree, is_empty, read_nodes, read_tree

INCLUDE: Final = "include"
MOST_FILES: Final = 20
REMEDY: Final = "write the name of a file, or a list of names"


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
    files = _Files(read)
    root = files.read(text, "", folder, within)
    return Tree(None if files.broken else root, files.problems)


class _Files:
    def __init__(self, read: Callable[[Path], str]) -> None:
        self._read = read
        self._count = 0
        self.problems: list[Problem] = []
        self.broken = False  # one of the files is missing from the document

    def read(self, text: str, file: str, folder: Path, within: tuple[str, ...]) -> Node | None:
        """Return the root of a document over those of the files that it includes."""
        root, problems = read_nodes(text, file)
        self.problems += problems
        if root is None:
            self.broken |= bool(problems)
            return None
        if not isinstance(root, MappingNode):
            if file and Tree(root, []).data is not None:
                message = "the file holds no keys and values"
                self._refuse(Problem(Entry(None, root).place, message, "begin with a section"))
            return None if file else root
        found = [self._included(entry, folder, within) for entry in _entries(root)]
        return reduce(_over, [*filter(None, found), root])

    def _included(self, entry: Entry, folder: Path, within: tuple[str, ...]) -> Node | None:
        try:
            path = folder / _checked(Tree(entry.value, []).data)
            real = os.path.realpath(path)
            if real in within:
                raise ValueError(f"{path} includes itself; remove the line in one of them")  # noqa: TRY301
            self._count += 1
            if self._count > MOST_FILES:
                raise ValueError(f"more than {MOST_FILES} files; include fewer")  # noqa: TRY301
            text = self._read(path)
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            self._refuse(Problem(entry.place, f"{INCLUDE}: {message}", remedy))
        except Unreadable as error:
            if error.why is not None:
                message = f"{INCLUDE}: {path} cannot be read: {error.why}"
                self._refuse(Problem(entry.place, message, "correct the name or its permissions"))
            for problem in error.problems:
                self._refuse(problem._replace(place=problem.place._replace(file=str(path))))
        else:
            return self.read(text, str(path), path.parent, (*within, real))
        return None

    def _refuse(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.broken = True


def _checked(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"not the name of a file; {REMEDY}")  # noqa: TRY004 - as path_name
    return path_name(value)


def _entries(root: MappingNode) -> list[Entry]:
    """Take the names of files out of a document."""
    include = next((Entry(*pair) for pair in root.value if pair[0].value == INCLUDE), None)
    if include is None:
        return []
    root.value = [pair for pair in root.value if pair[0].value != INCLUDE]
    if isinstance(include.value, SequenceNode):
        return [Entry(None, name) for name in include.value.value]
    return [include]


def _over(below: Node, above: Node) -> Node:
    """Return mappings merged key by key; anything else is replaced, unless by nothing."""
    if not isinstance(below, MappingNode) or not isinstance(above, MappingNode):
        return below if isinstance(below, MappingNode) and is_empty(above) else above
    pairs = {key.value: (key, value) for key, value in below.value}
    for key, value in above.value:
        _, replaced = pairs.get(key.value, (None, None))
        pairs[key.value] = key, value if replaced is None else _over(replaced, value)
    return MappingNode(above.tag, list(pairs.values()), above.start_mark, above.end_mark)


def included_from(text: str, folder: Path) -> str:
    r"""Return a valid document that includes the same files from anywhere, with their whole paths.

    Examples
    --------
    >>> included_from("include: base.yaml  # ours\n", Path("/etc/uneri"))
    'include: "/etc/uneri/base.yaml"  # ours\n'
    """
    entries = read_tree(text).entries
    names = [
        entry.value
        for path, entry in entries.items()
        if path[:1] == (INCLUDE,) and isinstance(entry.value, ScalarNode)
    ]
    for name in reversed(names):
        whole = json.dumps(str((folder / name.value).absolute()), ensure_ascii=False)
        text = text[: name.start_mark.index] + whole + text[name.end_mark.index :]
    return text
