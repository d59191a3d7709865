"""The backends against each other, on batches that are too large to enumerate."""

from dataclasses import replace

import numpy as np
import pytest

from spacy_crf_tagger.crf import (
    Lattice,
    TagScheme,
    edge_marginals,
    forward_backward,
    log_partition,
    negative_log_likelihood,
    viterbi,
)
from spacy_crf_tagger.crf.backends.numba import backend as numba_backend
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend

from ..brute_force import inner_rows, random_mask, random_potentials

SCHEME = TagScheme(["PER", "ORG", "LOC", "MISC"])
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-9}


def large_lattice(
    seed: int, scales: tuple, dtype: type = np.float64, n_sequences: int = 20
) -> Lattice:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 61, size=n_sequences)
    potentials = random_potentials(rng, lengths, SCHEME.n_tags, scales, dtype)
    allowed = random_mask(rng, potentials, forbidden=0.2, always_possible=True)
    return Lattice.build(potentials, SCHEME.constraints, allowed)


# At 1 all is scaled, at 1e4 all is in log space, and 15 mixes the two in one batch.
@pytest.fixture(params=[(1.0,), (1.0, 15.0), (1.0, 100.0, 1e4)], ids=str)
def lattice(request: pytest.FixtureRequest, dtype: type) -> Lattice:
    return large_lattice(seed=5, scales=request.param, dtype=dtype)


def test_marginals(lattice: Lattice) -> None:
    ours = forward_backward(lattice, numba_backend)
    theirs = forward_backward(lattice, torch_backend)
    tolerance = TOLERANCE[lattice.emissions.dtype.type]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=20 * tolerance)
    np.testing.assert_allclose(
        log_partition(lattice, numba_backend), ours.log_z, rtol=1e-12
    )
    np.testing.assert_allclose(
        log_partition(lattice, torch_backend), theirs.log_z, rtol=1e-12
    )


def test_edges(lattice: Lattice) -> None:
    rng = np.random.default_rng(0)
    tokens = rng.choice(inner_rows(lattice.lengths), size=50)
    np.testing.assert_allclose(
        edge_marginals(lattice, tokens, numba_backend),
        edge_marginals(lattice, tokens, torch_backend),
        atol=1e-9,
    )


def test_edges_sum_up_to_expected_transitions(lattice: Lattice, backend) -> None:
    edges = edge_marginals(lattice, inner_rows(lattice.lengths), backend)
    expected = forward_backward(lattice, backend).transitions
    np.testing.assert_allclose(edges.sum(0), expected, rtol=1e-9, atol=1e-9)


def test_paths(lattice: Lattice) -> None:
    ours, theirs = viterbi(lattice, numba_backend), viterbi(lattice, torch_backend)
    np.testing.assert_array_equal(ours.tags, theirs.tags)
    np.testing.assert_allclose(ours.scores, theirs.scores, rtol=1e-12)


def test_ties_are_broken_alike() -> None:
    lattice = large_lattice(seed=6, scales=(1.0,))
    scores = (lattice.emissions, lattice.transitions, lattice.start, lattice.end)
    rounded = Lattice(*map(np.round, scores), lattice.lengths)
    np.testing.assert_array_equal(
        viterbi(rounded, numba_backend).tags, viterbi(rounded, torch_backend).tags
    )


def test_loss(lattice: Lattice) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(scale=1e5, size=lattice.emissions.shape)
    path = viterbi(replace(lattice, emissions=lattice.emissions + noise)).tags
    annotation = np.eye(SCHEME.n_tags, dtype=bool)[path]
    annotation |= rng.random((len(path), 1)) < 0.2
    known = lattice.restrict(annotation)
    ours, our_gradients = negative_log_likelihood(lattice, known, numba_backend)
    theirs, their_gradients = negative_log_likelihood(lattice, known, torch_backend)
    tolerance = TOLERANCE[lattice.emissions.dtype.type]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    for a, b in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=20 * tolerance)


def test_chunks_of_a_step_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lattice = large_lattice(seed=7, scales=(1.0,))
    whole = forward_backward(lattice, torch_backend)
    path = viterbi(lattice, torch_backend).tags
    monkeypatch.setattr(torch_backend, "_MAX_CELLS", 3 * SCHEME.n_tags**2)
    for a, b in zip(forward_backward(lattice, torch_backend), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(viterbi(lattice, torch_backend).tags, path)
