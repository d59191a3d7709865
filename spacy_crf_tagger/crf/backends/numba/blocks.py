"""The passes over blocks of eight sequences, in probability space, that the kernels of
`marginals` consist of.

Each step divides by the sum of the forward scores before it (Rabiner 1989, section
V.A), so that it is a product of a vector and a matrix, of which only the tiles that the
tag scheme allows are computed. A sequence whose scores lie too far apart for that is
reported.

The forward pass keeps one vector for each segment of tokens; the backward pass computes
the others of a segment again (Chen et al. 2016, "Training deep nets with sublinear
memory cost"). A sequence of a single segment is not computed twice.
"""

import numpy as np

from .compiled import called, inlined
from .lane_memory import at, fill_from, find_rows, gather, load, read, scatter, store
from .lanes import (
    LANES,
    add,
    divide,
    exp,
    exponent,
    fill,
    larger,
    mantissa,
    multiply,
    multiply_add,
    replace,
    smaller,
    subtract,
    zero_with,
)
from .memory import (
    CLOSING,
    END,
    EXPONENT,
    FAINTEST,
    INSIDE,
    LOWEST,
    MANTISSA,
    SCALE,
    STATE_SIZE,
    TOPS,
    copy,
    fill_all,
)
from .tiles import TILE_WIDTH

# Scores of a token (or of the transitions) that lie further apart than this many nats
# are left to log space, and so is a sequence in which a state falls below TINY of
# the total. TINY * exp(-2 * RANGE) is still a normal double, so what is not sent
# to log space never underflows.
RANGE = 100.0
TINY = 1e-200
_LN_2 = 0.6931471805599453


@called
def choose_sequences(rows, lengths, order, n, offsets):  # type: ignore[no-untyped-def]
    """Put the next sequences of an order into a block. The first of them fills the
    lanes that are left.
    """
    for lane in range(LANES):
        b = order[lane] if lane < n else order[0]
        rows[lane] = offsets[b]
        lengths[lane] = offsets[b + 1] - offsets[b]


@inlined
def read_scores(emissions, rows, lengths, n_tags, t, target):  # type: ignore[no-untyped-def]
    """Write the scores of token t of each sequence, or of its last one."""
    places = find_rows(rows, lengths, t, n_tags)
    for k in range(n_tags):
        store(target, k * LANES, gather(emissions, places, k))


@inlined
def write_rows(block, t, vectors, out, width):  # type: ignore[no-untyped-def]
    """Write a vector's numbers to the rows of token t of each sequence, or of its last
    one. From the last token to the first, each row gets its own numbers last.
    """
    places = find_rows(block.rows, block.lengths, t, width)
    for k in range(width):
        scatter(out, places, k, load(vectors, k * LANES))


@called
def forward(emissions, block, model):  # type: ignore[no-untyped-def]
    """Run the forward recursion over a block. Afterwards `alpha` and `ahead` belong to
    the last segment.
    """
    state, vector, segment = block.state, block.vector, block.segment
    n_vectors = block.n_tags + 1
    fill_all(state, 0.0, STATE_SIZE // LANES)
    store(state, MANTISSA, fill(1.0))
    store(state, FAINTEST, fill(1.0))
    store(state, SCALE, fill(1.0))
    fill_all(block.alpha, 0.0, n_vectors)
    longest = longest_of(block)
    for number in range((longest + segment - 1) // segment):
        first = number * segment
        if number > 0:
            copy(at(block.alpha, segment * vector), block.alpha, n_vectors)
        checkpoint = at(block.checkpoints, number * (vector + LANES))
        copy(block.alpha, checkpoint, n_vectors)
        store(checkpoint, vector, load(state, SCALE))
        n = segment if segment < longest - first else longest - first
        _forward_segment(emissions, block, first, n, model)


@inlined
def longest_of(block):  # type: ignore[no-untyped-def]
    """Return the length of a block's longest sequence."""
    longest = 0
    for lane in range(LANES):
        if block.lengths[lane] > longest:
            longest = block.lengths[lane]
    return longest


@inlined
def is_trusted(block, lane):  # type: ignore[no-untyped-def]
    """Return whether the scores of a sequence did not lie too far apart."""
    low, faint = block.state[LOWEST + lane], block.state[FAINTEST + lane]
    return low >= -RANGE and faint >= TINY  # neither if it is NaN


@inlined
def rewind(emissions, block, first, model):  # type: ignore[no-untyped-def]
    """Go back to the segment before: keep what the backward recursion has found out
    about the token after it, and compute its forward vectors again.
    """
    vector = block.vector
    n_vectors = block.n_tags + 1
    copy(block.ahead, at(block.ahead, block.segment * vector), n_vectors)
    checkpoint = at(block.checkpoints, first // block.segment * (vector + LANES))
    copy(checkpoint, block.alpha, n_vectors)
    store(block.state, SCALE, load(checkpoint, vector))
    _forward_segment(emissions, block, first, block.segment, model)


@called
def _forward_segment(emissions, block, first, n, model):  # type: ignore[no-untyped-def]
    """Compute the forward vectors of n tokens from the one before them."""
    n_tags, vector, state = block.n_tags, block.vector, block.state
    for u in range(n):
        t = first + u
        before = at(block.alpha, u * vector)
        here = at(before, vector)
        ahead = at(block.ahead, u * vector)
        read_scores(emissions, block.rows, block.lengths, n_tags, t, ahead)
        scale_before = load(state, SCALE)
        _exp_scores(block, t, ahead, divide(fill(1.0), scale_before))
        product = multiply(load(state, MANTISSA), scale_before)
        store(state, MANTISSA, mantissa(product))
        store(state, EXPONENT, add(load(state, EXPONENT), exponent(product)))
        if t == 0:
            scale, faintest = fill(0.0), load(state, FAINTEST)
            for k in range(n_tags):
                place = k * LANES
                weight = multiply(fill_from(model.exp_start, k), load(ahead, place))
                store(here, place, weight)
                scale = add(scale, weight)
                faintest = smaller(faintest, replace(weight, 0.0, 1.0))
            store(state, SCALE, replace(scale, 0.0, 1.0))
            store(state, FAINTEST, faintest)
        else:
            _advance(state, before, here, ahead, model.onward)
        for lane in range(LANES):
            if block.lengths[lane] == t + 1:
                # How much of the weight of the sequence's paths passes its end.
                closing = 0.0
                for k in range(n_tags):
                    closing += here[k * LANES + lane] * model.exp_end[k]
                state[CLOSING + lane] = closing
                # What comes after the end is of no interest, but must be a number.
                state[SCALE + lane] = 1.0


@inlined
def _exp_scores(block, t, ahead, factor):  # type: ignore[no-untyped-def]
    """Turn scores into exp(score - largest) times a factor, and those beyond the end of
    a sequence into 0.
    """
    n_tags, state = block.n_tags, block.state
    for lane in range(LANES):
        state[INSIDE + lane] = 0.0 if t < block.lengths[lane] else -np.inf
    inside = load(state, INSIDE)
    top = fill(-np.inf)
    for k in range(n_tags):
        top = larger(top, load(ahead, k * LANES))
    top = replace(add(top, inside), -np.inf, 0.0)
    store(state, TOPS, add(load(state, TOPS), top))
    lowest = load(state, LOWEST)
    inside = subtract(inside, top)
    for k in range(n_tags):
        score = add(load(ahead, k * LANES), inside)
        lowest = smaller(lowest, replace(score, -np.inf, 0.0))
        store(ahead, k * LANES, multiply(exp(score), factor))
    store(state, LOWEST, lowest)


@inlined
def _advance(state, before, here, ahead, tiles):  # type: ignore[no-untyped-def]
    """Compute the forward vector that follows another one."""
    scale, faintest = fill(0.0), load(state, FAINTEST)
    for tile in range(tiles.n_tiles):
        sum_0, sum_1, sum_2 = fill(0.0), fill(0.0), fill(0.0)
        for e in range(tiles.limits[tile], tiles.limits[tile + 1]):
            place = e * TILE_WIDTH
            weight = load(before, read(tiles.rows, e) * LANES)
            sum_0 = multiply_add(fill_from(tiles.values, place), weight, sum_0)
            sum_1 = multiply_add(fill_from(tiles.values, place + 1), weight, sum_1)
            sum_2 = multiply_add(fill_from(tiles.values, place + 2), weight, sum_2)
        columns = at(tiles.columns, tile * TILE_WIDTH)
        place_0, place_1 = columns[0] * LANES, columns[1] * LANES
        place_2 = columns[2] * LANES
        sum_0 = multiply(sum_0, load(ahead, place_0))
        sum_1 = multiply(sum_1, load(ahead, place_1))
        sum_2 = multiply(sum_2, load(ahead, place_2))
        store(here, place_0, sum_0)
        store(here, place_1, sum_1)
        store(here, place_2, sum_2)
        scale = add(scale, add(add(sum_0, sum_1), sum_2))
        faintest = smaller(faintest, replace(sum_0, 0.0, 1.0))
        faintest = smaller(faintest, replace(sum_1, 0.0, 1.0))
        faintest = smaller(faintest, replace(sum_2, 0.0, 1.0))
    store(state, SCALE, replace(scale, 0.0, 1.0))
    store(state, FAINTEST, faintest)


@inlined
def log_weight(block, lane):  # type: ignore[no-untyped-def]
    """Return log Z of a sequence after the forward pass, up to what is common to all
    sequences of its length.
    """
    state = block.state
    closing = state[CLOSING + lane]
    if closing == 0.0:
        return -np.inf
    return (
        state[TOPS + lane]
        + np.log(state[MANTISSA + lane])
        + state[EXPONENT + lane] * _LN_2
        + np.log(closing)
    )


@inlined
def step_back(block, first, u, is_last, model):  # type: ignore[no-untyped-def]
    """Compute the backward vector of token `first + u`, the probabilities of its tags,
    and what the token before it needs.
    """
    vector, state = block.vector, block.state
    for lane in range(LANES):
        ends_here = block.lengths[lane] == first + u + 1
        closing = state[CLOSING + lane]
        state[END + lane] = 1.0 / closing if ends_here and closing > 0.0 else 0.0
    end = load(state, END)
    alpha = at(block.alpha, (u + 1) * vector)
    ahead = at(block.ahead, u * vector)
    after = at(ahead, vector)
    if is_last:
        fill_all(after, 0.0, block.n_tags + 1)
    tiles, exp_end = model.backward, model.exp_end
    for tile in range(tiles.n_tiles):
        columns = at(tiles.columns, tile * TILE_WIDTH)
        tag_0, tag_1, tag_2 = columns[0], columns[1], columns[2]
        sum_0 = multiply(fill_from(exp_end, tag_0), end)
        sum_1 = multiply(fill_from(exp_end, tag_1), end)
        sum_2 = multiply(fill_from(exp_end, tag_2), end)
        for e in range(tiles.limits[tile], tiles.limits[tile + 1]):
            place = e * TILE_WIDTH
            weight = load(after, read(tiles.rows, e) * LANES)
            sum_0 = multiply_add(fill_from(tiles.values, place), weight, sum_0)
            sum_1 = multiply_add(fill_from(tiles.values, place + 1), weight, sum_1)
            sum_2 = multiply_add(fill_from(tiles.values, place + 2), weight, sum_2)
        _finish_back(alpha, ahead, block.tags, tag_0 * LANES, sum_0)
        _finish_back(alpha, ahead, block.tags, tag_1 * LANES, sum_1)
        _finish_back(alpha, ahead, block.tags, tag_2 * LANES, sum_2)


@inlined
def _finish_back(alpha, ahead, tags, place, beta):  # type: ignore[no-untyped-def]
    weight = load(alpha, place)
    # The backward score of a state is at most 1 / alpha, and knows no bound where alpha
    # is zero, because no path gets there.
    beta = zero_with(beta, weight)
    store(tags, place, multiply(weight, beta))
    store(ahead, place, multiply(load(ahead, place), beta))
