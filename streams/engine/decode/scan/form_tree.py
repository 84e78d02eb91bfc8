"""A tree of the bytes that records have in common, from value to value. Compiled.

It is a radix tree (Morrison, "PATRICIA", Journal of the ACM 15(4), 1968) whose edges end where a value
begins, or where a run of names ends: what follows depends on the value's reader, not on the tree. A node is
32 bytes: where its edge lies in ``texts``, how long it is, what its end is and the edge's first byte, what
that end needs to know, the node behind it, the next one that branches off where it does, and a number.

``forms`` is the address of the header, which ``decode/forms.py`` keeps.
"""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part
from streams.engine.decode.scan.machine_words import load8, load32, load64, load_int, store8, store32, store64

NODES, TEXTS, USED, ROOM, WRITTEN, MOST_WRITTEN, FULL, READ = (8 * place for place in range(8))
"""Places in the header: nodes and texts, how many and how much room; whether it was short; records read."""
OF_RECORDS, OF_NAMES, OF_CALLS = 64, 68, 72
"""Places of the first nodes: of whole records, of the names of a path, of those of a table call."""
HEADER: Final = 10  # numbers

NODE: Final = 32
_LENGTH, WHAT, _FIRST, ARG, NEXT, _ASIDE, NUMBER = 4, 8, 9, 12, 16, 20, 24

BRANCH: Final = 100
"""What the end of an edge is: nodes branch off, by the next byte. All else is for the callers."""
NOWHERE: Final = -1


@part
def follow(forms: int, node: int, at: int, end: int) -> tuple[int, int]:
    """Follow a record from a node on.

    Returns
    -------
    The address of the node at whose end a value, or the end of the record or run, is expected, -1 where the
    record has other bytes than all that were learnt; and the address behind the edge.
    """
    nodes, texts = load_int(forms + NODES), load_int(forms + TEXTS)
    while node >= 0:
        place = nodes + NODE * node
        text = texts + load32(place)
        behind = at + load32(place + _LENGTH)
        if behind > end:
            break
        while at + 8 <= behind:
            if load64(at) != load64(text):
                return np.int64(NOWHERE), at
            at += 8
            text += 8
        if at < behind:
            if (load64(at) ^ load64(text)) << np.uint64(8 * (8 - (behind - at))) != 0:
                break
            at = behind
        if load8(place + WHAT) != BRANCH:
            return place, at
        node = _branch(nodes, place, load8(at))
    return np.int64(NOWHERE), at


@inlined
def _branch(nodes: int, place: int, first: int) -> int:
    """Return the node that branches off at the end of this one and begins with a byte, -1 for none."""
    node = load32(place + NEXT)
    while node >= 0 and load8(nodes + NODE * node + _FIRST) != first:
        node = load32(nodes + NODE * node + _ASIDE)
    return node


@part
def _new(forms: int, at: int, end: int, what: int, arg: int, number: int) -> int:
    """Add a node whose edge has these bytes; there is room. Return its number."""
    node = load_int(forms + USED)
    store64(forms + USED, node + 1)
    place = load_int(forms + NODES) + NODE * node
    written = load_int(forms + WRITTEN)
    store32(place, written)
    store32(place + _LENGTH, end - at)
    store8(place + WHAT, what)
    store8(place + _FIRST, load8(at))
    store32(place + ARG, arg)
    store32(place + NEXT, np.int64(NOWHERE))
    store32(place + _ASIDE, np.int64(NOWHERE))
    store64(place + NUMBER, number)
    text = load_int(forms + TEXTS) + written
    for byte in range(end - at):
        store8(text + byte, load8(at + byte))
    store64(forms + WRITTEN, written + end - at)
    return node


@part
def place_at(forms: int, root: int, at: int, end: int, what: int, arg: int, number: int) -> int:
    """Find or make the node that these bytes lead to.

    Parameters
    ----------
    root
        The address that holds the number of the first node, -1 for none.
    what, arg, number
        What the end of its edge is, and what that needs to know.

    Returns
    -------
    The address of the node, -1 when something else lies on the way.
    """
    nodes, texts = load_int(forms + NODES), load_int(forms + TEXTS)
    node = load32(root)
    if node < 0:
        node = _new(forms, at, end, what, arg, number)
        store32(root, node)
        return nodes + NODE * node
    while True:
        place = nodes + NODE * node
        text, length = texts + load32(place), load32(place + _LENGTH)
        same = 0
        while same < length and at + same < end and load8(at + same) == load8(text + same):
            same += 1
        at += same
        if same < length:
            if at == end:
                return np.int64(NOWHERE)
            _split(forms, place, same)
        if load8(place + WHAT) != BRANCH:
            return place if at == end and load8(place + WHAT) == what else np.int64(NOWHERE)
        if at == end:
            return np.int64(NOWHERE)
        node = _branch(nodes, place, load8(at))
        if node < 0:
            node = _new(forms, at, end, what, arg, number)
            store32(nodes + NODE * node + _ASIDE, load32(place + NEXT))
            store32(place + NEXT, node)
            return nodes + NODE * node


@part
def _split(forms: int, place: int, length: int) -> None:
    """Let nodes branch off behind so many bytes of an edge."""
    node = load_int(forms + USED)
    store64(forms + USED, node + 1)
    behind = load_int(forms + NODES) + NODE * node
    for word in range(0, NODE, 8):
        store64(behind + word, load_int(place + word))
    store32(behind, load32(place) + length)
    store32(behind + _LENGTH, load32(place + _LENGTH) - length)
    store8(behind + _FIRST, load8(load_int(forms + TEXTS) + load32(place) + length))
    store32(behind + _ASIDE, np.int64(NOWHERE))
    store32(place + _LENGTH, length)
    store8(place + WHAT, np.int64(BRANCH))
    store32(place + NEXT, node)
