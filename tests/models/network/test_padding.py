"""Windows and buckets: every token is computed once, with its context."""

from itertools import combinations, pairwise
from typing import Iterator, List, Tuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.models.network.padding import (
    _COST_OF_BUCKET,
    _COST_OF_STEP,
    Bucket,
    Ints,
    Windows,
    plan_buckets,
    split_windows,
)

every_batch = settings(max_examples=60, deadline=None, derandomize=True)
CPU = torch.device("cpu")


@st.composite
def batches(draw: st.DrawFn) -> Tuple[Ints, int, int]:
    """Lengths, window and overlap."""
    overlap = draw(st.integers(0, 8))
    window = 2 * overlap + draw(st.integers(1, 30))
    around_limits = st.sampled_from([window - 1, window, window + 1, 2 * window])
    length = st.one_of(st.integers(0, 150), around_limits)
    lengths = draw(st.lists(length, max_size=8))
    return np.array(lengths, dtype=np.int64), window, overlap


def windows_of_sequences(windows: Windows, lengths: Ints) -> List[List[int]]:
    """Numbers of the windows that begin in each sequence."""
    ends = np.cumsum(lengths)
    return [
        np.flatnonzero((end - length <= windows.start) & (windows.start < end)).tolist()
        for end, length in zip(ends, lengths, strict=True)
    ]


@every_batch
@given(batch=batches())
def test_windows_keep_every_token_once(batch: Tuple[Ints, int, int]) -> None:
    lengths, window, overlap = batch
    windows = split_windows(lengths, window, overlap)
    kept = [
        np.arange(start + kept_from, start + kept_to)
        for start, kept_from, kept_to in zip(
            windows.start, windows.kept_from, windows.kept_to, strict=True
        )
    ]
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *kept])
    np.testing.assert_array_equal(rows, np.arange(lengths.sum()))


@every_batch
@given(batch=batches())
def test_windows_see_enough_and_not_too_much(batch: Tuple[Ints, int, int]) -> None:
    lengths, window, overlap = batch
    windows = split_windows(lengths, window, overlap)
    ends = np.cumsum(lengths)
    assert (windows.length <= window).all()
    assert (windows.kept_from < windows.kept_to).all()
    for members, length, end in zip(
        windows_of_sequences(windows, lengths), lengths, ends, strict=True
    ):
        if length <= window:
            assert len(members) == (length > 0)
        assert len(members) <= 1 + np.ceil(length / (window - 2 * overlap))
        for w in members:
            begin = windows.start[w]
            stop = begin + windows.length[w]
            assert stop <= end
            context_before = windows.kept_from[w]
            context_after = windows.length[w] - windows.kept_to[w]
            assert context_before >= (overlap if begin > end - length else 0)
            assert context_after >= (overlap if stop < end else 0)


@pytest.mark.parametrize("n_tokens", [1_000, 10_000, 100_000])
def test_windows_of_a_long_text_are_linear_in_it(n_tokens: int) -> None:
    windows = split_windows(np.array([n_tokens]), window=128, overlap=32)
    assert windows.length.sum() <= 2 * n_tokens + 128


@every_batch
@given(batch=batches(), max_tokens=st.sampled_from([1, 40, 200, 16384]))
def test_buckets_hold_every_token_once(
    batch: Tuple[Ints, int, int], max_tokens: int
) -> None:
    lengths, window, overlap = batch
    buckets = plan_buckets(lengths, window, overlap, max_tokens, CPU)
    kept_rows = [bucket.kept_rows for bucket in buckets]
    rows = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *kept_rows]))
    np.testing.assert_array_equal(rows, np.arange(lengths.sum()))
    for bucket in buckets:
        np.testing.assert_array_equal(
            bucket.rows.flatten()[bucket.kept].numpy(), bucket.kept_rows
        )
        assert bucket.mask.flatten()[bucket.kept].all()


@every_batch
@given(batch=batches(), max_tokens=st.sampled_from([1, 40, 200, 16384]))
def test_buckets_are_no_larger_than_need_be(
    batch: Tuple[Ints, int, int], max_tokens: int
) -> None:
    for bucket in plan_buckets(*batch, max_tokens, CPU):
        longest, size = bucket.rows.shape
        assert size == 1 or longest * size <= max_tokens
        padding = (~bucket.mask).sum(dim=0)
        assert int(padding.min()) == 0


@every_batch
@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=9))
def test_no_other_buckets_are_less_work(lengths: List[int]) -> None:
    buckets = plan_buckets(np.array(lengths), 100, 10, 16384, CPU)
    found = sum(work(*bucket.rows.shape) for bucket in buckets)
    falling = sorted(lengths, reverse=True)
    others = [
        sum(work(falling[first], last - first) for first, last in pairwise(limits))
        for limits in compositions(len(falling))
    ]
    assert found == pytest.approx(min(others))


def work(longest: int, size: int) -> float:
    return longest * (size + _COST_OF_STEP) + _COST_OF_BUCKET


def compositions(total: int) -> Iterator[List[int]]:
    """Every way to divide a list, as the limits of its parts."""
    inner = range(1, total)
    for number in range(total):
        for limits in combinations(inner, number):
            yield [0, *limits, total]


def test_work_is_bounded_by_that_of_the_text() -> None:
    lengths = np.arange(1, 400)
    shapes = [b.rows.shape for b in plan_buckets(lengths, 512, 64, 16384, CPU)]
    assert sum(longest * size for longest, size in shapes) < 1.2 * lengths.sum()


def test_sequences_of_one_length_share_a_bucket() -> None:
    buckets = plan_buckets(np.full(50, 20), 100, 10, max_tokens=1000, device=CPU)
    assert [tuple(bucket.rows.shape) for bucket in buckets] == [(20, 50)]


@every_batch
@given(batch=batches())
def test_buckets_reverse_each_sequence_within_its_length(
    batch: Tuple[Ints, int, int],
) -> None:
    for bucket in plan_buckets(*batch, 200, CPU):
        assert_reverses(bucket)


def assert_reverses(bucket: Bucket) -> None:
    rows = bucket.rows
    reversed_rows = rows.flatten()[bucket.reverse].view_as(rows)
    for n, length in enumerate(bucket.mask.sum(dim=0).tolist()):
        assert bucket.mask[:length, n].all()
        first = int(rows[0, n])
        assert rows[:length, n].tolist() == list(range(first, first + length))
        backwards = rows[:length, n].flip(0)
        assert reversed_rows[:length, n].tolist() == backwards.tolist()
    there_and_back = bucket.reverse[bucket.reverse]
    assert there_and_back.tolist() == list(range(rows.numel()))
