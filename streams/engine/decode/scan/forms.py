"""The forms of the records of a source partition: a tree of them, how it is learnt, and its memory. Compiled.

Forms are in a radix tree (Morrison, "PATRICIA", Journal of the ACM 15(4), 1968) whose edges end where a value
begins, or where a run of names ends: the rest depends on the value's reader, not on the tree. A node is
32 bytes: where its edge lies in ``texts``, how long it is, the kind of its end and the edge's first byte, an
argument of that end, the node behind it, the next one that branches off where it does, and a number.
``forms`` is the address of the header, which ``Forms`` keeps.

The form of a record is all of its bytes but the values that differ from record to record: numbers, ids, and
fields that an event does not define. Its names are in trees of their own, as runs: from the first name to the
value behind the last, so that no run begins with another. A record whose meaning depends on more than
its form and its values is not learnt: one with a reason or an error type to keep, with names in two places.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.state.compiled import inlined, part
from streams.engine.decode.scan import scan_memory as memory
from streams.engine.decode.scan.machine_words import load8, load32, load64, load_int, store8, store32, store64

NODES, TEXTS, USED, ROOM, WRITTEN, MOST_WRITTEN, FULL, READ = (8 * place for place in range(8))
"""Places in the header: nodes and texts, how many and how much room; whether it was short; records read."""
OF_RECORDS, OF_NAMES, OF_CALLS = 64, 68, 72
"""Places of the first nodes: of whole records, of the names of a path, of those of a table call."""
HEADER: Final = 10  # numbers

NODE: Final = 32
_LENGTH, WHAT, _FIRST, ARG, NEXT, _ASIDE, NUMBER = 4, 8, 9, 12, 16, 20, 24

BRANCH: Final = 100
"""Kind of the end of an edge: nodes branch off, by the next byte. All other kinds are for the callers."""
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
        The kind of the end of its edge, and its arguments.

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


(
    TS, ID, STATUS, LAYER, SKIPPED, TEXT, JOINED,
    CALL_MS, CALL_RCU, CALL_WCU, CALL_END, VALUE, NAMES, CALL, RECORD_END, RUN_END,
) = range(16)  # fmt: skip
"""Kinds of ends between the bytes of a form: values, runs of names, ends of calls, records and runs."""

KIND_BITS, PLACE_BITS = 8, 16
KIND, PLACE = (1 << KIND_BITS) - 1, (1 << PLACE_BITS) - 1
"""Of the number that a run of the names of a table call stands for: kind, place and length of its table."""

COLD: Final = 16
"""The bit of a cold start, in the argument of a form. Below it is the error class, plus one."""

_COUNT: Final = memory.NOTES
_RUN, _BEHIND_NAME = memory.NOTES + 8, memory.NOTES + 16
_FIRST_NOTE: Final = memory.NOTES + 24
_WIDTH: Final = 40  # of a note: what, arg, begin, end, and where a run ends
_NOT_LEARNT: Final = -1
_NO_RUN, _ENDED = 0, -1
_BEHIND: Final = 8  # bytes that are read behind a text
_LONGEST: Final = 4096  # bytes of a record that is learnt: one alone must not fill the memory


@inlined
def begin_notes(forms: int, work: int) -> None:
    """Begin the notes of a record."""
    store64(work + _COUNT, np.int64(0 if load_int(forms + FULL) == 0 else _NOT_LEARNT))
    store64(work + _RUN, np.int64(_NO_RUN))


@inlined
def leave(work: int) -> None:
    """Do not learn this record."""
    store64(work + _COUNT, np.int64(_NOT_LEARNT))


@part
def note(work: int, what: int, arg: int, begin: int, end: int) -> None:
    """Note a value."""
    count = load_int(work + _COUNT)
    if count < 0 or count >= memory.MOST_NOTES:
        store64(work + _COUNT, np.int64(_NOT_LEARNT))
        return
    place = work + _FIRST_NOTE + _WIDTH * count
    store64(place, np.int64(what))
    store64(place + 8, np.int64(arg))
    store64(place + 16, begin)
    store64(place + 24, end)
    store64(work + _COUNT, count + 1)


@part
def note_run(work: int, what: int, begin: int, end: int, behind: int) -> int:
    """Note a run of names, and where the value behind it begins; return the note's number, -1 for none."""
    note(work, what, np.int64(0), begin, end)
    number = load_int(work + _COUNT) - 1
    if number >= 0:
        store64(work + _FIRST_NOTE + _WIDTH * number + 32, behind)
        return number
    return np.int64(-1)


@part
def note_call(work: int, run: int, kind: int, place: int, length: int) -> None:
    """Note the kind and the table of a run of the names of a table call.

    ``run`` is the number of its note; ``place`` and ``length`` are those of the name of its table in the run.
    """
    if run < 0 or place > PLACE:
        leave(work)
    elif load_int(work + _COUNT) >= 0:
        call = kind | place << KIND_BITS | length << (KIND_BITS + PLACE_BITS)
        store64(work + _FIRST_NOTE + _WIDTH * run + 8, np.int64(call))


@part
def begin_name(work: int, key: int) -> None:
    """Begin or go on with the run of the names of a path, at a key."""
    run = load_int(work + _RUN)
    if run == _NO_RUN:
        store64(work + _RUN, key - 1)
    elif run == _ENDED:
        leave(work)


@inlined
def end_name(work: int, at: int) -> None:
    """Note that a name ends here."""
    store64(work + _BEHIND_NAME, at)


@part
def end_names(work: int, value: int) -> None:
    """End the run of the names, if there is one: a value that is no name begins here."""
    run = load_int(work + _RUN)
    if run > 0:
        note_run(work, np.int64(NAMES), run, load_int(work + _BEHIND_NAME), value)
        store64(work + _RUN, np.int64(_ENDED))


@part
def learn(forms: int, work: int, begin: int, end: int, path: int, arg: int, weight: int) -> None:
    """Learn the form of a record that was scanned.

    ``path`` is the number of its names; ``arg`` and ``weight`` are the rest of the event that its form
    determines (``RECORD_END``).
    """
    count = load_int(work + _COUNT)
    if count < 0 or end - begin > _LONGEST:
        return
    if load_int(forms + USED) + 4 * (count + 1) > load_int(forms + ROOM) or load_int(forms + WRITTEN) + 2 * (
        end - begin
    ) + _BEHIND > load_int(forms + MOST_WRITTEN):
        store64(forms + FULL, np.int64(1))
        return
    root = forms + OF_RECORDS
    at = begin
    for number in range(count):
        place = work + _FIRST_NOTE + _WIDTH * number
        what, known = load_int(place), load_int(place + 8)
        first, last, behind = load_int(place + 16), load_int(place + 24), load_int(place + 32)
        if what == NAMES or what == CALL:
            tree = forms + (OF_NAMES if what == NAMES else OF_CALLS)
            of_run = path if what == NAMES else known
            if place_at(forms, tree, first, behind, np.int64(RUN_END), behind - last, of_run) < 0:
                return
            known = np.int64(0)
        node = place_at(forms, root, at, first, what, known, np.int64(0))
        if node < 0:
            return
        root = node + NEXT
        at = last
    place_at(forms, root, at, end, np.int64(RECORD_END), arg, weight)


_FIRST_NODES: Final = 2048
MOST: Final = 32_768
"""Nodes: 1 MB, and as much for their texts."""

_TEXT: Final = 32  # bytes of a node's edge
PATIENCE: Final = 1_000_000
"""Records after which full memory is judged by how many of them had a form that it knows."""

WINDOW: Final = 8192
"""Records after which it is judged whether the search for forms pays: if half have one that is known."""
_WINDOWS: Final = 16
"""Windows without a search for forms then: a search in vain takes half as long again as a scan."""

_PLACES: Final = [OF_RECORDS // 4, FULL // 4]  # of the header, in words of four bytes


class Forms:
    """The memory of forms: grows as they are learnt, and forgets those that no longer come.

    While most records have forms that never come again, it rests.

    Parameters
    ----------
    most
        Nodes of the tree of forms, a power of two.
    patience
        Records after which full memory forgets all, if it did not know the form of half of them.
    window
        Records after which it rests, if it did not know the form of half of them.
    """

    def __init__(self, most: int = MOST, patience: int = PATIENCE, window: int = WINDOW) -> None:
        self._most = most
        self._window = window
        self._patience = patience
        self._header = np.zeros(HEADER, np.int64)
        self.address = int(self._header.ctypes.data)
        """Where compiled code reads and learns."""
        self.forget()

    def forget(self) -> None:
        """Forget all forms."""
        self._seen = 0  # records since
        self._tried = self._known = 0  # of the window: records, and what ``read`` was before
        self._paused = 0  # records that are still to be scanned without forms
        self._nodes: NDArray[Any] = np.zeros((_FIRST_NODES, NODE), np.uint8)
        self._texts: NDArray[Any] = np.zeros(_FIRST_NODES * _TEXT, np.uint8)
        self._header[:] = 0
        self._header.view(np.int32)[[OF_RECORDS // 4, OF_NAMES // 4, OF_CALLS // 4]] = -1
        self._write_header()

    @property
    def read(self) -> int:
        """Records that had a form that was known, since memory was last judged."""
        return int(self._header[READ // 8])

    @property
    def used(self) -> int:
        """Nodes in use."""
        return int(self._header[USED // 8])

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return int(self._nodes.nbytes + self._texts.nbytes)

    def tend(self, records: int) -> None:
        """Make room after so many records were scanned, if it was missing."""
        self._seen += records
        if self._paused:
            self._paused = max(0, self._paused - records)
            if self._paused:
                return
            self._header.view(np.int32)[_PLACES] = self._resting
            self._tried, self._known = 0, self.read
        elif self._rests(records):
            return
        if not self._header[FULL // 8]:
            return
        if len(self._nodes) < self._most:
            self._nodes = np.concatenate((self._nodes, np.zeros_like(self._nodes)))
            self._texts = np.concatenate((self._texts, np.zeros_like(self._texts)))
            self._header[FULL // 8] = 0
            self._write_header()
        elif self._seen > self._patience:
            if self.read < self._seen // 2:
                self.forget()
            self._seen = self._header[READ // 8] = self._tried = self._known = 0

    def _rests(self, records: int) -> bool:
        """Stop the search for forms, and learning them, if that did not pay of late."""
        self._tried += records
        if self._tried < self._window:
            return False
        pays = 2 * (self.read - self._known) >= self._tried
        self._tried, self._known = 0, self.read
        if not pays:
            self._paused = _WINDOWS * self._window
            words = self._header.view(np.int32)
            self._resting = words[_PLACES].copy()
            words[_PLACES] = -1, 1
        return not pays

    def _write_header(self) -> None:
        self._header[NODES // 8] = self._nodes.ctypes.data
        self._header[TEXTS // 8] = self._texts.ctypes.data
        self._header[ROOM // 8] = len(self._nodes)
        self._header[MOST_WRITTEN // 8] = len(self._texts) - _BEHIND
