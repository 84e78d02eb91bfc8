"""Ids that are stored: what they cost, whatever a sender makes of them."""

import time

import numpy as np

from detectors.model.array_types import Words
from streams.engine.rollup.duplicates import Duplicates

N = 30_000


def _seconds(keys: Words) -> float:
    duplicates = Duplicates()
    begun = time.process_time()
    assert duplicates.first_seen(keys, np.full(N, 10), np.zeros(N, np.int64)).all()
    assert not duplicates.first_seen(keys[:9], np.full(9, 10), np.zeros(9, np.int64)).any()
    return time.process_time() - begun


def test_ids_whose_hashes_end_alike_take_no_longer_than_others() -> None:
    others = np.random.default_rng(1).integers(1, 1 << 63, N).astype(np.uint64)
    alike = np.arange(1, N + 1, dtype=np.uint64) << np.uint64(40)
    _seconds(others)  # compiles
    assert _seconds(alike) < 10 * _seconds(others) + 0.05
