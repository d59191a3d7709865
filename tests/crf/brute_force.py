"""Answers to every question to a lattice, by listing all of its paths."""

from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Callable, List, NamedTuple, Optional, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp

from spacy_crf_tagger.crf import Constraints, Lattice, Potentials

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SCORES = ("emissions", "transitions", "start", "end")


class Enumeration(NamedTuple):
    log_z: Floats  # [B]
    tags: Floats  # [N, K]
    edges: Floats  # [N, K, K], zero for the first token of a sequence
    transitions: Floats  # [K, K]
    start: Floats  # [K]
    end: Floats  # [K]
    best: Floats  # [B]


def enumerate_paths(lattice: Lattice) -> Enumeration:
    n_tokens, k = lattice.emissions.shape
    n_sequences = len(lattice.lengths)
    tags, edges = np.zeros((n_tokens, k)), np.zeros((n_tokens, k, k))
    start, end = np.zeros(k), np.zeros(k)
    log_z, best = np.zeros(n_sequences), np.zeros(n_sequences)
    for b, rows in enumerate(rows_of(lattice.lengths)):
        paths = all_paths(len(rows), k)
        scores = score_paths(lattice, rows, paths)
        best[b] = scores.max()
        log_z[b] = logsumexp(scores)
        if log_z[b] == -np.inf or not len(rows):
            continue
        probabilities = np.exp(scores - log_z[b])
        for t, row in enumerate(rows):
            tags[row] = np.bincount(paths[:, t], probabilities, minlength=k)
            if t > 0:
                pairs = paths[:, t - 1] * k + paths[:, t]
                counts = np.bincount(pairs, probabilities, minlength=k * k)
                edges[row] = counts.reshape(k, k)
        start += tags[rows[0]]
        end += tags[rows[-1]]
    return Enumeration(log_z, tags, edges, edges.sum(0), start, end, best)


def path_log_probabilities(lattice: Lattice) -> List[Floats]:
    """Log probability of every path of each sequence, in the order of `all_paths`."""
    by_sequence = []
    for rows in rows_of(lattice.lengths):
        paths = all_paths(len(rows), lattice.n_tags)
        scores = score_paths(lattice, rows, paths)
        by_sequence.append(scores - logsumexp(scores))
    return by_sequence


@lru_cache
def all_paths(length: int, n_tags: int) -> Ints:
    paths = list(product(range(n_tags), repeat=length))
    return np.array(paths, dtype=np.int64).reshape(n_tags**length, length)


def score_paths(lattice: Lattice, rows: Ints, paths: Ints) -> Floats:
    """Scores of paths [P, length] through the sequence that has these rows, [P]."""
    scores = np.zeros(len(paths))
    if not len(rows):
        return scores
    emissions, transitions, start, end = as_doubles(lattice)
    scores += start[paths[:, 0]] + end[paths[:, -1]]
    for t, row in enumerate(rows):
        scores += emissions[row, paths[:, t]]
    for t in range(1, len(rows)):
        scores += transitions[paths[:, t - 1], paths[:, t]]
    return scores


def score_tags(lattice: Lattice, tags: Ints) -> Floats:
    """Score of one tag sequence for each sequence of the batch, [B]."""
    tags = np.asarray(tags)
    return np.array(
        [
            score_paths(lattice, rows, tags[rows][None, :])[0]
            for rows in rows_of(lattice.lengths)
        ]
    )


def finite_differences(
    function: Callable[[Lattice], float], lattice: Lattice, field: str
) -> Floats:
    """Gradient of a function with respect to one kind of scores of a lattice; zero
    where a score is forbidden.
    """
    step = 1e-5
    scores = getattr(lattice, field)
    gradient = np.zeros_like(scores)
    for index in zip(*np.nonzero(scores > -np.inf), strict=True):
        values = []
        for sign in (1, -1):
            moved = scores.copy()
            moved[index] += sign * step
            values.append(function(replace(lattice, **{field: moved})))
        gradient[index] = (values[0] - values[1]) / (2 * step)
    return gradient


def as_doubles(lattice: Lattice) -> List[Floats]:
    return [
        np.asarray(scores, dtype=np.float64)
        for scores in (
            lattice.emissions,
            lattice.transitions,
            lattice.start,
            lattice.end,
        )
    ]


def rows_of(lengths: Sequence[int]) -> List[Ints]:
    """The rows of each sequence of a ragged batch."""
    ends = np.cumsum(lengths)
    return [
        np.arange(end - length, end) for end, length in zip(ends, lengths, strict=True)
    ]


def inner_rows(lengths: Sequence[int]) -> Ints:
    """The rows of all tokens that have a token before them in their sequence."""
    return np.concatenate([np.zeros(0, np.int64), *(r[1:] for r in rows_of(lengths))])


def random_potentials(
    rng: np.random.Generator,
    lengths: Sequence[int],
    n_tags: int,
    scales: Sequence[float] = (1.0,),
    dtype: type = np.float64,
) -> Potentials:
    """Normal scores, each multiplied by one of the scales."""

    def draw(*shape: int) -> NDArray:
        return (rng.normal(size=shape) * rng.choice(scales, size=shape)).astype(dtype)

    return Potentials(
        draw(sum(lengths), n_tags),
        draw(n_tags, n_tags),
        draw(n_tags),
        draw(n_tags),
        np.array(lengths, dtype=np.int64),
    )


def random_constraints(
    rng: np.random.Generator, n_tags: int, forbidden: float
) -> Constraints:
    return Constraints(
        rng.random((n_tags, n_tags)) >= forbidden,
        rng.random(n_tags) >= forbidden,
        rng.random(n_tags) >= forbidden,
    )


def random_lattice(
    rng: np.random.Generator,
    lengths: Sequence[int],
    n_tags: int,
    scales: Sequence[float] = (1.0,),
    forbidden: float = 0.0,
    always_possible: bool = False,
    dtype: type = np.float64,
) -> Lattice:
    """Random scores, of which a share is forbidden. If always possible, then tag 0
    stays allowed everywhere.
    """
    potentials = random_potentials(rng, lengths, n_tags, scales, dtype)
    constraints = random_constraints(rng, n_tags, forbidden)
    allowed = random_mask(rng, potentials, forbidden, always_possible)
    if always_possible:
        constraints.transitions[0, 0] = constraints.start[0] = True
        constraints.end[0] = True
    return Lattice.build(potentials, constraints, allowed)


def random_mask(
    rng: np.random.Generator,
    potentials: Potentials,
    forbidden: float,
    always_possible: bool,
) -> NDArray[np.bool_]:
    allowed = rng.random(potentials.emissions.shape) >= forbidden
    if always_possible:
        allowed[:, 0] = True
    return allowed


def as_tensors(lattice: Lattice) -> Lattice:
    return Lattice(
        torch.from_numpy(np.ascontiguousarray(lattice.emissions)),
        torch.from_numpy(np.ascontiguousarray(lattice.transitions)),
        torch.from_numpy(np.ascontiguousarray(lattice.start)),
        torch.from_numpy(np.ascontiguousarray(lattice.end)),
        lattice.lengths,
    )


def first_impossible(log_scores: Floats) -> Optional[int]:
    impossible = np.flatnonzero(log_scores == -np.inf)
    return int(impossible[0]) if len(impossible) else None
