"""The kernel of an expectation over paths and its gradients, one sequence at a time, in
probability space where that can be trusted, as in `blocks`.

Shapes: emissions [N, K], transitions [K, K], start and end [K], offsets [B + 1].
"""

from typing import Any, NamedTuple

import numpy as np

from .blocks import RANGE, TINY
from .compiled import called, kernel
from .log_space import log_backward, log_forward, longest_of


class Gradients(NamedTuple):
    """Gradients of an expectation, as the kernel is given them.

    tags (NDArray[float]): With respect to the emissions, [N, K].
    edges (NDArray[float]): With respect to transitions, [K, K].
    starts (NDArray[float]): With respect to start scores, [K].
    ends (NDArray[float]): With respect to end scores, [K].
    """

    tags: Any
    edges: Any
    starts: Any
    ends: Any


class _Forward(NamedTuple):
    """What the forward passes find out about a sequence of T tokens.

    alpha (NDArray[float]): Forward vectors, each of sum 1, [T, K].
    weighted (NDArray[float]): These times the expected weight up to the token, given
        its tag, [T, K].
    exp_emissions (NDArray[float]): exp(score - largest score), [T, K].
    scales (NDArray[float]): The sums of the forward vectors, [T].
    """

    alpha: Any
    weighted: Any
    exp_emissions: Any
    scales: Any


class _Backward(NamedTuple):
    """What the backward pass knows about one token and the one after it, [K] each.

    beta (NDArray[float]): The backward vector.
    weighted (NDArray[float]): This times the expected weight beyond the token, given
        its tag.
    ahead (NDArray[float]): Of the token after it, the backward vector with emissions.
    weighted_ahead (NDArray[float]): This times the weight of that token and beyond.
    """

    beta: Any
    weighted: Any
    ahead: Any
    weighted_ahead: Any


@kernel
def expectation(lattice, weights, values, gradients):  # type: ignore[no-untyped-def]
    """Write the expected sum of the weights [K] of a path's tags [B] and its gradient
    with respect to the emissions, and add to those with respect to transitions, start
    and end.
    """
    emissions, transitions, start, end, offsets = lattice
    tags, edges, starts, ends = gradients
    n_tags = emissions.shape[1]
    parameters, fits = _exp_parameters(transitions, start, end)
    exp_transitions, exp_end = parameters[0], parameters[4]
    transposed = np.empty((n_tags, n_tags))
    for i in range(n_tags):
        for j in range(n_tags):
            transposed[j, i] = exp_transitions[i, j]
    longest = longest_of(offsets)
    before = _Forward(
        np.empty((longest, n_tags)),
        np.empty((longest, n_tags)),
        np.empty((longest, n_tags)),
        np.empty(longest),
    )
    behind = _Backward(
        np.empty(n_tags), np.empty(n_tags), np.empty(n_tags), np.empty(n_tags)
    )
    scaled_edges = np.zeros((n_tags, n_tags))
    for b in range(offsets.shape[0] - 1):
        first, last = offsets[b], offsets[b + 1] - 1
        sequence, own = emissions[first : last + 1], tags[first : last + 1]
        length = sequence.shape[0]
        if length == 0:
            continue
        trusted, closing, log_z = False, 0.0, 0.0
        if fits:
            log_z, closing, trusted = _forward(sequence, parameters, before)
        if not trusted:
            values[b] = _log_expectation(
                sequence, transitions, start, end, weights, own, edges
            )
        elif log_z != -np.inf:
            _weigh_forward(length, exp_transitions, weights, before)
            expected = 0.0
            for k in range(n_tags):
                expected += before.weighted[length - 1, k] * exp_end[k] / closing
            values[b] = expected
            for k in range(n_tags):
                reached = before.alpha[length - 1, k] != 0.0
                behind.beta[k] = exp_end[k] / closing if reached else 0.0
                behind.weighted[k] = 0.0
            for t in range(length - 1, -1, -1):
                if t < length - 1:
                    _step_back(t, transposed, weights, before, behind)
                    _add_edges(t, expected, before, behind, scaled_edges)
                _write_gradient(t, expected, before, behind, own)
        for k in range(n_tags):
            starts[k] += tags[first, k]
            ends[k] += tags[last, k]
    for i in range(n_tags):
        for j in range(n_tags):
            edges[i, j] += scaled_edges[i, j] * exp_transitions[i, j]


@called
def _weigh_forward(length, exp_transitions, weights, before):  # type: ignore[no-untyped-def]
    """Compute the weighted forward vectors from the others."""
    weighted = before.weighted
    n_tags = weighted.shape[1]
    for t in range(length):
        if t == 0:
            for k in range(n_tags):
                weighted[0, k] = 0.0
        else:
            _times(weighted[t - 1], exp_transitions, weighted[t])
        for k in range(n_tags):
            weighted[t, k] *= before.exp_emissions[t, k] / before.scales[t]
            weighted[t, k] += weights[k] * before.alpha[t, k]


@called
def _step_back(t, transposed, weights, before, behind):  # type: ignore[no-untyped-def]
    """Compute the backward vectors of token t from those of the next token. They are
    zero where no path gets to, and nothing is known about what comes then.
    """
    beta, weighted, ahead, weighted_ahead = behind
    n_tags = beta.shape[0]
    for k in range(n_tags):
        factor = before.exp_emissions[t + 1, k] / before.scales[t + 1]
        ahead[k] = factor * beta[k]
        weighted_ahead[k] = factor * (weighted[k] + weights[k] * beta[k])
    _times(ahead, transposed, beta)
    _times(weighted_ahead, transposed, weighted)
    for k in range(n_tags):
        if before.alpha[t, k] == 0.0:
            beta[k] = 0.0
            weighted[k] = 0.0


@called
def _add_edges(t, expected, before, behind, edges):  # type: ignore[no-untyped-def]
    """Add the gradients of the steps from token t, divided by exp of their scores."""
    n_tags = edges.shape[0]
    for i in range(n_tags):
        share = before.alpha[t, i]
        if share != 0.0:
            surplus = before.weighted[t, i] - expected * share
            row = edges[i]
            for j in range(n_tags):
                row[j] += surplus * behind.ahead[j] + share * behind.weighted_ahead[j]


@called
def _write_gradient(t, expected, before, behind, tags):  # type: ignore[no-untyped-def]
    """Write the gradient with respect to the emissions of token t."""
    for k in range(tags.shape[1]):
        surplus = before.weighted[t, k] - expected * before.alpha[t, k]
        tags[t, k] = surplus * behind.beta[k] + before.alpha[t, k] * behind.weighted[k]


@kernel
def _log_expectation(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, weights, tags, edges
):
    """The same for one sequence in log space; returns the expectation."""
    length, n_tags = emissions.shape
    alpha = np.empty((length, n_tags))
    beta = np.empty((length, n_tags))
    log_z = log_forward(emissions, transitions, start, end, alpha)
    if log_z == -np.inf:
        return 0.0
    log_backward(emissions, transitions, end, beta)
    before = np.zeros((length, n_tags))  # expected weight up to the token, given a tag
    after = np.zeros((length, n_tags))  # the same beyond the token
    for t in range(length):
        for j in range(n_tags):
            before[t, j] = weights[j]
            if t > 0 and alpha[t, j] != -np.inf:
                for i in range(n_tags):
                    step = alpha[t - 1, i] + transitions[i, j] + emissions[t, j]
                    before[t, j] += np.exp(step - alpha[t, j]) * before[t - 1, i]
    for t in range(length - 2, -1, -1):
        for i in range(n_tags):
            if beta[t, i] != -np.inf:
                for j in range(n_tags):
                    step = transitions[i, j] + emissions[t + 1, j] + beta[t + 1, j]
                    after[t, i] += np.exp(step - beta[t, i]) * (
                        weights[j] + after[t + 1, j]
                    )
    expected = 0.0
    for k in range(n_tags):
        expected += np.exp(alpha[0, k] + beta[0, k] - log_z) * (
            before[0, k] + after[0, k]
        )
    for t in range(length):
        for j in range(n_tags):
            probability = np.exp(alpha[t, j] + beta[t, j] - log_z)
            tags[t, j] = probability * (before[t, j] + after[t, j] - expected)
    for t in range(1, length):
        for i in range(n_tags):
            for j in range(n_tags):
                probability = np.exp(
                    alpha[t - 1, i]
                    + transitions[i, j]
                    + emissions[t, j]
                    + beta[t, j]
                    - log_z
                )
                total = before[t - 1, i] + weights[j] + after[t, j]
                edges[i, j] += probability * (total - expected)
    return expected


@called
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
        for k in range(scores.shape[0]):
            out[k] = 0.0
        return top, True
    for k in range(scores.shape[0]):
        out[k] = np.exp(np.float64(scores[k]) - top)
    return np.float64(top), top - low <= RANGE


@kernel
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


@called
def _times(vector, matrix, out):  # type: ignore[no-untyped-def]
    """Out = vector @ matrix, skipping zeros of the vector."""
    n_tags = out.shape[0]
    for k in range(n_tags):
        out[k] = 0.0
    for i in range(n_tags):
        weight = vector[i]
        if weight != 0.0:
            row = matrix[i]
            for j in range(n_tags):
                out[j] += weight * row[j]


@called
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
        if vector[k] < TINY and vector[k] != 0.0:
            safe = False
    return total, safe


@called
def _forward(emissions, parameters, before):  # type: ignore[no-untyped-def]
    """Forward recursion of one sequence of at least one token in probability space.

    Writes alpha (scaled to sum 1), exp(emissions) and the scales; returns log Z, the
    scale of the end, and whether the result can be trusted.
    """
    length, n_tags = emissions.shape
    alpha, exp_emissions, scales = before.alpha, before.exp_emissions, before.scales
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
            for k in range(n_tags):
                alpha[0, k] = exp_start[k]
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
