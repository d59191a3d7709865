"""Kernels for what forward-backward finds out about the sequences of a ragged batch.

Shapes: emissions [N, K]; offsets [B + 1], the rows of the sequences; order, the numbers
of those that are not empty, of falling length. What a kernel cannot compute in
probability space it leaves untouched, and says so in trusted [B].
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import borrowing_kernel
from .lanes import (
    LANES,
    divide,
    fill,
    load,
    multiply,
    multiply_add,
    replace,
    store,
    total,
    zero_with,
)
from .numba_blocks import (
    choose_sequences,
    forward,
    is_trusted,
    log_weight,
    longest_of,
    rewind,
    step_back,
    write_rows,
)
from .tiles import Tiles


class Model(NamedTuple):
    """The parameters of a lattice as exp(score - largest score), for the kernels.

    onward (Tiles): Transitions.
    backward (Tiles): The same with tags in each other's place.
    exp_start (NDArray[float]): Start scores, and a zero, [K + 1].
    exp_end (NDArray[float]): End scores, and a zero, [K + 1].
    """

    onward: Tiles
    backward: Tiles
    exp_start: NDArray[np.float64]
    exp_end: NDArray[np.float64]


@borrowing_kernel
def _run_forward(  # type: ignore[no-untyped-def]
    emissions, offsets, order, first, block, model, log_z, trusted
):
    """Run the forward recursion over the next eight sequences. Returns whether any of
    them can be trusted; the others are no longer in the block.
    """
    n = choose_sequences(block.rows, block.lengths, order, first, offsets)
    forward(emissions, block, model)
    good = -1
    for lane in range(n):
        trusted[order[first + lane]] = is_trusted(block, lane)
        if good == -1 and is_trusted(block, lane):
            good = lane
    if good == -1:
        return False
    is_complete = True
    for lane in range(LANES):
        if not is_trusted(block, lane):
            block.rows[lane] = block.rows[good]
            block.lengths[lane] = block.lengths[good]
            is_complete = False
    if not is_complete:
        forward(emissions, block, model)
    for lane in range(n):
        log_z[order[first + lane]] = log_weight(block, lane)
    return True


@borrowing_kernel
def log_partition(emissions, offsets, order, block, model, log_z, trusted):  # type: ignore[no-untyped-def]
    """Write the log of the weight of all paths of each sequence, [B], up to what is
    common to all sequences of its length.
    """
    for first in range(0, order.shape[0], LANES):
        _run_forward(emissions, offsets, order, first, block, model, log_z, trusted)


@borrowing_kernel
def forward_backward(  # type: ignore[no-untyped-def]
    emissions,
    offsets,
    order,
    block,
    model,
    weights,
    lane_weights,
    log_z,
    trusted,
    tags,
    steps,
):
    """Write what `log_partition` does and the probability of each tag [N, K], and add
    to the expected number of steps between tags, divided by exp of their score, laid
    out like `Tiles.values`. Each sequence counts as much as its weight [B] in these.
    """
    for first in range(0, order.shape[0], LANES):
        if not _run_forward(
            emissions, offsets, order, first, block, model, log_z, trusted
        ):
            continue
        lane_weights[:] = 0.0
        for lane in range(min(LANES, order.shape[0] - first)):
            b = order[first + lane]
            if trusted[b]:
                lane_weights[lane] = weights[b]
        longest = longest_of(block)
        begin = (longest - 1) // block.segment * block.segment
        n = longest - begin
        while True:
            for u in range(n - 1, -1, -1):
                step_back(block, begin, u, begin + u == longest - 1, model)
                write_rows(block, begin + u, block.tags, tags)
            _add_steps(block, n, model.onward, lane_weights, steps)
            if begin == 0:
                break
            begin -= block.segment
            n = block.segment
            rewind(emissions, block, begin, model)


@borrowing_kernel
def add_ends(tags, offsets, weights, starts, ends):  # type: ignore[no-untyped-def]
    """Add up the probabilities of the first and the last tags of all sequences."""
    for b in range(weights.shape[0]):
        if offsets[b] < offsets[b + 1]:
            for k in range(tags.shape[1]):
                starts[k] += weights[b] * tags[offsets[b], k]
                ends[k] += weights[b] * tags[offsets[b + 1] - 1, k]


@borrowing_kernel
def subtract_paths(  # type: ignore[no-untyped-def]
    emissions,
    transitions,
    start,
    end,
    offsets,
    path,
    scores,
    tags,
    edges,
    starts,
    ends,
):
    """Write the scores of paths [B], whose tags are given [N], and subtract what they
    have of each tag [N, K], step [K, K], start [K] and end [K].
    """
    for b in range(scores.shape[0]):
        first, behind = offsets[b], offsets[b + 1]
        if first == behind:
            continue
        score = start[path[first]] + end[path[behind - 1]]
        starts[path[first]] -= 1.0
        ends[path[behind - 1]] -= 1.0
        for row in range(first, behind):
            tag = path[row]
            score += emissions[row, tag]
            tags[row, tag] -= 1.0
            if row > first:
                score += transitions[path[row - 1], tag]
                edges[path[row - 1], tag] -= 1.0
        scores[b] = score


@borrowing_kernel
def _add_steps(block, n, tiles, lane_weights, steps):  # type: ignore[no-untyped-def]
    """Add the expected steps to n tokens of a segment after its backward pass."""
    vector = block.tags.shape[0]
    alpha, ahead = block.alpha, block.ahead
    weights = load(lane_weights, 0)
    for tile in range(tiles.columns.shape[0]):
        column = tiles.columns[tile]
        for e in range(tiles.limits[tile], tiles.limits[tile + 1]):
            row = tiles.rows[e] * LANES
            sum_0, sum_1, sum_2 = fill(0.0), fill(0.0), fill(0.0)
            for u in range(n):
                base = u * vector
                weight = load(alpha, base + row)
                sum_0 = multiply_add(
                    weight, load(ahead, base + column[0] * LANES), sum_0
                )
                sum_1 = multiply_add(
                    weight, load(ahead, base + column[1] * LANES), sum_1
                )
                sum_2 = multiply_add(
                    weight, load(ahead, base + column[2] * LANES), sum_2
                )
            steps[e, 0] += total(multiply(sum_0, weights))
            steps[e, 1] += total(multiply(sum_1, weights))
            steps[e, 2] += total(multiply(sum_2, weights))


@borrowing_kernel
def posterior(  # type: ignore[no-untyped-def]
    emissions,
    offsets,
    order,
    block,
    model,
    pairs,
    exp_scores,
    ratios,
    log_z,
    trusted,
    tags,
    conditionals,
):
    """Write what `log_partition` does, the probability of each tag [N, K], and that of
    the second tag of each pair [P, 2] at a token given the first one at the token
    before [N, P], where `exp_scores` [P] are the pairs' entries of the matrix.
    """
    for first in range(0, order.shape[0], LANES):
        if not _run_forward(
            emissions, offsets, order, first, block, model, log_z, trusted
        ):
            continue
        longest = longest_of(block)
        begin = (longest - 1) // block.segment * block.segment
        n = longest - begin
        while True:
            for u in range(n - 1, -1, -1):
                step_back(block, begin, u, begin + u == longest - 1, model)
                write_rows(block, begin + u, block.tags, tags)
                if begin + u < longest - 1:
                    _find_ratios(block, u, pairs, exp_scores, ratios)
                    write_rows(block, begin + u + 1, ratios, conditionals)
            if begin == 0:
                break
            begin -= block.segment
            n = block.segment
            rewind(emissions, block, begin, model)


@borrowing_kernel
def _find_ratios(block, u, pairs, exp_scores, ratios):  # type: ignore[no-untyped-def]
    """Compute how likely the second tag of each pair is at the token after number u of
    a segment, given the first one at that token.
    """
    after = (u + 1) * block.tags.shape[0]
    for p in range(pairs.shape[0]):
        first, second = pairs[p, 0] * LANES, pairs[p, 1] * LANES
        tag = load(block.tags, first)
        both = multiply(load(block.alpha, after + first), fill(exp_scores[p]))
        both = multiply(both, load(block.ahead, after + second))
        ratio = divide(both, replace(tag, 0.0, 1.0))
        store(ratios, p * LANES, zero_with(ratio, tag))
