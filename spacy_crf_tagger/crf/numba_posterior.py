"""Compiled recursions beyond plain marginals: what tag follows a given one, and how
an expectation changes with the scores. Shapes as in `numba_kernels`.
"""

import numpy as np
from numba import njit

from .numba_kernels import (
    _exp_parameters,
    _forward,
    _log_backward,
    _log_forward,
    _longest,
    _times,
)


@njit(cache=True, nogil=True)
def posterior(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, offsets, pairs, tags, conditionals
):
    """Write the probability of each tag [N, K], and that of the second tag of each
    pair [P, 2] at a token given the first one at the token before [N, P].
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
    for b in range(offsets.shape[0] - 1):
        first, last = offsets[b], offsets[b + 1] - 1
        sequence = emissions[first : last + 1]
        length = sequence.shape[0]
        if length == 0:
            continue
        trusted, closing, log_z = False, 0.0, 0.0
        if fits:
            log_z, closing, trusted = _forward(
                sequence, parameters, alpha, exp_emissions, scales
            )
        if not trusted:
            _log_posterior(
                sequence,
                transitions,
                start,
                end,
                pairs,
                tags[first : last + 1],
                conditionals[first : last + 1],
            )
            continue
        if log_z == -np.inf:
            continue
        for k in range(n_tags):
            beta[k] = 0.0 if alpha[length - 1, k] == 0.0 else exp_end[k] / closing
            tags[last, k] = alpha[length - 1, k] * beta[k]
        for t in range(length - 2, -1, -1):
            for k in range(n_tags):
                ahead[k] = exp_emissions[t + 1, k] * beta[k] / scales[t + 1]
            _times(ahead, transposed, beta)
            for i in range(n_tags):
                if alpha[t, i] == 0.0:
                    beta[i] = 0.0
                tags[first + t, i] = alpha[t, i] * beta[i]
            for p in range(pairs.shape[0]):
                i, j = pairs[p, 0], pairs[p, 1]
                if beta[i] > 0.0:
                    conditionals[first + t + 1, p] = (
                        exp_transitions[i, j] * ahead[j] / beta[i]
                    )


@njit(cache=True, nogil=True)
def _log_posterior(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, pairs, tags, conditionals
):
    """The same for one sequence in log space."""
    length, n_tags = emissions.shape
    alpha = np.empty((length, n_tags))
    beta = np.empty((length, n_tags))
    log_z = _log_forward(emissions, transitions, start, end, alpha)
    if log_z == -np.inf:
        return
    _log_backward(emissions, transitions, end, beta)
    for t in range(length):
        for k in range(n_tags):
            tags[t, k] = np.exp(alpha[t, k] + beta[t, k] - log_z)
        if t > 0:
            for p in range(pairs.shape[0]):
                i, j = pairs[p, 0], pairs[p, 1]
                if tags[t - 1, i] > 0.0:
                    step = transitions[i, j] + emissions[t, j] + beta[t, j]
                    conditionals[t, p] = np.exp(step - beta[t - 1, i])


@njit(cache=True, nogil=True)
def expectation(  # type: ignore[no-untyped-def]
    emissions,
    transitions,
    start,
    end,
    offsets,
    weights,
    values,
    tags,
    edges,
    starts,
    ends,
):
    """Write the expected sum of the weights [K] of a path's tags [B] and its gradient
    with respect to the emissions [N, K], and add to those with respect to transitions
    [K, K], start [K] and end [K].
    """
    n_tags = emissions.shape[1]
    parameters, fits = _exp_parameters(transitions, start, end)
    exp_transitions, exp_end = parameters[0], parameters[4]
    transposed = np.ascontiguousarray(exp_transitions.T)
    longest = _longest(offsets)
    alpha = np.empty((longest, n_tags))
    weighted_alpha = np.empty((longest, n_tags))
    exp_emissions = np.empty((longest, n_tags))
    scales = np.empty(longest)
    beta, ahead = np.empty(n_tags), np.empty(n_tags)
    weighted_beta, weighted_ahead = np.empty(n_tags), np.empty(n_tags)
    scaled_edges = np.zeros((n_tags, n_tags))
    for b in range(offsets.shape[0] - 1):
        first, last = offsets[b], offsets[b + 1] - 1
        sequence = emissions[first : last + 1]
        length = sequence.shape[0]
        if length == 0:
            continue
        trusted, closing, log_z = False, 0.0, 0.0
        if fits:
            log_z, closing, trusted = _forward(
                sequence, parameters, alpha, exp_emissions, scales
            )
        if not trusted:
            values[b] = _log_expectation(
                sequence,
                transitions,
                start,
                end,
                weights,
                tags[first : last + 1],
                edges,
            )
        elif log_z != -np.inf:
            # alpha times the expected weight up to the token, given its tag
            for t in range(length):
                if t == 0:
                    weighted_alpha[0] = 0.0
                else:
                    _times(weighted_alpha[t - 1], exp_transitions, weighted_alpha[t])
                for k in range(n_tags):
                    weighted_alpha[t, k] *= exp_emissions[t, k] / scales[t]
                    weighted_alpha[t, k] += weights[k] * alpha[t, k]
            expected = 0.0
            for k in range(n_tags):
                expected += weighted_alpha[length - 1, k] * exp_end[k] / closing
            values[b] = expected
            for t in range(length - 1, -1, -1):
                if t == length - 1:
                    for k in range(n_tags):
                        reached = alpha[t, k] != 0.0
                        beta[k] = exp_end[k] / closing if reached else 0.0
                        weighted_beta[k] = 0.0
                else:
                    for k in range(n_tags):
                        factor = exp_emissions[t + 1, k] / scales[t + 1]
                        ahead[k] = factor * beta[k]
                        weighted_ahead[k] = factor * (
                            weighted_beta[k] + weights[k] * beta[k]
                        )
                    _times(ahead, transposed, beta)
                    _times(weighted_ahead, transposed, weighted_beta)
                    for i in range(n_tags):
                        if alpha[t, i] == 0.0:
                            beta[i] = 0.0
                            weighted_beta[i] = 0.0
                            continue
                        surplus = weighted_alpha[t, i] - expected * alpha[t, i]
                        row = scaled_edges[i]
                        for j in range(n_tags):
                            row[j] += (
                                surplus * ahead[j] + alpha[t, i] * weighted_ahead[j]
                            )
                for k in range(n_tags):
                    tags[first + t, k] = (
                        weighted_alpha[t, k] - expected * alpha[t, k]
                    ) * beta[k] + alpha[t, k] * weighted_beta[k]
        for k in range(n_tags):
            starts[k] += tags[first, k]
            ends[k] += tags[last, k]
    for i in range(n_tags):
        for j in range(n_tags):
            edges[i, j] += scaled_edges[i, j] * exp_transitions[i, j]


@njit(cache=True, nogil=True)
def _log_expectation(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, weights, tags, edges
):
    """The same for one sequence in log space; returns the expectation."""
    length, n_tags = emissions.shape
    alpha = np.empty((length, n_tags))
    beta = np.empty((length, n_tags))
    log_z = _log_forward(emissions, transitions, start, end, alpha)
    if log_z == -np.inf:
        return 0.0
    _log_backward(emissions, transitions, end, beta)
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
