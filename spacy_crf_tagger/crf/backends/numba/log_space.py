"""Compiled recursions in log space, one sequence at a time: for the few sequences whose
scores lie too far apart for probability space, and for the rare questions.

Shapes: emissions [T, K] of one sequence or [N, K] of a batch, transitions [K, K], start
and end [K], offsets [B + 1].
"""

import numpy as np

from .compiled import kernel


@kernel
def log_sum_exp(values):  # type: ignore[no-untyped-def]
    """Return log(sum(exp(values)))."""
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


@kernel
def log_forward(emissions, transitions, start, end, alpha):  # type: ignore[no-untyped-def]
    """Forward recursion of one sequence in log space; returns log Z."""
    length, n_tags = emissions.shape
    terms = np.empty(n_tags)
    for j in range(n_tags):
        alpha[0, j] = start[j] + emissions[0, j]
    for t in range(1, length):
        for j in range(n_tags):
            for i in range(n_tags):
                terms[i] = alpha[t - 1, i] + transitions[i, j]
            alpha[t, j] = log_sum_exp(terms) + emissions[t, j]
    for j in range(n_tags):
        terms[j] = alpha[length - 1, j] + end[j]
    return log_sum_exp(terms)


@kernel
def log_backward(emissions, transitions, end, beta):  # type: ignore[no-untyped-def]
    """Backward recursion of one sequence in log space."""
    length, n_tags = emissions.shape
    terms = np.empty(n_tags)
    for k in range(n_tags):
        beta[length - 1, k] = end[k]
    for t in range(length - 2, -1, -1):
        for i in range(n_tags):
            for j in range(n_tags):
                terms[j] = transitions[i, j] + emissions[t + 1, j] + beta[t + 1, j]
            beta[t, i] = log_sum_exp(terms)


@kernel
def log_marginals(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, weight, tags, edges
):
    """Marginals of one sequence in log space; returns log Z."""
    length, n_tags = emissions.shape
    alpha = np.empty((length, n_tags))
    beta = np.empty((length, n_tags))
    log_z = log_forward(emissions, transitions, start, end, alpha)
    if log_z == -np.inf:
        return log_z
    log_backward(emissions, transitions, end, beta)
    for t in range(length):
        for j in range(n_tags):
            tags[t, j] = np.exp(alpha[t, j] + beta[t, j] - log_z)
    for t in range(1, length):
        _add_edges(
            alpha[t - 1], transitions, emissions[t], beta[t], log_z, weight, edges
        )
    return log_z


@kernel
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


@kernel
def log_posterior(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, pairs, tags, conditionals
):
    """The same for one sequence in log space."""
    length, n_tags = emissions.shape
    alpha = np.empty((length, n_tags))
    beta = np.empty((length, n_tags))
    log_z = log_forward(emissions, transitions, start, end, alpha)
    if log_z == -np.inf:
        return
    log_backward(emissions, transitions, end, beta)
    for t in range(length):
        for k in range(n_tags):
            tags[t, k] = np.exp(alpha[t, k] + beta[t, k] - log_z)
        if t > 0:
            for p in range(pairs.shape[0]):
                i, j = pairs[p, 0], pairs[p, 1]
                if tags[t - 1, i] > 0.0:
                    step = transitions[i, j] + emissions[t, j] + beta[t, j]
                    conditionals[t, p] = np.exp(step - beta[t - 1, i])


@kernel
def edge_marginals(  # type: ignore[no-untyped-def]
    emissions, transitions, start, end, offsets, tokens, targets, edges
):
    """Write the joint probability of neighbouring tags at sorted tokens [M] to rows
    `targets` [M] of edges [M, K, K].
    """
    longest = longest_of(offsets)
    alpha = np.empty((longest, emissions.shape[1]))
    beta = np.empty((longest, emissions.shape[1]))
    m = 0
    for b in range(offsets.shape[0] - 1):
        if m == tokens.shape[0]:
            return
        if tokens[m] >= offsets[b + 1]:
            continue
        sequence = emissions[offsets[b] : offsets[b + 1]]
        log_z = log_forward(sequence, transitions, start, end, alpha)
        if log_z != -np.inf:
            log_backward(sequence, transitions, end, beta[: sequence.shape[0]])
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


@kernel
def longest_of(offsets):  # type: ignore[no-untyped-def]
    """Return the length of the longest sequence."""
    longest = 0
    for b in range(offsets.shape[0] - 1):
        if offsets[b + 1] - offsets[b] > longest:
            longest = offsets[b + 1] - offsets[b]
    return longest
