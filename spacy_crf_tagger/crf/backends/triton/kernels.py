"""Kernels in Triton: the passes over one sequence, whose tags are in registers.

A program computes one sequence, as long as that is, so that nothing is padded but the
tags, to `BLOCK`, a power of two. The recursions run in probability space, in double
precision: each step divides by the sum of the forward scores before it (Rabiner 1989,
section V.A), and what it divided by is added up as a logarithm. A sequence whose scores
lie too far apart for that is reported, and left to log space.

What one step writes to memory and a later one reads passes a barrier in between:
the threads of a program share memory, but do not wait for each other by themselves.

Shapes: emissions and answers about tags [N, K]; transitions [K, K]; start and end [K];
offsets [B + 1], the rows of the sequences.
"""

import triton
import triton.language as tl

# As in the kernels for the CPU: scores of a token (or of the transitions) that lie
# further apart than this many nats are left to log space, and so is a sequence in which
# a state falls below TINY of the total. TINY * exp(-2 * RANGE) is still a normal
# double, so that nothing underflows in what is kept.
RANGE = tl.constexpr(100.0)
TINY = tl.constexpr(1e-200)
# Up to so many tags their transitions stay in registers. Those of more are read at each
# step, so many at a time, and states go through memory.
MOST_IN_REGISTERS = tl.constexpr(64)
CELLS_AT_ONCE = tl.constexpr(4096)


# A kernel is not compiled again for scores elsewhere in memory, or for other numbers of
# tags for which the same registers are set aside.
_kernel = triton.jit(
    do_not_specialize=["n_tags"],
    do_not_specialize_on_alignment=["emissions", "transitions", "start", "end"],
)


@_kernel
def pad_transitions(
    transitions,
    top_transition,
    padded,
    reverse,
    low_transitions,
    n_tags,
    BLOCK: tl.constexpr,
    ROWS: tl.constexpr,
    IS_EXP: tl.constexpr,
):
    """Write the transitions [K, K] in double precision with `-inf` for what is no tag
    [BLOCK, BLOCK]. Or write exp(score - largest score), the same with tags in each
    other's place, and how far below the largest score [1] the lowest of each row is
    that is not -inf [BLOCK]. A program computes some rows.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    tag = tl.arange(0, BLOCK)
    is_cell = (row[:, None] < n_tags) & (tag[None, :] < n_tags)
    cells = row[:, None] * n_tags + tag[None, :]
    scores = _load_scores(transitions + cells, is_cell)
    if IS_EXP:
        scores = scores - _finite(tl.load(top_transition).to(tl.float64))
        tl.store(low_transitions + row, tl.min(_lows(scores), axis=1))
        scores = tl.exp(scores)
        tl.store(reverse + tag[None, :] * BLOCK + row[:, None], scores)
    tl.store(padded + row[:, None] * BLOCK + tag[None, :], scores)


@_kernel
def forward_backward(
    emissions,
    exp_transitions,
    exp_reverse,
    top_transition,
    low_transitions,
    start,
    end,
    offsets,
    weights,
    log_z,
    is_trusted,
    scales,
    alpha,
    ahead,
    tags,
    at_ends,
    n_tags,
    BLOCK: tl.constexpr,
    HAS_MARGINALS: tl.constexpr,
):
    """Write log Z of each sequence [B], and whether it can be trusted [B]. With
    marginals also the probability of each tag [N, K]; that of the first and of the last
    tags of each sequence, times its weight [2, B, K]; and of the probability of a step
    between two tags the two factors that are not the transition: the forward scores of
    the token before, `alpha` [N, K], and what is `ahead` [N, K], which is zero for the
    first token of a sequence. `scales` [N] is memory. Transitions are given as
    `pad_transitions` writes them.
    """
    sequence = tl.program_id(0)
    first = tl.load(offsets + sequence)
    length = tl.load(offsets + sequence + 1) - first
    tag = tl.arange(0, BLOCK)
    is_tag = tag < n_tags
    zeros = tl.zeros((BLOCK,), tl.float64)

    cells = tag[:, None] * BLOCK + tag[None, :]
    if BLOCK <= MOST_IN_REGISTERS:
        matrix = tl.load(exp_transitions + cells)
    top_step = _finite(tl.load(top_transition).to(tl.float64))
    lowest = tl.load(low_transitions + tag)
    starts = _load_scores(start + tag, is_tag)
    top_start = _finite(tl.max(starts, axis=0))
    starts = starts - top_start
    lowest = tl.minimum(lowest, _lows(starts))
    ends = _load_scores(end + tag, is_tag)
    top_end = _finite(tl.max(ends, axis=0))
    ends = ends - top_end
    lowest = tl.minimum(lowest, _lows(ends))
    ends = tl.exp(ends)

    # Forward. The scores of a token are read one step before they are needed.
    state = tl.exp(starts)
    faintest = zeros + 1.0
    log_scale = top_start + top_end
    following = _load_scores(emissions + first * n_tags + tag, is_tag & (length > 0))
    for t in range(length):
        row = (first + t) * n_tags + tag
        scores = following
        following = _load_scores(emissions + row + n_tags, is_tag & (t + 1 < length))
        top = _finite(tl.max(scores, axis=0))
        scores = scores - top
        lowest = tl.minimum(lowest, _lows(scores))
        if t > 0:
            if BLOCK <= MOST_IN_REGISTERS:
                state = tl.sum(state[:, None] * matrix, axis=0)
            else:
                before = alpha + (first + t - 1) * n_tags
                state = _multiply(before, exp_transitions, n_tags, BLOCK)
            log_scale += top_step
        state = state * tl.exp(scores)
        faintest = tl.minimum(faintest, tl.where(state > 0.0, state, 1.0))
        scale = tl.sum(state, axis=0)
        # Where no path leads, all that follows is zero as well.
        scale = tl.where(scale > 0.0, scale, 1.0)
        state = state / scale
        log_scale += top + tl.log(scale)
        if HAS_MARGINALS or BLOCK > MOST_IN_REGISTERS:
            tl.store(alpha + row, state, is_tag)
        if HAS_MARGINALS:
            tl.store(scales + first + t, scale)
    closing = tl.sum(state * ends, axis=0)
    found = log_scale + tl.log(tl.where(closing > 0.0, closing, 1.0))
    found = tl.where(closing > 0.0, found, -float("inf"))
    tl.store(log_z + sequence, tl.where(length > 0, found, 0.0))
    is_near = tl.min(lowest, axis=0) >= -RANGE
    is_strong = tl.min(faintest, axis=0) >= TINY
    tl.store(is_trusted + sequence, (is_near & is_strong) | (length == 0))

    if HAS_MARGINALS:
        weight = tl.load(weights + sequence)
        beta = ends / tl.where(closing > 0.0, closing, 1.0)
        beta = tl.where(closing > 0.0, beta, 0.0)
        n_sequences = tl.num_programs(0)
        last = tl.where(length > 0, weight * state * beta, 0.0)
        tl.store(at_ends + (n_sequences + sequence) * n_tags + tag, last, is_tag)
        tl.debug_barrier()
        probability = zeros
        for u in range(length):
            t = length - 1 - u
            row = (first + t) * n_tags + tag
            state = tl.load(alpha + row, is_tag, other=0.0)
            # The backward score of a state is at most 1 / alpha, and knows no bound
            # where alpha is zero, because no path gets there.
            beta = tl.where(state > 0.0, beta, 0.0)
            probability = state * beta
            tl.store(tags + row, probability.to(tags.dtype.element_ty), is_tag)
            scores = _load_scores(emissions + row, is_tag)
            scores = tl.exp(scores - _finite(tl.max(scores, axis=0)))
            coming = scores / tl.load(scales + first + t) * beta
            coming = tl.where(t > 0, coming, 0.0)
            tl.store(ahead + row, coming, is_tag)
            if BLOCK <= MOST_IN_REGISTERS:
                beta = tl.sum(matrix * coming[None, :], axis=1)
            else:
                after = ahead + (first + t) * n_tags
                beta = _multiply(after, exp_reverse, n_tags, BLOCK)
        tl.store(at_ends + sequence * n_tags + tag, weight * probability, is_tag)


@_kernel
def viterbi(
    emissions,
    transitions,
    start,
    end,
    offsets,
    states,
    came_from,
    tags,
    scores_of_paths,
    n_tags,
    BLOCK: tl.constexpr,
):
    """Write the tags of the best paths [N] and their scores [B]. Of equal paths the one
    with the lower tag numbers, read from the end, wins. `came_from` [N, K] is memory
    for the best tag before each tag, and so is `states` [N, K] for their scores, where
    these do not stay in registers. Transitions are given as `pad_transitions` writes
    them.
    """
    sequence = tl.program_id(0)
    first = tl.load(offsets + sequence)
    length = tl.load(offsets + sequence + 1) - first
    tag = tl.arange(0, BLOCK)
    is_tag = tag < n_tags
    cells = tag[:, None] * BLOCK + tag[None, :]
    if BLOCK <= MOST_IN_REGISTERS:
        matrix = tl.load(transitions + cells)

    best = _load_scores(start + tag, is_tag)
    following = _load_scores(emissions + first * n_tags + tag, is_tag & (length > 0))
    for t in range(length):
        row = (first + t) * n_tags + tag
        scores = following
        following = _load_scores(emissions + row + n_tags, is_tag & (t + 1 < length))
        if t > 0:
            if BLOCK <= MOST_IN_REGISTERS:
                best, before = _first_largest(best[:, None] + matrix)
            else:
                previous = states + (first + t - 1) * n_tags
                best, before = _advance(previous, transitions, n_tags, BLOCK)
            tl.store(came_from + row, before.to(came_from.dtype.element_ty), is_tag)
        best = best + scores
        if BLOCK > MOST_IN_REGISTERS:
            tl.store(states + row, best, is_tag)
    best = best + _load_scores(end + tag, is_tag)
    score, choice = _first_largest(best)
    tl.store(scores_of_paths + sequence, tl.where(length > 0, score, 0.0))
    choice = choice.to(tl.int64)
    tl.debug_barrier()
    for u in range(length):
        row = first + length - 1 - u
        tl.store(tags + row, choice)
        if u + 1 < length:
            choice = tl.load(came_from + row * n_tags + choice).to(tl.int64)


@_kernel
def subtract_paths(
    emissions,
    transitions,
    start,
    end,
    offsets,
    path,
    scores_of_paths,
    probabilities,
    counts,
    n_tags,
    TOKENS: tl.constexpr,
):
    """Write the scores of paths [B], whose tags are given [N], subtract 1 from the
    probability of each of these tags [N, K], and count their steps, their first and
    their last tags, one behind another, [K² + 2K].
    """
    sequence = tl.program_id(0)
    first = tl.load(offsets + sequence)
    behind = tl.load(offsets + sequence + 1)
    token = tl.arange(0, TOKENS)
    total = tl.zeros((TOKENS,), tl.float64)
    for begin in range(first, behind, TOKENS):
        row = begin + token
        is_token = row < behind
        is_step = is_token & (row > first)
        tag = tl.load(path + row, is_token, other=0)
        before = tl.load(path + row - 1, is_step, other=0)
        place = row * n_tags + tag
        step = before * n_tags + tag
        total += tl.load(emissions + place, is_token, other=0.0).to(tl.float64)
        total += tl.load(transitions + step, is_step, other=0.0).to(tl.float64)
        own = tl.load(probabilities + place, is_token, other=0.0)
        tl.store(probabilities + place, own - 1.0, is_token)
        tl.atomic_add(counts + step, 1, is_step)
    score = tl.sum(total, axis=0)
    if first < behind:
        first_tag = tl.load(path + first)
        last_tag = tl.load(path + behind - 1)
        score += tl.load(start + first_tag).to(tl.float64)
        score += tl.load(end + last_tag).to(tl.float64)
        tl.atomic_add(counts + n_tags * n_tags + first_tag, 1)
        tl.atomic_add(counts + n_tags * n_tags + n_tags + last_tag, 1)
    tl.store(scores_of_paths + sequence, score)


@triton.jit
def _multiply(vector, matrix, n_tags, BLOCK: tl.constexpr):
    """Return the product of a vector [K] and a matrix [BLOCK, BLOCK] in memory."""
    tl.debug_barrier()
    ROWS: tl.constexpr = CELLS_AT_ONCE // BLOCK
    tag = tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float64)
    for begin in range(0, n_tags, ROWS):
        row = begin + tl.arange(0, ROWS)
        factors = tl.load(vector + row, row < n_tags, other=0.0)
        values = tl.load(matrix + row[:, None] * BLOCK + tag[None, :])
        total += tl.sum(factors[:, None] * values, axis=0)
    return total


@triton.jit
def _advance(vector, matrix, n_tags, BLOCK: tl.constexpr):
    """Return the largest sums of a vector [K] and the columns of a matrix
    [BLOCK, BLOCK] in memory, and the first row of each.
    """
    tl.debug_barrier()
    ROWS: tl.constexpr = CELLS_AT_ONCE // BLOCK
    tag = tl.arange(0, BLOCK)
    largest = tl.full((BLOCK,), -float("inf"), tl.float64)
    place = tl.zeros((BLOCK,), tl.int32)
    for begin in range(0, n_tags, ROWS):
        row = begin + tl.arange(0, ROWS)
        values = tl.load(matrix + row[:, None] * BLOCK + tag[None, :])
        values += _load_scores(vector + row, row < n_tags)[:, None]
        own, own_row = _first_largest(values)
        place = tl.where(own > largest, begin + own_row, place)
        largest = tl.maximum(largest, own)
    return largest, place


@triton.jit
def _load_scores(places, is_there):
    """Return scores in double precision, and -inf where there are none."""
    return tl.load(places, is_there, other=-float("inf")).to(tl.float64)


@triton.jit
def _finite(top):
    """Return a largest score; 0 where all are -inf, from which it is subtracted."""
    return tl.where(top > -float("inf"), top, 0.0)


@triton.jit
def _lows(scores):
    """Return scores, and 0 instead of -inf."""
    return tl.where(scores > -float("inf"), scores, 0.0)


@triton.jit
def _first_largest(scores):
    """Return the largest scores along the first axis, and the first place of each."""
    return tl.max(
        scores, axis=0, return_indices=True, return_indices_tie_break_left=True
    )
