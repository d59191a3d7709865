"""Cut ragged batches into pieces that are computed without padding."""

from dataclasses import dataclass
from typing import Iterator

import numpy as np
from numpy.typing import NDArray

from .padding import split_windows

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """Windows that are computed together, one behind another.

    tokens (NDArray[int]): The token of the batch at each position, [M].
    lengths (NDArray[int]): Positions of each window, falling, [W].
    kept (NDArray[bool]): Whether the state at a position is the result for its token,
        [M].
    """

    tokens: Ints
    lengths: Ints
    kept: NDArray[np.bool_]


def cut_pieces(
    lengths: Ints, window: int, overlap: int, max_tokens: int
) -> Iterator[Piece]:
    """Cut a ragged batch into pieces of limited size. Every token is kept at exactly
    one position, so that time and memory grow linearly with the text.

    lengths (NDArray[int]): Tokens of each sequence, [B]; zero is allowed.
    window (int): Most tokens that are seen together.
    overlap (int): Tokens of context at both sides of the kept part of a window.
    max_tokens (int): Most positions of a piece (one window always fits).
    YIELDS (Piece): The pieces; windows of similar length are in the same one.
    """
    windows = split_windows(lengths, window, overlap)
    order = np.argsort(-windows.length, kind="stable")
    falling = windows.length[order]
    ends = np.cumsum(falling)
    first = 0
    while first < len(order):
        limit = ends[first] - falling[first] + max_tokens
        last = max(int(np.searchsorted(ends, limit, side="right")), first + 1)
        members, own = order[first:last], falling[first:last]
        starts = np.cumsum(own) - own
        time = np.arange(own.sum()) - np.repeat(starts, own)
        kept_from = np.repeat(windows.kept_from[members], own)
        kept_to = np.repeat(windows.kept_to[members], own)
        yield Piece(
            np.repeat(windows.start[members], own) + time,
            own,
            (time >= kept_from) & (time < kept_to),
        )
        first = last
