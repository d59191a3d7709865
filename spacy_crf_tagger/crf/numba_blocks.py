"""The passes over blocks of eight sequences, in probability space, that the kernels of
`numba_marginals` consist of.

Each step divides by the sum of the forward scores before it (Rabiner 1989, section
V.A), so that it is a product of a vector and a matrix, of which only the tiles that the
tag scheme allows are computed. A sequence whose scores lie too far apart for that is
reported.

The forward pass keeps one vector for each segment of tokens; the backward pass computes
the others of a segment again (Chen et al. 2016, "Training deep nets with sublinear
memory cost"). A sequence of a single segment is not computed twice.

A vector over tags has K + 1 entries, the last of which is the empty column of `Tiles`,
and each entry has a number for each lane. Where a batch has less than eight sequences
left, the first of them is computed several times.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import borrowing_kernel
from .lanes import (
    LANES,
    add,
    divide,
    exp,
    exponent,
    fill,
    fill_from,
    larger,
    load,
    mantissa,
    multiply,
    multiply_add,
    read,
    replace,
    smaller,
    store,
    subtract,
    zero_with,
)
from .tiles import TILE_WIDTH

# Scores of a token (or of the transitions) that lie further apart than this many nats
# are left to log space, and so is a sequence in which a state falls below TINY of
# the total. TINY * exp(-2 * RANGE) is still a normal double, so what is not sent
# to log space never underflows.
RANGE = 100.0
TINY = 1e-200
_LN_2 = 0.6931471805599453
# A segment's vectors should stay in a processor's second cache.
_SEGMENT_STATES = 4096
_SHORTEST_SEGMENT, _LONGEST_SEGMENT = 8, 128

Floats = NDArray[np.float64]

# Vectors of a block's `state`, by the place of their first number.
_TOPS = 0  # sum of the largest scores of all tokens
_MANTISSA, _EXPONENT = LANES, 2 * LANES  # of the product of all scales
_LOWEST = 3 * LANES  # least score of a token, relative to its largest
_FAINTEST = 4 * LANES  # least share of a state that is not impossible
_CLOSING = 5 * LANES  # share of the paths' weight that the end scores leave
_SCALE = 6 * LANES  # sum of the forward scores of the last token
_INSIDE = 7 * LANES  # 0 in the lanes whose sequence has the token at hand, else -inf
_END = 8 * LANES  # 1 / closing in the lanes whose last token is at hand, else 0
_STATE_SIZE = 9 * LANES


class Block(NamedTuple):
    """Eight sequences and the memory that their recursions need.

    rows (NDArray[int]): Row of the emissions of each sequence's first token, [8].
    lengths (NDArray[int]): Tokens of each sequence, [8].
    segment (int): Tokens of a segment.
    alpha (NDArray[float]): Forward vectors of the token before the segment and of the
        segment's tokens, [(segment + 1) * (K + 1) * 8].
    ahead (NDArray[float]): exp(emissions) of the segment's tokens, divided by the scale
        of the token before; after the backward pass these times the backward vector.
        Last comes that of the token after the segment. [(segment + 1) * (K + 1) * 8]
    tags (NDArray[float]): Probabilities of the tags of the token at hand,
        [(K + 1) * 8].
    checkpoints (NDArray[float]): The forward vector before each segment, and its scale,
        [segments * (K + 2) * 8].
    state (NDArray[float]): What is known of each sequence; see `_TOPS` and so on.
    """

    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]
    segment: int
    alpha: Floats
    ahead: Floats
    tags: Floats
    checkpoints: Floats
    state: Floats


def make_block(longest: int, n_tags: int) -> Block:
    """Allocate a block.

    longest (int): Tokens of the longest sequence.
    n_tags (int): Number of tags, K.
    RETURNS (Block): The block.
    """
    segment = min(segment_length(n_tags), longest)
    vector = (n_tags + 1) * LANES
    n_segments = -(-longest // max(segment, 1))
    return Block(
        np.zeros(LANES, dtype=np.int64),
        np.zeros(LANES, dtype=np.int64),
        segment,
        np.zeros((segment + 1) * vector),
        np.zeros((segment + 1) * vector),
        np.zeros(vector),
        np.zeros(n_segments * (vector + LANES)),
        np.zeros(_STATE_SIZE),
    )


def segment_length(n_tags: int) -> int:
    """RETURNS (int): The number of tokens of a segment."""
    length = _SEGMENT_STATES // (n_tags + 1)
    return min(max(length, _SHORTEST_SEGMENT), _LONGEST_SEGMENT)


@borrowing_kernel
def copy(source, first, target, to, size):  # type: ignore[no-untyped-def]
    """Copy numbers of one array to another, or to where they do not overlap."""
    for n in range(0, size, LANES):
        store(target, to + n, load(source, first + n))


@borrowing_kernel
def choose_sequences(rows, lengths, order, first, offsets):  # type: ignore[no-untyped-def]
    """Put the next eight sequences of an order into a block, and return how many there
    are. The first fills the lanes that are left.
    """
    n = min(LANES, order.shape[0] - first)
    for lane in range(LANES):
        b = order[first + lane] if lane < n else order[first]
        rows[lane] = offsets[b]
        lengths[lane] = offsets[b + 1] - offsets[b]
    return n


@borrowing_kernel
def read_scores(emissions, rows, lengths, t, out, base):  # type: ignore[no-untyped-def]
    """Write the scores of token t of each sequence, or of its last one."""
    # One by one: only so do they stay in registers.
    row_0, row_1 = _row(rows, lengths, 0, t), _row(rows, lengths, 1, t)
    row_2, row_3 = _row(rows, lengths, 2, t), _row(rows, lengths, 3, t)
    row_4, row_5 = _row(rows, lengths, 4, t), _row(rows, lengths, 5, t)
    row_6, row_7 = _row(rows, lengths, 6, t), _row(rows, lengths, 7, t)
    for k in range(emissions.shape[1]):
        place = base + k * LANES
        out[place] = emissions[row_0, k]
        out[place + 1] = emissions[row_1, k]
        out[place + 2] = emissions[row_2, k]
        out[place + 3] = emissions[row_3, k]
        out[place + 4] = emissions[row_4, k]
        out[place + 5] = emissions[row_5, k]
        out[place + 6] = emissions[row_6, k]
        out[place + 7] = emissions[row_7, k]


@borrowing_kernel
def write_rows(block, t, vectors, out):  # type: ignore[no-untyped-def]
    """Write a vector's numbers to the rows of token t of each sequence, or of its last
    one. From the last token to the first, each row gets its own numbers last.
    """
    rows, lengths = block.rows, block.lengths
    row_0, row_1 = _row(rows, lengths, 0, t), _row(rows, lengths, 1, t)
    row_2, row_3 = _row(rows, lengths, 2, t), _row(rows, lengths, 3, t)
    row_4, row_5 = _row(rows, lengths, 4, t), _row(rows, lengths, 5, t)
    row_6, row_7 = _row(rows, lengths, 6, t), _row(rows, lengths, 7, t)
    for k in range(out.shape[1]):
        place = k * LANES
        out[row_0, k] = vectors[place]
        out[row_1, k] = vectors[place + 1]
        out[row_2, k] = vectors[place + 2]
        out[row_3, k] = vectors[place + 3]
        out[row_4, k] = vectors[place + 4]
        out[row_5, k] = vectors[place + 5]
        out[row_6, k] = vectors[place + 6]
        out[row_7, k] = vectors[place + 7]


@borrowing_kernel
def _row(rows, lengths, lane, t):  # type: ignore[no-untyped-def]
    return rows[lane] + min(t, lengths[lane] - 1)


@borrowing_kernel
def forward(emissions, block, model):  # type: ignore[no-untyped-def]
    """Run the forward recursion over a block. Afterwards `alpha` and `ahead` belong to
    the last segment.
    """
    vector = (emissions.shape[1] + 1) * LANES
    state = block.state
    state[:] = 0.0
    state[_MANTISSA : _MANTISSA + LANES] = 1.0
    state[_FAINTEST : _FAINTEST + LANES] = 1.0
    state[_SCALE : _SCALE + LANES] = 1.0
    block.alpha[:vector] = 0.0
    longest = longest_of(block)
    for first in range(0, longest, block.segment):
        if first > 0:
            copy(block.alpha, block.segment * vector, block.alpha, 0, vector)
        at = first // block.segment * (vector + LANES)
        copy(block.alpha, 0, block.checkpoints, at, vector)
        store(block.checkpoints, at + vector, load(state, _SCALE))
        n = min(block.segment, longest - first)
        _forward_segment(emissions, block, first, n, model)


@borrowing_kernel
def longest_of(block):  # type: ignore[no-untyped-def]
    """Return the length of a block's longest sequence."""
    longest = 0
    for lane in range(LANES):
        longest = max(longest, block.lengths[lane])
    return longest


@borrowing_kernel
def is_trusted(block, lane):  # type: ignore[no-untyped-def]
    """Return whether the scores of a sequence did not lie too far apart."""
    low, faint = block.state[_LOWEST + lane], block.state[_FAINTEST + lane]
    return low >= -RANGE and faint >= TINY  # neither if it is NaN


@borrowing_kernel
def rewind(emissions, block, first, model):  # type: ignore[no-untyped-def]
    """Go back to the segment before: keep what the backward recursion has found out
    about the token after it, and compute its forward vectors again.
    """
    vector = (emissions.shape[1] + 1) * LANES
    copy(block.ahead, 0, block.ahead, block.segment * vector, vector)
    at = first // block.segment * (vector + LANES)
    copy(block.checkpoints, at, block.alpha, 0, vector)
    store(block.state, _SCALE, load(block.checkpoints, at + vector))
    _forward_segment(emissions, block, first, block.segment, model)


@borrowing_kernel
def _forward_segment(emissions, block, first, n, model):  # type: ignore[no-untyped-def]
    """Compute the forward vectors of n tokens from the one before them."""
    n_tags = emissions.shape[1]
    vector = (n_tags + 1) * LANES
    alpha, ahead, state = block.alpha, block.ahead, block.state
    for u in range(n):
        t, base = first + u, u * vector
        read_scores(emissions, block.rows, block.lengths, t, ahead, base)
        scale_before = load(state, _SCALE)
        _exp_scores(block, t, base, divide(fill(1.0), scale_before))
        product = multiply(load(state, _MANTISSA), scale_before)
        store(state, _MANTISSA, mantissa(product))
        store(state, _EXPONENT, add(load(state, _EXPONENT), exponent(product)))
        if t == 0:
            scale, faintest = fill(0.0), load(state, _FAINTEST)
            for k in range(n_tags):
                place = k * LANES
                here = multiply(fill(model.exp_start[k]), load(ahead, place))
                store(alpha, vector + place, here)
                scale = add(scale, here)
                faintest = smaller(faintest, replace(here, 0.0, 1.0))
            store(state, _SCALE, replace(scale, 0.0, 1.0))
            store(state, _FAINTEST, faintest)
        else:
            _advance(block, base, model.onward)
        for lane in range(LANES):
            if block.lengths[lane] == t + 1:
                last = base + vector + lane
                state[_CLOSING + lane] = _closing(alpha, last, model.exp_end)
                # What comes after the end is of no interest, but must be a number.
                state[_SCALE + lane] = 1.0


@borrowing_kernel
def _exp_scores(block, t, base, factor):  # type: ignore[no-untyped-def]
    """Turn scores in `ahead` into exp(score - largest) times a factor, and those beyond
    the end of a sequence into 0.
    """
    ahead, state = block.ahead, block.state
    for lane in range(LANES):
        state[_INSIDE + lane] = 0.0 if t < block.lengths[lane] else -np.inf
    inside = load(state, _INSIDE)
    top = fill(-np.inf)
    end = base + block.tags.shape[0] - LANES  # without the empty column
    for place in range(base, end, LANES):
        top = larger(top, load(ahead, place))
    top = replace(add(top, inside), -np.inf, 0.0)
    store(state, _TOPS, add(load(state, _TOPS), top))
    lowest = load(state, _LOWEST)
    inside = subtract(inside, top)
    for place in range(base, end, LANES):
        score = add(load(ahead, place), inside)
        lowest = smaller(lowest, replace(score, -np.inf, 0.0))
        store(ahead, place, multiply(exp(score), factor))
    store(state, _LOWEST, lowest)


@borrowing_kernel
def _advance(block, base, tiles):  # type: ignore[no-untyped-def]
    """Compute the forward vector that follows the one at `base`."""
    alpha, ahead, state = block.alpha, block.ahead, block.state
    here = base + block.tags.shape[0]
    scale, faintest = fill(0.0), load(state, _FAINTEST)
    for tile in range(tiles.columns.shape[0]):
        sum_0, sum_1, sum_2 = fill(0.0), fill(0.0), fill(0.0)
        for e in range(tiles.limits[tile], tiles.limits[tile + 1]):
            place = e * TILE_WIDTH
            weight = load(alpha, base + read(tiles.rows, e) * LANES)
            sum_0 = multiply_add(fill_from(tiles.values, place), weight, sum_0)
            sum_1 = multiply_add(fill_from(tiles.values, place + 1), weight, sum_1)
            sum_2 = multiply_add(fill_from(tiles.values, place + 2), weight, sum_2)
        place_0, place_1 = (
            tiles.columns[tile, 0] * LANES,
            tiles.columns[tile, 1] * LANES,
        )
        place_2 = tiles.columns[tile, 2] * LANES
        sum_0 = multiply(sum_0, load(ahead, base + place_0))
        sum_1 = multiply(sum_1, load(ahead, base + place_1))
        sum_2 = multiply(sum_2, load(ahead, base + place_2))
        store(alpha, here + place_0, sum_0)
        store(alpha, here + place_1, sum_1)
        store(alpha, here + place_2, sum_2)
        scale = add(scale, add(add(sum_0, sum_1), sum_2))
        faintest = smaller(faintest, replace(sum_0, 0.0, 1.0))
        faintest = smaller(faintest, replace(sum_1, 0.0, 1.0))
        faintest = smaller(faintest, replace(sum_2, 0.0, 1.0))
    store(state, _SCALE, replace(scale, 0.0, 1.0))
    store(state, _FAINTEST, faintest)


@borrowing_kernel
def _closing(alpha, place, exp_end):  # type: ignore[no-untyped-def]
    """Return how much of the weight of a sequence's paths passes its end."""
    closing = 0.0
    for k in range(exp_end.shape[0]):
        closing += alpha[place + k * LANES] * exp_end[k]
    return closing


@borrowing_kernel
def log_weight(block, lane):  # type: ignore[no-untyped-def]
    """Return log Z of a sequence after the forward pass, up to what is common to all
    sequences of its length.
    """
    state = block.state
    closing = state[_CLOSING + lane]
    if closing == 0.0:
        return -np.inf
    return (
        state[_TOPS + lane]
        + np.log(state[_MANTISSA + lane])
        + state[_EXPONENT + lane] * _LN_2
        + np.log(closing)
    )


@borrowing_kernel
def step_back(block, first, u, is_last, model):  # type: ignore[no-untyped-def]
    """Compute the backward vector of token `first + u`, the probabilities of its tags,
    and what the token before it needs.
    """
    vector = block.tags.shape[0]
    state = block.state
    for lane in range(LANES):
        ends_here = block.lengths[lane] == first + u + 1
        closing = state[_CLOSING + lane]
        state[_END + lane] = 1.0 / closing if ends_here and closing > 0.0 else 0.0
    end = load(state, _END)
    here, after = u * vector, (u + 1) * vector
    if is_last:
        block.ahead[after : after + vector] = 0.0
    tiles, exp_end = model.backward, model.exp_end
    for tile in range(tiles.columns.shape[0]):
        tag_0, tag_1 = tiles.columns[tile, 0], tiles.columns[tile, 1]
        tag_2 = tiles.columns[tile, 2]
        sum_0 = multiply(fill(exp_end[tag_0]), end)
        sum_1 = multiply(fill(exp_end[tag_1]), end)
        sum_2 = multiply(fill(exp_end[tag_2]), end)
        for e in range(tiles.limits[tile], tiles.limits[tile + 1]):
            place = e * TILE_WIDTH
            weight = load(block.ahead, after + read(tiles.rows, e) * LANES)
            sum_0 = multiply_add(fill_from(tiles.values, place), weight, sum_0)
            sum_1 = multiply_add(fill_from(tiles.values, place + 1), weight, sum_1)
            sum_2 = multiply_add(fill_from(tiles.values, place + 2), weight, sum_2)
        _finish_back(block, here, tag_0 * LANES, sum_0)
        _finish_back(block, here, tag_1 * LANES, sum_1)
        _finish_back(block, here, tag_2 * LANES, sum_2)


@borrowing_kernel
def _finish_back(block, here, place, beta):  # type: ignore[no-untyped-def]
    alpha = load(block.alpha, here + block.tags.shape[0] + place)
    # The backward score of a state is at most 1 / alpha, and knows no bound where alpha
    # is zero, because no path gets there.
    beta = zero_with(beta, alpha)
    store(block.tags, place, multiply(alpha, beta))
    store(block.ahead, here + place, multiply(load(block.ahead, here + place), beta))
