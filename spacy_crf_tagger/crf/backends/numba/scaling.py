"""Kernels that scale the parameters of a lattice into probability space, and add the
scale to log Z afterwards.

For a small batch, separate array operations would take as long as the recursions.
"""

import numpy as np

from .compiled import borrowing_kernel, called
from .lane_memory import at, load, pointer, store
from .lanes import LANES, exp, fill, greatest, larger, least, replace, smaller, subtract

_LEAST = float(np.finfo(np.float64).min)


@borrowing_kernel
def scale(transitions, start, end, out):  # type: ignore[no-untyped-def]
    """Write exp(score - largest score) of the flattened transitions [K²], of the start
    scores [K] and of the end scores [K] to an array of zeros, and leave one zero after
    each of them, [K² + 2K + 3]. Returns the three largest scores, and how far below its
    largest the smallest score is that is not -inf.
    """
    n_tags = start.shape[0]
    first = transitions.shape[0] + 1
    target = pointer(out)
    top, low = _scale_part(pointer(transitions), transitions.shape[0], target)
    target = at(target, first)
    top_start, low_start = _scale_part(pointer(start), n_tags, target)
    target = at(target, n_tags + 1)
    top_end, low_end = _scale_part(pointer(end), n_tags, target)
    if low_start < low:
        low = low_start
    if low_end < low:
        low = low_end
    return top, top_start, top_end, low


@called
def _scale_part(scores, size, out):  # type: ignore[no-untyped-def]
    """Write exp(score - largest score). Returns the largest score, and how far below it
    the smallest is that is not -inf.
    """
    n_whole = size // LANES
    tops = fill(-np.inf)
    for n in range(n_whole):
        tops = larger(tops, load(scores, n * LANES))
    top = greatest(tops)
    for n in range(n_whole * LANES, size):
        if scores[n] > top:
            top = scores[n]
    # Where all are -inf, so is each of them less a number.
    subtrahend = top if top > _LEAST else _LEAST
    lows = fill(0.0)
    for n in range(n_whole):
        difference = subtract(load(scores, n * LANES), fill(subtrahend))
        lows = smaller(lows, replace(difference, -np.inf, 0.0))
        store(out, n * LANES, exp(difference))
    low = least(lows)
    for n in range(n_whole * LANES, size):
        rest = scores[n] - subtrahend
        if rest > -np.inf and rest < low:
            low = rest
        out[n] = np.exp(rest)
    return top, low


@borrowing_kernel
def add_tops(lengths, top, top_start, top_end, log_z):  # type: ignore[no-untyped-def]
    """Add to log Z of each sequence [B] what the largest scores of its steps, its start
    and its end come to. A sequence without tokens has none of them.
    """
    for b in range(lengths.shape[0]):
        if lengths[b] > 0:
            log_z[b] += top_start + top_end
        # A single token takes no step, and 0 * -inf is no number.
        if lengths[b] > 1:
            log_z[b] += (lengths[b] - 1) * top
