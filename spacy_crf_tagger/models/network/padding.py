"""Cut ragged batches into windows, and pad them in buckets of similar length."""

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...crf.arrays import upload

Ints = NDArray[np.int64]
# What each time step of a bucket costs, and each bucket, in positions that could be
# computed meanwhile. Measured with oneDNN's LSTM on one core: a step takes 5 µs, and
# another 2 µs for each of its sequences.
_COST_OF_STEP = 2.5
_COST_OF_BUCKET = 50


@dataclass(frozen=True)
class Bucket:
    """Sequences that are padded and computed together. T: longest, B: sequences.

    rows (Tensor): Row of the ragged batch behind each padded position, [T, B]; a
        position past the end of a sequence repeats its last row.
    reverse (Tensor): Index of each position in the flattened [T * B] block when every
        sequence is reversed within its own length, [T * B].
    mask (Tensor): Whether a position belongs to its sequence, [T, B].
    kept (Tensor): Flat positions [T * B] whose states are the result.
    kept_rows (NDArray[int]): The row of the ragged batch of each of them.
    """

    rows: Tensor
    reverse: Tensor
    mask: Tensor
    kept: Tensor
    kept_rows: Ints


@dataclass(frozen=True)
class Windows:
    """Pieces of sequences: W windows, each with its first row, length, and the part
    of it [kept_from, kept_to) whose states are the result.
    """

    start: Ints
    length: Ints
    kept_from: Ints
    kept_to: Ints


def plan_buckets(
    lengths: Ints,
    window: int,
    overlap: int,
    max_tokens: int,
    device: torch.device,
) -> List[Bucket]:
    """Lay out a ragged batch for a padded network. Every token is in the kept part of
    exactly one window, so that time and memory grow linearly with the text.

    lengths (NDArray[int]): Tokens of each sequence, [B]; zero is allowed.
    window (int): Most tokens that are seen together.
    overlap (int): Tokens of context at both sides of the kept part of a window.
    max_tokens (int): Most padded positions of a bucket (one window always fits).
    device (torch.device): Where the indices are needed.
    RETURNS (List[Bucket]): The buckets.
    """
    windows = split_windows(lengths, window, overlap)
    order = np.argsort(-windows.length, kind="stable")
    return [
        _make_bucket(windows, order[first:last], device)
        for first, last in _bucket_bounds(windows.length[order], max_tokens)
    ]


def split_windows(lengths: Ints, window: int, overlap: int) -> Windows:
    """Cut sequences that are longer than a window into overlapping windows.

    lengths (NDArray[int]): Tokens of each sequence, [B].
    window (int): Most tokens of a window.
    overlap (int): Tokens at each inner end of a window that are context only.
    RETURNS (Windows): The windows, in the order of the text.
    """
    step = window - 2 * overlap
    beyond = np.maximum(lengths - window, 0)
    n_windows = np.where(lengths > 0, 1 + -(-beyond // step), 0)
    sequence = np.repeat(np.arange(len(lengths)), n_windows)
    first_window = np.cumsum(n_windows) - n_windows
    number = np.arange(len(sequence)) - first_window[sequence]
    begin = number * step
    length = np.minimum(window, lengths[sequence] - begin)
    is_last = number == n_windows[sequence] - 1
    kept_from = np.where(number == 0, 0, overlap)
    kept_to = np.where(is_last, length, window - overlap)
    offsets = np.cumsum(lengths) - lengths
    return Windows(offsets[sequence] + begin, length, kept_from, kept_to)


def _bucket_bounds(falling: Ints, max_tokens: int) -> List[Tuple[int, int]]:
    """Group sequences of falling length such that least work is done, of all ways to
    do it.

    falling (NDArray[int]): Length of each sequence, [B].
    max_tokens (int): Most padded positions of a bucket of several sequences.
    RETURNS (List[Tuple[int, int]]): The first sequence of each bucket, and the one
        after its last.
    """
    _, counts = np.unique(-falling, return_counts=True)
    limits = np.concatenate([[0], np.cumsum(counts)])  # where each length begins
    cost = np.zeros(len(limits))  # of the best way to group what follows
    until = np.zeros(len(limits), dtype=np.int64)
    for number in range(len(counts) - 1, -1, -1):
        longest = int(falling[limits[number]])
        sizes = limits[number + 1 :] - limits[number]
        n_buckets = -(-sizes // max(1, max_tokens // longest))
        overhead = n_buckets * (_COST_OF_STEP * longest + _COST_OF_BUCKET)
        costs = longest * sizes + overhead + cost[number + 1 :]
        best = int(costs.argmin())
        cost[number], until[number] = costs[best], number + 1 + best
    bounds = []
    number = 0
    while number < len(counts):
        end = int(limits[until[number]])
        largest = max(1, max_tokens // int(falling[limits[number]]))
        for first in range(int(limits[number]), end, largest):
            bounds.append((first, min(first + largest, end)))
        number = int(until[number])
    return bounds


def _make_bucket(windows: Windows, members: Ints, device: torch.device) -> Bucket:
    length = windows.length[members]  # [B]
    longest, size = int(length[0]), len(members)
    time = np.arange(longest)[:, None]  # [T, 1]
    inside = time < length  # [T, B]
    rows = windows.start[members] + np.minimum(time, length - 1)  # [T, B]
    reversed_time = np.where(inside, length - 1 - time, time)
    reverse = reversed_time * size + np.arange(size)
    kept_mask = (time >= windows.kept_from[members]) & (time < windows.kept_to[members])
    return Bucket(
        upload(rows, device),
        upload(reverse.reshape(-1), device),
        upload(inside, device),
        upload(np.flatnonzero(kept_mask), device),
        rows[kept_mask],
    )
