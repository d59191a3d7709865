"""Kernels that compute partition functions, marginals and gradients of a ragged batch.

Shapes: emissions [N, K]; offsets [B + 1], the rows of the sequences; order, the numbers
of those that are not empty, of falling length. What a kernel cannot compute in
probability space it leaves untouched, and says so in trusted [B].
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .blocks import (
    choose_sequences,
    forward,
    is_trusted,
    log_weight,
    longest_of,
    rewind,
    step_back,
    write_rows,
)
from .compiled import borrowing_kernel, called, inlined
from .lane_memory import at, fill_from, load, pointer, store
from .lanes import (
    LANES,
    divide,
    fill,
    multiply,
    multiply_add,
    replace,
    total,
    zero_with,
)
from .memory import TilePointers, block_in, point_to
from .tiles import TILE_WIDTH, Tiles


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


class ModelPointers(NamedTuple):
    """A model as the kernels' functions are given it: pointers."""

    onward: TilePointers
    backward: TilePointers
    exp_start: Any
    exp_end: Any


class Counts(NamedTuple):
    """Where expected steps are added up, as the kernel's functions are given it.

    tiles (TilePointers): The transitions.
    weights (float*): What each lane's sequence counts, [8].
    steps (float*): Expected steps, laid out like `Tiles.values`.
    """

    tiles: TilePointers
    weights: Any
    steps: Any


class PairPointers(NamedTuple):
    """Pairs of tags that are asked for, as the kernel's functions are given them.

    number (int): How many there are, P.
    tags (int*): The two tags of each pair, [P * 2].
    exp_scores (float*): Their entries of the matrix of transitions, [P].
    ratios (float*): Memory for the answer at one token, [P * 8].
    conditionals (float*): The answer, [N * P].
    """

    number: int
    tags: Any
    exp_scores: Any
    ratios: Any
    conditionals: Any


@inlined
def _open(model):  # type: ignore[no-untyped-def]
    """Point to the arrays of a model."""
    return ModelPointers(
        point_to(model.onward),
        point_to(model.backward),
        pointer(model.exp_start),
        pointer(model.exp_end),
    )


@called
def _run_forward(  # type: ignore[no-untyped-def]
    emissions, offsets, order, n, block, model, log_z, trusted
):
    """Run the forward recursion over the next n sequences, at most eight. Returns
    whether any of them can be trusted; the others are no longer in the block.
    """
    rows, lengths = block.rows, block.lengths
    choose_sequences(rows, lengths, order, n, offsets)
    forward(emissions, block, model)
    good = -1
    for lane in range(n):
        trusted[order[lane]] = is_trusted(block, lane)
        if good == -1 and trusted[order[lane]]:
            good = lane
    if good == -1:
        return False
    is_complete = True
    for lane in range(LANES):
        if not is_trusted(block, lane):
            rows[lane] = rows[good]
            lengths[lane] = lengths[good]
            is_complete = False
    if not is_complete:
        forward(emissions, block, model)
    for lane in range(n):
        log_z[order[lane]] = log_weight(block, lane)
    return True


@borrowing_kernel
def log_partition(emissions, offsets, order, memory, model, log_z, trusted):  # type: ignore[no-untyped-def]
    """Write the log of the weight of all paths of each sequence, [B], up to what is
    common to all sequences of its length.
    """
    block, pointers = block_in(memory, emissions.shape[1]), _open(model)
    for first in range(0, order.shape[0], LANES):
        n = order.shape[0] - first
        _run_forward(
            pointer(emissions),
            pointer(offsets),
            at(pointer(order), first),
            LANES if n > LANES else n,
            block,
            pointers,
            pointer(log_z),
            trusted,
        )


@borrowing_kernel
def forward_backward(  # type: ignore[no-untyped-def]
    emissions,
    offsets,
    order,
    memory,
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
    block, pointers = block_in(memory, emissions.shape[1]), _open(model)
    scores = pointer(emissions)
    for first in range(0, order.shape[0], LANES):
        n_left = order.shape[0] - first
        n_sequences = n_left if n_left < LANES else LANES
        if not _run_forward(
            scores,
            pointer(offsets),
            at(pointer(order), first),
            n_sequences,
            block,
            pointers,
            pointer(log_z),
            trusted,
        ):
            continue
        for lane in range(LANES):
            lane_weights[lane] = 0.0
            if lane < n_sequences:
                b = order[first + lane]
                if trusted[b]:
                    lane_weights[lane] = weights[b]
        counts = Counts(pointers.onward, pointer(lane_weights), pointer(steps))
        _run_backward(
            scores, block, pointers, pointer(tags), _skip_token, _add_steps, counts
        )


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


@inlined
def _run_backward(  # type: ignore[no-untyped-def]
    emissions, block, model, tags, after_token, after_segment, more
):
    """Run the backward recursion over a block, from its last segment to its first, and
    write the probabilities of tags. After each token, and after each segment of n, a
    function is called with what more it needs.
    """
    longest = longest_of(block)
    first = (longest - 1) // block.segment * block.segment
    n = longest - first
    while True:
        for u in range(n - 1, -1, -1):
            is_last = first + u == longest - 1
            step_back(block, first, u, is_last, model)
            write_rows(block, first + u, block.tags, tags, block.n_tags)
            after_token(block, first, u, is_last, more)
        after_segment(block, n, more)
        if first == 0:
            break
        first -= block.segment
        n = block.segment
        rewind(emissions, block, first, model)


@inlined
def _add_steps(block, n, counts):  # type: ignore[no-untyped-def]
    """Add the expected steps to n tokens of a segment after its backward pass."""
    tiles, weights = counts.tiles, load(counts.weights, 0)
    for tile in range(tiles.n_tiles):
        columns = at(tiles.columns, tile * TILE_WIDTH)
        ahead_0 = at(block.ahead, columns[0] * LANES)
        ahead_1 = at(block.ahead, columns[1] * LANES)
        ahead_2 = at(block.ahead, columns[2] * LANES)
        for e in range(tiles.limits[tile], tiles.limits[tile + 1]):
            alpha = at(block.alpha, tiles.rows[e] * LANES)
            sum_0, sum_1, sum_2 = fill(0.0), fill(0.0), fill(0.0)
            for u in range(n):
                base = u * block.vector
                weight = load(alpha, base)
                sum_0 = multiply_add(weight, load(ahead_0, base), sum_0)
                sum_1 = multiply_add(weight, load(ahead_1, base), sum_1)
                sum_2 = multiply_add(weight, load(ahead_2, base), sum_2)
            own = at(counts.steps, e * TILE_WIDTH)
            own[0] += total(multiply(sum_0, weights))
            own[1] += total(multiply(sum_1, weights))
            own[2] += total(multiply(sum_2, weights))


@borrowing_kernel
def posterior(  # type: ignore[no-untyped-def]
    emissions,
    offsets,
    order,
    memory,
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
    block, pointers = block_in(memory, emissions.shape[1]), _open(model)
    scores = pointer(emissions)
    for first in range(0, order.shape[0], LANES):
        n_sequences = order.shape[0] - first
        if not _run_forward(
            scores,
            pointer(offsets),
            at(pointer(order), first),
            LANES if n_sequences > LANES else n_sequences,
            block,
            pointers,
            pointer(log_z),
            trusted,
        ):
            continue
        steps = PairPointers(
            pairs.shape[0],
            pointer(pairs),
            pointer(exp_scores),
            pointer(ratios),
            pointer(conditionals),
        )
        _run_backward(
            scores, block, pointers, pointer(tags), _write_ratios, _skip_segment, steps
        )


@inlined
def _write_ratios(block, first, u, is_last, pairs):  # type: ignore[no-untyped-def]
    """Write how likely the second tag of each pair is at the token after number u of a
    segment, given the first one at that token.
    """
    if is_last:
        return
    alpha = at(block.alpha, (u + 1) * block.vector)
    ahead = at(block.ahead, (u + 1) * block.vector)
    for p in range(pairs.number):
        before, after = pairs.tags[2 * p] * LANES, pairs.tags[2 * p + 1] * LANES
        tag = load(block.tags, before)
        both = multiply(load(alpha, before), fill_from(pairs.exp_scores, p))
        both = multiply(both, load(ahead, after))
        ratio = divide(both, replace(tag, 0.0, 1.0))
        store(pairs.ratios, p * LANES, zero_with(ratio, tag))
    write_rows(block, first + u + 1, pairs.ratios, pairs.conditionals, pairs.number)


@inlined
def _skip_token(block, first, u, is_last, more):  # type: ignore[no-untyped-def]
    """Find out nothing about a token but the probabilities of its tags."""


@inlined
def _skip_segment(block, n, more):  # type: ignore[no-untyped-def]
    """Find out nothing about a segment but what its tokens tell."""
