"""What holds for every lattice."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger.crf import (
    Lattice,
    edge_marginals,
    forward_backward,
    log_partition,
    negative_log_likelihood,
    viterbi,
)

from .brute_force import inner_rows, random_lattice, rows_of, score_tags
from .conftest import Engine

every_lattice = settings(max_examples=40, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def lattices(draw: st.DrawFn, min_sequences: int = 0) -> Lattice:
    """Lattices in which every sequence has an allowed path."""
    lengths = draw(st.lists(st.integers(0, 9), min_size=min_sequences, max_size=4))
    return random_lattice(
        np.random.default_rng(draw(seeds)),
        lengths,
        n_tags=draw(st.integers(1, 5)),
        scales=draw(st.lists(st.sampled_from([0.1, 1.0, 30.0, 1e3, 1e4]), min_size=1)),
        forbidden=draw(st.sampled_from([0.0, 0.2, 0.6])),
        always_possible=True,
        dtype=draw(st.sampled_from([np.float32, np.float64])),
    )


def tolerance_of(lattice: Lattice) -> float:
    """Error of a log Z, which is a sum of scores as large as those of the lattice."""
    scores = (lattice.emissions, lattice.transitions, lattice.start, lattice.end)
    largest = max(
        float(np.abs(array[np.isfinite(array)]).max(initial=1.0)) for array in scores
    )
    return 1e-13 * largest * (len(lattice.emissions) + 1)


@every_lattice
@given(lattice=lattices())
def test_marginals_are_distributions(engine: Engine, lattice: Lattice) -> None:
    marginals = forward_backward(engine.prepare(lattice), engine.backend)
    tags = np.asarray(marginals.tags)
    assert (tags >= 0).all()
    np.testing.assert_allclose(tags.sum(axis=1), 1.0, atol=1e-6)
    lengths = lattice.lengths
    n_steps = np.maximum(lengths - 1, 0).sum()
    assert marginals.transitions.sum() == pytest.approx(n_steps, abs=1e-6)
    assert marginals.start.sum() == pytest.approx((lengths > 0).sum(), abs=1e-5)
    assert marginals.end.sum() == pytest.approx((lengths > 0).sum(), abs=1e-5)


@every_lattice
@given(lattice=lattices())
def test_edges_agree_with_tags(engine: Engine, lattice: Lattice) -> None:
    rows = inner_rows(lattice.lengths)
    prepared = engine.prepare(lattice)
    edges = np.asarray(edge_marginals(prepared, rows, engine.backend))
    tags = np.asarray(forward_backward(prepared, engine.backend).tags)
    np.testing.assert_allclose(edges.sum(axis=1), tags[rows], atol=1e-6)
    np.testing.assert_allclose(edges.sum(axis=2), tags[rows - 1], atol=1e-6)


@every_lattice
@given(lattice=lattices())
def test_the_best_path_is_one_of_all(engine: Engine, lattice: Lattice) -> None:
    prepared = engine.prepare(lattice)
    log_z = np.asarray(log_partition(prepared, engine.backend))
    scores = np.asarray(viterbi(prepared, engine.backend).scores)
    n_paths = lattice.lengths * np.log(lattice.n_tags)
    tolerance = tolerance_of(lattice)
    assert (scores <= log_z + tolerance).all()
    assert (scores >= log_z - n_paths - tolerance).all()


@every_lattice
@given(lattice=lattices())
def test_the_best_path_is_allowed(engine: Engine, lattice: Lattice) -> None:
    paths = viterbi(engine.prepare(lattice), engine.backend)
    scores = score_tags(lattice, paths.tags)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, paths.scores, rtol=0, atol=tolerance_of(lattice))


@every_lattice
@given(lattice=lattices())
def test_what_is_forbidden_has_no_probability(engine: Engine, lattice: Lattice) -> None:
    marginals = forward_backward(engine.prepare(lattice), engine.backend)
    for scores, probabilities in (
        (lattice.emissions, marginals.tags),
        (lattice.transitions, marginals.transitions),
        (lattice.start, marginals.start),
        (lattice.end, marginals.end),
    ):
        assert (np.asarray(probabilities)[scores == -np.inf] == 0.0).all()


@every_lattice
@given(lattice=lattices(), constant=st.floats(-50, 50), data=st.data())
def test_a_constant_for_all_tags_of_a_token(
    engine: Engine, lattice: Lattice, constant: float, data: st.DataObject
) -> None:
    n_tokens = len(lattice.emissions)
    if n_tokens == 0:
        return
    # In single precision the sum of a score and the constant would be rounded.
    lattice = replace(lattice, emissions=lattice.emissions.astype(np.float64))
    token = data.draw(st.integers(0, n_tokens - 1))
    emissions = lattice.emissions.copy()
    emissions[token] += constant
    before, after = (
        forward_backward(engine.prepare(each), engine.backend)
        for each in (lattice, replace(lattice, emissions=emissions))
    )
    of_token = [token in rows for rows in rows_of(lattice.lengths)]
    np.testing.assert_allclose(
        after.log_z,
        before.log_z + np.where(of_token, constant, 0.0),
        rtol=0,
        atol=tolerance_of(lattice) + 1e-10,
    )
    for a, b in zip(after[1:], before[1:], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)
    paths = [
        viterbi(engine.prepare(each), engine.backend).tags
        for each in (lattice, replace(lattice, emissions=emissions))
    ]
    np.testing.assert_array_equal(*paths)


def alone(lattice: Lattice, rows: np.ndarray) -> Lattice:
    return replace(
        lattice, emissions=lattice.emissions[rows], lengths=np.array([len(rows)])
    )


@every_lattice
@given(lattice=lattices(min_sequences=2))
def test_neighbours_in_a_batch_change_nothing(engine: Engine, lattice: Lattice) -> None:
    prepared = engine.prepare(lattice)
    marginals = forward_backward(prepared, engine.backend)
    paths = viterbi(prepared, engine.backend)
    transitions = np.zeros_like(lattice.transitions, dtype=np.float64)
    tags, edges_of_all = np.asarray(marginals.tags), np.asarray(marginals.transitions)
    for b, rows in enumerate(rows_of(lattice.lengths)):
        single = engine.prepare(alone(lattice, rows))
        expected = forward_backward(single, engine.backend)
        assert float(marginals.log_z[b]) == pytest.approx(
            float(expected.log_z[0]), rel=1e-13, abs=1e-13
        )
        np.testing.assert_allclose(tags[rows], expected.tags, rtol=1e-6, atol=1e-12)
        transitions += np.asarray(expected.transitions)
        best = viterbi(single, engine.backend)
        np.testing.assert_array_equal(np.asarray(paths.tags)[rows], best.tags)
        assert float(paths.scores[b]) == float(best.scores[0])
    np.testing.assert_allclose(edges_of_all, transitions, rtol=1e-9, atol=1e-12)


@every_lattice
@given(lattice=lattices(min_sequences=2), seed=seeds)
def test_the_order_of_a_batch_changes_nothing(
    engine: Engine, lattice: Lattice, seed: int
) -> None:
    rows = rows_of(lattice.lengths)
    order = np.random.default_rng(seed).permutation(len(rows))
    moved_rows = np.concatenate([rows[b] for b in order])
    moved = replace(
        lattice,
        emissions=lattice.emissions[moved_rows],
        lengths=lattice.lengths[order],
    )
    before = forward_backward(engine.prepare(lattice), engine.backend)
    after = forward_backward(engine.prepare(moved), engine.backend)
    np.testing.assert_allclose(after.log_z, before.log_z[order], rtol=1e-13)
    np.testing.assert_allclose(
        after.tags, before.tags[moved_rows], rtol=1e-6, atol=1e-12
    )
    for a, b in zip(after[2:], before[2:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(
        viterbi(engine.prepare(moved), engine.backend).tags,
        viterbi(engine.prepare(lattice), engine.backend).tags[moved_rows],
    )


@every_lattice
@given(lattice=lattices(), seed=seeds, share=st.sampled_from([0.1, 0.5, 0.9]))
def test_knowing_more_never_makes_more_paths(
    engine: Engine, lattice: Lattice, seed: int, share: float
) -> None:
    mask = np.random.default_rng(seed).random(lattice.emissions.shape) >= share
    restricted = lattice.restrict(mask)
    before = log_partition(engine.prepare(lattice), engine.backend)
    after = log_partition(engine.prepare(restricted), engine.backend)
    assert (np.asarray(after) <= np.asarray(before) + tolerance_of(lattice)).all()


@every_lattice
@given(lattice=lattices(), seed=seeds)
def test_loss_is_never_negative(engine: Engine, lattice: Lattice, seed: int) -> None:
    mask = np.random.default_rng(seed).random(lattice.emissions.shape) < 0.5
    mask[:, 0] = True
    known = engine.prepare(lattice.restrict(mask))
    losses, _ = negative_log_likelihood(engine.prepare(lattice), known, engine.backend)
    assert (np.asarray(losses) >= -tolerance_of(lattice)).all()


@every_lattice
@given(lattice=lattices())
def test_nothing_known_nothing_lost(engine: Engine, lattice: Lattice) -> None:
    known = lattice.restrict(np.ones(lattice.emissions.shape, dtype=bool))
    losses, gradients = negative_log_likelihood(
        engine.prepare(lattice), engine.prepare(known), engine.backend
    )
    assert not np.asarray(losses).any()
    for gradient in gradients[:4]:
        assert not np.asarray(gradient).any()
