"""Event ids as 64 bit numbers, by which duplicates are recognised."""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.model.array_types import Ints, Words

SHORT: Final = 64
"""ASCII ids up to this length are hashed in bulk; others one by one."""

_WORDS: Final = SHORT // 8
ODD: Final = np.array(
    [
        int.from_bytes(hashlib.blake2b(bytes([word]), digest_size=8).digest(), "little") | 1
        for word in range(_WORDS + 1)
    ],
    np.uint64,
)


def hashes_of(ids: Sequence[str | None]) -> Words:
    """Return the hash of each id as it was sent, 0 for none or an empty one.

    The hash of an id is the same in every process. Two ids collide with probability 2**-64, so some pair
    among n ids does with n**2 / 2**65: 3e-8 for a million ids within the lateness. The hash does not protect
    against senders who make their own events collide.

    Examples
    --------
    >>> one, again, none = hashes_of(["Kz1f", "Kz1f", None]).tolist()
    >>> one == again != 0 == none
    True
    """
    lengths = np.fromiter((len(text) if text else 0 for text in ids), np.int64, len(ids))
    try:
        # Longer text is cut here and hashed again below.
        text = np.array(ids if all(ids) else [name or "" for name in ids], f"S{SHORT}")
    except UnicodeEncodeError:
        text = np.array([name if name and name.isascii() else "" for name in ids], f"S{SHORT}")
        odd = {row for row, name in enumerate(ids) if name and not name.isascii()}
    else:
        odd = set()
    words = text.view(np.uint64).reshape(len(ids), _WORDS)
    used = min(_WORDS, -(-int(lengths.max(initial=0)) // 8))
    found = lengths.astype(np.uint64) * ODD[_WORDS]
    for word in range(
        used
    ):  # a word of zeros adds nothing, so the result does not depend on neighbouring ids
        found += mixed(words[:, word] * ODD[word])
    found = mixed(found)
    odd |= set(np.flatnonzero(lengths > SHORT).tolist())
    for row in odd:
        digest = hashlib.blake2b((ids[row] or "").encode(), digest_size=8).digest()
        found[row] = int.from_bytes(digest, "little")
    found[found == 0] = 1
    found[lengths == 0] = 0
    return found


JOINS: Final = 2
"""Keys of a record that other sources of its request have too."""


def joins_of(keys: Sequence[str | None]) -> Words:
    """Return (n, JOINS) the hash of each key in n texts, which a space separates; 0 where there is none.

    Examples
    --------
    >>> both, second, none = joins_of(["4bf9 Kz1f", " Kz1f", None]).tolist()
    >>> both[1] == second[0] != 0 == second[1] == none[0]
    True
    """
    pairs = [key.strip().partition(" ") if key else ("", "", "") for key in keys]
    return hashes_of([key for first, _, second in pairs for key in (first, second.strip())]).reshape(
        -1, JOINS
    )


def owned(keys: Words, owners: Ints) -> Words:
    """Return hashed ids that differ where their owners differ; 0, for none, stays 0."""
    return np.where(keys == 0, keys, mixed(keys + owners.astype(np.uint64) * ODD[0]))


def mixed(x: Words) -> Words:
    """Mix all bits (the finaliser of MurmurHash3, public domain); 0 stays 0."""
    x = x ^ (x >> np.uint64(33))
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xC4CEB9FE1A85EC53)
    x ^= x >> np.uint64(33)
    return x
