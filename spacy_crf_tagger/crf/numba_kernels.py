"""Compiled loops over ragged batches. Inner loops run over adjacent memory, so that
they vectorise; a state of probability zero is skipped, which makes a lattice with
one tag per token as cheap as scoring a path.

Shapes: emissions [N, K], transitions [K, K], start and end [K], offsets [B + 1].
"""

import numpy as np
from numba import njit

# Scores of a token (or of the transitions) that lie further apart than this many nats
# are left to log space, and so is a sequence in which a state falls below _TINY of
# the total. _TINY * exp(-2 * _RANGE) is still a normal double, so what is not sent
# to log space never underflows.
_RANGE = 100.0
_TINY = 1e-200


@njit(cache=True, nogil=True)
def _exp_scores(scores, out):  # type: ignore[no-untyped-def]
    """Write exp(score - max) and return the maximum, and whether all fit."""
    top = -np.inf
    low = np.inf
    for k in range(scores.shape[0]):
        if scores[k] > top:
            top = scores[k]
        if scores[k] != -np.inf and scores[k] < low:
            low = scores[k]
    if top == -np.inf:
        out[:] = 0.0
        return top, True
    for k in range(scores.shape[0]):
        out[k] = np.exp(np.float64(scores[k]) - top)
    return np.float64(top), top - low <= _RANGE


@njit(cache=True, nogil=True)
def _exp_parameters(transitions, start, end):  # type: ignore[no-untyped-def]
    """Return exp(score - max) and the maximum of transitions, start and end scores,
    and whether all fit.
    """
    n_tags = transitions.shape[0]
    exp_transitions = np.empty((n_tags, n_tags))
    exp_start, exp_end = np.empty(n_tags), np.empty(n_tags)
    transition_top, transitions_fit = _exp_scores(
        transitions.reshape(n_tags * n_tags), exp_transitions.reshape(n_tags * n_tags)
    )
    start_top, start_fits = _exp_scores(start, exp_start)
    end_top, end_fits = _exp_scores(end, exp_end)
    parameters = (
        exp_transitions,
        transition_top,
        exp_start,
        start_top,
        exp_end,
        end_top,
    )
    return parameters, transitions_fit and start_fits and end_fits


@njit(cache=True, nogil=True)
def _times(vector, matrix, out):  # type: ignore[no-untyped-def]
    """out = vector @ matrix, skipping zeros of the vector."""
    n_tags = out.shape[0]
    out[:] = 0.0
    for i in range(n_tags):
        weight = vector[i]
        if weight != 0.0:
            row = matrix[i]
            for j in range(n_tags):
                out[j] += weight * row[j]


@njit(cache=True, nogil=True)
def _scale(vector):  # type: ignore[no-untyped-def]
    """Divide by the sum. Return it, and whether no state came near underflow."""
    total = 0.0
    for k in range(vector.shape[0]):
        total += vector[k]
    if total == 0.0:
        return total, True
    safe = True
    inverse = 1.0 / total
    for k in range(vector.shape[0]):
        vector[k] *= inverse
        if vector[k] < _TINY and vector[k] != 0.0:
            safe = False
    return total, safe


@njit(cache=True, nogil=True)
def _forward(  # type: ignore[no-untyped-def]
    emissions, parameters, alpha, exp_emissions, scales
):
    """Forward recursion of one sequence of at least one token in probability space.

    Writes alpha (scaled to sum 1), exp(emissions) and the scales; returns log Z, the
    scale of the end, and whether the result can be trusted.
    """
    length, n_tags = emissions.shape
    exp_transitions, transition_top, exp_start, start_top, exp_end, end_top = parameters
    log_z = start_top + end_top
    if length > 1:  # a single token takes no step, and 0 * -inf is no number
        log_z += (length - 1) * transition_top
    for t in range(length):
        top, fits = _exp_scores(emissions[t], exp_emissions[t])
        if not fits:
            return log_z, 0.0, False
        if top == -np.inf:
            return top, 0.0, True
        log_z += top
        if t == 0:
            alpha[0] = exp_start
        else:
            _times(alpha[t - 1], exp_transitions, alpha[t])
        for k in range(n_tags):
            alpha[t, k] *= exp_emissions[t, k]
        scales[t], safe = _scale(alpha[t])
        if not safe:
            return log_z, 0.0, False
        if scales[t] == 0.0:
            return -np.inf, 0.0, True
        log_z += np.log(scales[t])
    closing = 0.0
    for k in range(n_tags):
        closing += alpha[length - 1, k] * exp_end[k]
    if closing == 0.0:
        return -np.inf, 0.0, True
    return log_z + np.log(closing), closing, True


@njit(cache=True, nogil=True)
def _log_sum_exp(values):  # type: ignore[no-untyped-def]
    top = -np.inf
    for k in range(values.shape[0]):
        if values[k] > top:
            top = values[k]
    if top == -np.inf:
        return top
    total = 0.0
    for k in range(values.shape[0]):
        total += np.exp(values[k] - top)
    return top + np.log(total)


@njit(cache=True, nogil=True)
def _log_forward(emissions, transitions, start, end, alpha):  # type: ignore[no-untyped-def]
    """Forward recursion of one sequence in log space; returns log Z."""
    length, n_tags = emissions.shape
    terms = np.empty(n_tags)
    for j in range(n_tags):
        alpha[0, j] = start[j] + emissions[0, j]
    for t in range(1, length):
        for j in range(n_tags):
            for i in range(n_tags):
                terms[i] = alpha[t - 1, i] + transitions[i, j]
            alpha[t, j] = _log_sum_exp(terms) + emissions[t, j]
    for j in range(n_tags):
        terms[j] = alpha[length - 1, j] + end[j]
    return _log_sum_exp(terms)


@njit(cache=True, nogil=True)
def _log_backward(emissions, transitions, end, beta):  # type: ignore[no-untyped-def]
    """Backward recursion of one sequence in log space."""
    length, n_tags = emissions.shape
    terms = np.empty(n_tags)
    beta[length - 1] = end
    for t in range(length - 2, -1, -1):
        for i in range(n_tags):
            for j in range(n_tags):
                terms[j] = transitions[i, j] + emissions[t + 1, j] + beta[t + 1, j]
            beta[t, i] = _log_sum_exp(terms)


@njit(cache=True, nogil=True)
def log_partition(emissions, transitions, start, end, offsets, log_z):  # type: ignore[no-untyped-def]
    """Write log Z of each sequence, [B]."""
    n_tags = emissions.shape[1]
    parameters, fits = _exp_parameters(transitions, start, end)
    longest = _longest(offsets)
    alpha = np.empty((longest, n_tags))
    exp_emissions = np.empty((longest, n_tags))
    scales = np.empty(longest)
    for b in range(offsets.shape[0] - 1):
        sequence = emissions[offsets[b] : offsets[b + 1]]
        length = sequence.shape[0]
        if length == 0:
            log_z[b] = 0.0
            continue
        trusted = False
        if fits:
            log_z[b], _, trusted = _forward(
                sequence, parameters, alpha, exp_emissions, scales
            )
        if not trusted:
            log_z[b] = _log_forward(sequence, transitions, start, end, alpha)


@njit(cache=True, nogil=True)
def forward_backward(  # type: ignore[no-untyped-def]
    emissions,
    transitions,
    start,
    end,
    offsets,
    weights,
    log_z,
    tags,
    edges,
    starts,
    ends,
):
    """Write log Z [B] and the probability of each tag [N, K], and add to the expected
    numbers of transitions [K, K], starts [K] and ends [K], in which each sequence
    counts as much as its weight [B].
    """
    n_tags = emissions.shape[1]
    parameters, fits = _exp_parameters(transitions, start, end)
    exp_transitions, exp_end = parameters[0], parameters[4]
    transposed = np.ascontiguousarray(exp_transitions.T)
    longest = _longest(offsets)
    alpha = np.empty((longest, n_tags))
    exp_emissions = np.empty((longest, n_tags))
    scales = np.empty(longest)
    beta, ahead = np.empty(n_tags), np.empty(n_tags)
    scaled_edges = np.zeros((n_tags, n_tags))
    for b in range(offsets.shape[0] - 1):
        first, last = offsets[b], offsets[b + 1] - 1
        sequence = emissions[first : last + 1]
        length = sequence.shape[0]
        if length == 0:
            log_z[b] = 0.0
            continue
        trusted, closing = False, 0.0
        if fits:
            log_z[b], closing, trusted = _forward(
                sequence, parameters, alpha, exp_emissions, scales
            )
        if not trusted:
            log_z[b] = _log_marginals(
                sequence,
                transitions,
                start,
                end,
                weights[b],
                tags[first : last + 1],
                edges,
            )
        elif log_z[b] != -np.inf:
            # The backward score of a state is at most 1 / alpha, and knows no bound
            # where alpha is zero, because no path gets there.
            for k in range(n_tags):
                beta[k] = 0.0 if alpha[length - 1, k] == 0.0 else exp_end[k] / closing
                tags[last, k] = alpha[length - 1, k] * beta[k]
            for t in range(length - 2, -1, -1):
                for k in range(n_tags):
                    ahead[k] = exp_emissions[t + 1, k] * beta[k] / scales[t + 1]
                _times(ahead, transposed, beta)
                for i in range(n_tags):
                    weight = alpha[t, i]
                    if weight == 0.0:
                        beta[i] = 0.0
                    else:
                        tags[first + t, i] = weight * beta[i]
                        weight *= weights[b]
                        row = scaled_edges[i]
                        for j in range(n_tags):
                            row[j] += weight * ahead[j]
        for k in range(n_tags):
            starts[k] += weights[b] * tags[first, k]
            ends[k] += weights[b] * tags[last, k]
    for i in range(n_tags):
        for j in range(n_tags):
            edges[i, j] += scaled_edges[i, j] * exp_transitions[i, j]


@njit(cache=True, nogil=True)
def _log_marginals(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, weight, tags, edges
):
    """Marginals of one sequence in log space; returns log Z."""
    length, n_tags = emissions.shape
    alpha = np.empty((length, n_tags))
    beta = np.empty((length, n_tags))
    log_z = _log_forward(emissions, transitions, start, end, alpha)
    if log_z == -np.inf:
        return log_z
    _log_backward(emissions, transitions, end, beta)
    for t in range(length):
        for j in range(n_tags):
            tags[t, j] = np.exp(alpha[t, j] + beta[t, j] - log_z)
    for t in range(1, length):
        _add_edges(
            alpha[t - 1], transitions, emissions[t], beta[t], log_z, weight, edges
        )
    return log_z


@njit(cache=True, nogil=True)
def _add_edges(  # type: ignore[no-untyped-def]
    alpha, transitions, emissions, beta, log_z, weight, edges
):
    """Add the joint probability of the tags of one token and the one before it."""
    n_tags = alpha.shape[0]
    for i in range(n_tags):
        if alpha[i] != -np.inf:
            for j in range(n_tags):
                edges[i, j] += weight * np.exp(
                    alpha[i] + transitions[i, j] + emissions[j] + beta[j] - log_z
                )


@njit(cache=True, nogil=True)
def edge_marginals(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, offsets, tokens, targets, edges
):
    """Write the joint probability of neighbouring tags at sorted tokens [M] to rows
    `targets` [M] of edges [M, K, K].
    """
    longest = _longest(offsets)
    alpha = np.empty((longest, emissions.shape[1]))
    beta = np.empty((longest, emissions.shape[1]))
    m = 0
    for b in range(offsets.shape[0] - 1):
        if m == tokens.shape[0]:
            return
        if tokens[m] >= offsets[b + 1]:
            continue
        sequence = emissions[offsets[b] : offsets[b + 1]]
        log_z = _log_forward(sequence, transitions, start, end, alpha)
        if log_z != -np.inf:
            _log_backward(sequence, transitions, end, beta[: sequence.shape[0]])
        while m < tokens.shape[0] and tokens[m] < offsets[b + 1]:
            t = tokens[m] - offsets[b]
            if log_z != -np.inf:
                _add_edges(
                    alpha[t - 1],
                    transitions,
                    sequence[t],
                    beta[t],
                    log_z,
                    1.0,
                    edges[targets[m]],
                )
            m += 1


@njit(cache=True, nogil=True)
def viterbi(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, offsets, previous, tags, scores
):
    """Write the tags of the best paths [N] and their scores [B]. Of equal paths the
    one with the lower tag numbers, read from the end, wins.
    """
    n_tags = emissions.shape[1]
    best, reached = np.empty(n_tags), np.empty(n_tags)
    for b in range(offsets.shape[0] - 1):
        first = offsets[b]
        length = offsets[b + 1] - first
        if length == 0:
            scores[b] = 0.0
            continue
        for k in range(n_tags):
            best[k] = start[k] + emissions[first, k]
        for t in range(1, length):
            came_from = previous[t]
            reached[:] = -np.inf
            came_from[:] = 0
            for i in range(n_tags):
                score = best[i]
                if score != -np.inf:
                    row = transitions[i]
                    for j in range(n_tags):
                        candidate = score + row[j]
                        if candidate > reached[j]:
                            reached[j] = candidate
                            came_from[j] = i
            for k in range(n_tags):
                best[k] = reached[k] + emissions[first + t, k]
        tag = 0
        score = best[0] + end[0]
        for k in range(1, n_tags):
            if best[k] + end[k] > score:
                score = best[k] + end[k]
                tag = k
        scores[b] = score
        for t in range(length - 1, -1, -1):
            tags[first + t] = tag
            tag = previous[t, tag]


@njit(cache=True, nogil=True)
def _longest(offsets):  # type: ignore[no-untyped-def]
    longest = 0
    for b in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[b + 1] - offsets[b])
    return longest
