"""Laws of merging: exact in any order and grouping; and the error bound of quantiles."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import reduce
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.latency.histogram import LARGEST_MS, N_BINS, RELATIVE_ERROR, SMALLEST_MS, bins_of, quantile
from detectors.model.array_types import Floats, Ints
from streams.engine.decode.columns import QUANTUM
from streams.engine.decode.event import LARGEST
from streams.engine.decode.paths import OTHER
from streams.engine.decode.values import parts_of
from streams.engine.rollup.blocks.bucket import Bucket
from streams.engine.rollup.blocks.counts import (
    MAX_TAGS,
    ROOM,
    Histograms,
    Sums,
    Tags,
    count_tag,
    group,
)
from tests.laws.events import steady

numbers = st.integers(0, 2**16)

cells = st.dictionaries(st.integers(0, 40), st.integers(1, 2**20), max_size=6)
rows = st.dictionaries(st.integers(0, 9), st.integers(0, 2**40), max_size=4)  # of QUANTUM: up to 2**20 units
tags = st.dictionaries(
    st.tuples(st.integers(0, 3), st.sampled_from(["throttle", "error_type"]), st.sampled_from("abc")),
    st.integers(1, 9),
    max_size=4,
)
amounts = st.dictionaries(st.integers(0, 5), st.floats(-1e9, 1e9), max_size=3)


@st.composite
def buckets(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Bucket:
    """Draw a bucket as records leave it: amounts are whole multiples of the quantum."""
    found = Bucket(records=draw(st.integers(0, 99)))
    for counts in (found.paths, found.calls):
        add_sums(counts.sums, draw(rows))
        add_cells(counts.latency, draw(cells))
        counts.tags.update({tag: float(count) for tag, count in draw(tags).items()})
    values = draw(amounts)
    if values:
        found.values.add(np.array(list(values), np.int64), parts_of(np.array(list(values.values()))))
    return found


def add_sums(sums: Sums, drawn: dict[int, int]) -> None:
    width = Sums()._columns
    if drawn:
        whole = np.array([[number >> (shift % 9) for shift in range(width)] for number in drawn.values()])
        sums.add(np.array(list(drawn), np.int64), whole * QUANTUM)


def add_cells(histograms: Histograms, drawn: dict[int, int]) -> None:
    if drawn:
        histograms.add(np.array(list(drawn), np.int64), np.array(list(drawn.values()), np.float64))


def merged(one: Bucket, other: Bucket) -> Bucket:
    """Return the sum of both, as an open step merges blocks; neither is changed."""
    found = Bucket(one.records + other.records)
    for bucket in (one, other):
        for mine, its in ((found.paths, bucket.paths), (found.calls, bucket.calls)):
            mine.sums.add(*deepcopy(its.sums.merged()))
            mine.latency.add(*deepcopy(its.latency.merged()))
            for tag, count in its.tags.items():
                mine.tags[tag] = mine.tags.get(tag, 0.0) + count
        found.values.add(*deepcopy(bucket.values.merged()))
    return found


def seen(bucket: Bucket) -> list[object]:
    """Return the content of a bucket in order of ids."""
    found: list[object] = [bucket.records]
    for counts in (bucket.paths, bucket.calls):
        for ids, numbers in (counts.sums.merged(), counts.latency.merged()):
            order = np.argsort(ids)
            found += [ids[order].tolist(), numbers[order].tolist()]
        found.append(sorted(counts.tags.items()))
    ids, values = bucket.values.merged()
    return [*found, ids[np.argsort(ids)].tolist(), values[np.argsort(ids)].tolist()]


@settings(steady)
@given(buckets(), buckets(), buckets())
def test_merging_is_associative_and_commutative_to_the_last_bit(a: Bucket, b: Bucket, c: Bucket) -> None:
    assert seen(merged(a, b)) == seen(merged(b, a))
    assert seen(merged(merged(a, b), c)) == seen(merged(a, merged(b, c)))
    assert seen(merged(a, Bucket())) == seen(merged(Bucket(), a)) == seen(a)


@settings(steady, max_examples=30)
@given(st.lists(buckets(), min_size=1, max_size=6), numbers)
def test_a_bucket_that_was_packed_merges_as_the_one_it_was(parts: list[Bucket], seed: int) -> None:
    whole = reduce(merged, parts)
    Random(seed).shuffle(parts)  # noqa: S311
    again = reduce(merged, [Bucket.unpack(part.pack()) for part in parts])
    assert seen(Bucket.unpack(again.pack())) == seen(whole)


@settings(steady, max_examples=20)
@given(st.integers(1, 40), st.integers(1, 400), numbers)
@example(pieces=3, width=ROOM, seed=1)
def test_pieces_give_the_same_sums_whenever_they_are_merged(pieces: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sums, lazy = Sums(1), list[tuple[Ints, Floats]]()
    histograms = Histograms()
    for _ in range(pieces):
        ids = np.sort(rng.choice(2 * width, width, replace=False))
        values = rng.integers(0, 2**30, (width, 1)).astype(np.float64) * QUANTUM
        sums.add(ids, values)
        histograms.add(ids, values[:, 0])
        lazy.append((ids, values))
        if rng.random() < 0.3:
            sums.merged()
    ids, place = group(np.concatenate([ids_of for ids_of, _ in lazy]), 2 * width)
    expected = np.zeros((len(ids), 1))
    np.add.at(expected, place, np.concatenate([values for _, values in lazy]))
    for found in (sums.merged(), histograms.merged()):
        assert np.array_equal(found[0], ids)
        assert np.array_equal(found[1].ravel(), expected.ravel())


def in_any_order(amounts: Sequence[float], seed: int) -> set[float]:
    amounts, totals = list(amounts), set[float]()
    for turn in range(5):
        Random(seed + turn).shuffle(amounts)  # noqa: S311
        totals.add(reduce(lambda total, one: total + one, amounts, 0.0))
    return totals


def test_the_limit_sums_of_amounts_are_exact_up_to_eight_thousand_million_units() -> None:
    third = round(LARGEST / 3 / QUANTUM) * QUANTUM
    few, many = [third, QUANTUM, 1 / 2] * 8, [third, QUANTUM, 1 / 2] * 80
    assert sum(few) < 2**33 < sum(many)
    assert len(in_any_order(few, 3)) == 1
    assert len(in_any_order(many, 3)) > 1


def counted_tags(texts: Sequence[str]) -> Tags:
    found: Tags = {}
    for text in texts:
        count_tag(found, 0, "throttle", text)
    return found


def test_the_limit_which_of_too_many_tags_keep_their_names_depends_on_their_order() -> None:
    texts = [f"reason {number}" for number in range(MAX_TAGS + 50)]
    one, other = counted_tags(texts), counted_tags(texts[::-1])
    assert one.keys() != other.keys()
    assert sum(one.values()) == sum(other.values()) == len(texts)
    assert one[0, "throttle", OTHER] == other[0, "throttle", OTHER] == 50
    assert len(one) == len(other) == MAX_TAGS + 1


measured = st.lists(
    st.one_of(
        st.floats(SMALLEST_MS, LARGEST_MS), st.sampled_from([SMALLEST_MS, 1.0, 7.5, 1000.0, LARGEST_MS])
    ),
    min_size=1,
    max_size=60,
)


@settings(steady)
@given(st.lists(measured, min_size=1, max_size=4), st.sampled_from([0, 0.01, 0.5, 0.9, 0.95, 0.99, 1]))
def test_a_quantile_of_merged_sketches_is_within_the_stated_error_of_the_exact_one(
    parts: list[list[float]], q: float
) -> None:
    histogram = np.zeros(N_BINS)
    for part in parts:
        histogram += np.bincount(bins_of(part), minlength=N_BINS)
    exact = np.quantile(np.concatenate(parts), q, method="lower")
    assert float(quantile(histogram, q)) == pytest.approx(exact, rel=RELATIVE_ERROR * (1 + 1e-9))


@pytest.mark.parametrize("spread", [0.01, 0.5, 2.0])
def test_the_error_holds_for_many_measurements_of_any_spread(spread: float) -> None:
    ms = np.clip(np.random.default_rng(7).lognormal(4, spread, 100_000), SMALLEST_MS, LARGEST_MS)
    histogram = np.bincount(bins_of(ms), minlength=N_BINS)
    for q in np.linspace(0, 1, 101):
        exact = np.quantile(ms, q, method="lower")
        assert float(quantile(histogram, float(q))) == pytest.approx(exact, rel=RELATIVE_ERROR * (1 + 1e-9))
