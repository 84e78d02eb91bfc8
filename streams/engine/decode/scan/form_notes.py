"""Notes where the values of a record lie while it is scanned, and learns its form from them. Compiled.

The form of a record is all of its bytes but the values that differ from record to record: numbers, ids, and
what an event does not define. Its names are in trees of their own, as runs: what stands from the first name
to the value behind the last, so that no run begins with another. A record whose meaning depends on more than
its form and its values is not learnt: one with a reason or an error type to keep, with names in two places.
"""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part
from streams.engine.decode.scan import scan_memory as memory
from streams.engine.decode.scan.form_tree import (
    FULL,
    MOST_WRITTEN,
    NEXT,
    OF_CALLS,
    OF_NAMES,
    OF_RECORDS,
    ROOM,
    USED,
    WRITTEN,
    place_at,
)
from streams.engine.decode.scan.machine_words import load_int, store64

(
    TS, ID, STATUS, LAYER, SKIPPED, TEXT, JOINED,
    CALL_MS, CALL_RCU, CALL_WCU, CALL_END, VALUE, NAMES, CALL, RECORD_END, RUN_END,
) = range(16)  # fmt: skip
"""What stands between the bytes of a form: values, runs of names, and the ends of calls, records and runs."""

KIND_BITS, PLACE_BITS = 8, 16
KIND, PLACE = (1 << KIND_BITS) - 1, (1 << PLACE_BITS) - 1
"""Of the number that a run of the names of a table call stands for: kind, place and length of its table."""

COLD: Final = 16
"""Of what the form of a record says: that it was a cold start. Below it is the error class, plus one."""

_COUNT: Final = memory.NOTES
_RUN, _BEHIND_NAME = memory.NOTES + 8, memory.NOTES + 16
_FIRST: Final = memory.NOTES + 24
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
    """Say that the record is not to be learnt."""
    store64(work + _COUNT, np.int64(_NOT_LEARNT))


@part
def note(work: int, what: int, arg: int, begin: int, end: int) -> None:
    """Note a value."""
    count = load_int(work + _COUNT)
    if count < 0 or count >= memory.MOST_NOTES:
        store64(work + _COUNT, np.int64(_NOT_LEARNT))
        return
    place = work + _FIRST + _WIDTH * count
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
        store64(work + _FIRST + _WIDTH * number + 32, behind)
        return number
    return np.int64(-1)


@part
def say_call(work: int, run: int, kind: int, place: int, length: int) -> None:
    """Say what the run of the names of a table call stands for.

    Parameters
    ----------
    run
        The number of its note.
    kind
        Of its operation.
    place, length
        Where in the run the name of its table lies.
    """
    if run < 0 or place > PLACE:
        leave(work)
    elif load_int(work + _COUNT) >= 0:
        said = kind | place << KIND_BITS | length << (KIND_BITS + PLACE_BITS)
        store64(work + _FIRST + _WIDTH * run + 8, np.int64(said))


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
    """Say that a name ends here."""
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

    Parameters
    ----------
    path
        The number of its names.
    arg, weight
        What its form says of the event beside that (``RECORD_END``).
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
        place = work + _FIRST + _WIDTH * number
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
