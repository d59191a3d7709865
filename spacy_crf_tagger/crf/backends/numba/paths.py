"""Kernels that find several paths of each sequence: the k best, and random ones.

Shapes are those of `log_space`, except that transitions are transposed: row j has
the scores of tag j after each tag.
"""

import numpy as np

from .compiled import kernel


@kernel
def count_paths(emissions, transitions, start, offsets, limit):  # type: ignore[no-untyped-def]
    """Return how many paths lead to the tag of a token to which most lead. What is
    more than the limit is not counted.
    """
    n_tags = emissions.shape[1]
    counts, reached = np.empty(n_tags, np.int64), np.empty(n_tags, np.int64)
    most = 1
    for b in range(offsets.shape[0] - 1):
        first, behind = offsets[b], offsets[b + 1]
        if first == behind:
            continue
        for k in range(n_tags):
            counts[k] = 1 if start[k] + emissions[first, k] != -np.inf else 0
        for row in range(first + 1, behind):
            for j in range(n_tags):
                reached[j] = 0
                if emissions[row, j] != -np.inf:
                    for i in range(n_tags):
                        if transitions[j, i] != -np.inf:
                            reached[j] += counts[i]
                            if reached[j] > limit:
                                reached[j] = limit
                if reached[j] > most:
                    most = reached[j]
            counts, reached = reached, counts
    return most


@kernel
def k_best(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, offsets, came_from, tags, scores
):
    """Write the tags of the best paths to [k, N] and their scores to [k, B], as far as
    there are any.

    The lists of paths that lead to the tags of a token are one array [K, width]. Where
    a path of token t was at the token before is an index into that array, flattened:
    came_from [longest, K, width].
    """
    _, n_tags, width = came_from.shape
    best, reached = np.empty((n_tags, width)), np.empty((n_tags, width))
    n_best, n_reached = np.zeros(n_tags, np.int64), np.zeros(n_tags, np.int64)
    n_closing = scores.shape[0]
    if n_closing > n_tags * width:
        n_closing = n_tags * width
    closing = np.empty(n_closing)
    last_cells = np.empty(n_closing, came_from.dtype)
    for b in range(offsets.shape[0] - 1):
        first = offsets[b]
        length = offsets[b + 1] - first
        if length == 0:
            scores[0, b] = 0.0
            continue
        for j in range(n_tags):
            best[j, 0] = start[j] + emissions[first, j]
            n_best[j] = 1 if best[j, 0] != -np.inf else 0
        for t in range(1, length):
            for j in range(n_tags):
                emission = emissions[first + t, j]
                n_reached[j] = 0
                if emission != -np.inf:
                    n_reached[j] = _merge(
                        best, n_best, transitions[j], reached[j], came_from[t, j]
                    )
                    for r in range(n_reached[j]):
                        reached[j, r] += emission
            best, reached = reached, best
            n_best, n_reached = n_reached, n_best
        for r in range(_merge(best, n_best, end, closing, last_cells)):
            scores[r, b] = closing[r]
            cell = last_cells[r]
            for t in range(length - 1, 0, -1):
                tags[r, first + t] = cell // width
                cell = came_from[t, cell // width, cell % width]
            tags[r, first] = cell // width


@kernel
def _merge(lists, counts, scores, best, cells):  # type: ignore[no-untyped-def]
    """Merge falling lists [K, width], each of which is raised by a score [K], as far as
    there is room in `best`. Write where each value is from, and return their number.
    """
    n_tags, width = lists.shape
    heads = np.empty(n_tags)
    ranks = np.zeros(n_tags, np.int64)
    for i in range(n_tags):
        heads[i] = lists[i, 0] + scores[i] if counts[i] > 0 else -np.inf
    for r in range(best.shape[0]):
        tag = 0
        for i in range(1, n_tags):
            if heads[i] > heads[tag]:
                tag = i
        if heads[tag] == -np.inf:
            return r
        best[r] = heads[tag]
        cells[r] = tag * width + ranks[tag]
        ranks[tag] += 1
        if ranks[tag] < counts[tag]:
            heads[tag] = lists[tag, ranks[tag]] + scores[tag]
        else:
            heads[tag] = -np.inf
    return best.shape[0]


@kernel
def sample(alpha, transitions, end, offsets, uniforms, tags):  # type: ignore[no-untyped-def]
    """Write paths [n, N] that follow from log forward scores alpha [N, K] and uniform
    random numbers [n, N].
    """
    n_samples, n_tags = tags.shape[0], alpha.shape[1]
    # Row j is for the samples in which tag j follows.
    cumulated = np.empty((n_tags, n_tags))
    is_known = np.zeros(n_tags, np.bool_)
    for b in range(offsets.shape[0] - 1):
        first, last = offsets[b], offsets[b + 1] - 1
        if last < first:
            continue
        _cumulate(alpha[last], end, cumulated[0])
        for s in range(n_samples):
            tags[s, last] = _draw(cumulated[0], uniforms[s, last])
        for row in range(last - 1, first - 1, -1):
            for k in range(n_tags):
                is_known[k] = False
            for s in range(n_samples):
                following = tags[s, row + 1]
                if not is_known[following]:
                    _cumulate(alpha[row], transitions[following], cumulated[following])
                    is_known[following] = True
                tags[s, row] = _draw(cumulated[following], uniforms[s, row])


@kernel
def _cumulate(alpha, scores, cumulated):  # type: ignore[no-untyped-def]
    """Write the sums of the weights exp(alpha + score - max) up to each tag."""
    top = -np.inf
    for k in range(alpha.shape[0]):
        if alpha[k] + scores[k] > top:
            top = alpha[k] + scores[k]
    total = 0.0
    for k in range(alpha.shape[0]):
        total += np.exp(alpha[k] + scores[k] - top)
        cumulated[k] = total


@kernel
def _draw(cumulated, uniform):  # type: ignore[no-untyped-def]
    """Return the first tag whose sum is more than a share of the total. It adds to the
    sum, so that its weight is not zero; and there is one, because a product with a
    double below 1 is never rounded up to the total.
    """
    target = uniform * cumulated[-1]
    first, behind = 0, cumulated.shape[0]
    while first < behind:
        middle = (first + behind) // 2
        if cumulated[middle] <= target:
            first = middle + 1
        else:
            behind = middle
    return first
