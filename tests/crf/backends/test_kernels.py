"""What only the kernels of the CPU have: lanes, tiles and segments. Everything here is
compared with NumPy or with the other backend, which has none of them.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit
from numba.core.errors import NumbaError

from spacy_crf_tagger.crf import (
    Lattice,
    Potentials,
    TagScheme,
    forward_backward,
    log_partition,
    tag_posterior,
    viterbi,
)
from spacy_crf_tagger.crf.backends.numba import backend as numba_backend
from spacy_crf_tagger.crf.backends.numba import lane_memory, lanes, tiles
from spacy_crf_tagger.crf.backends.numba import scaling as numba_scaling
from spacy_crf_tagger.crf.backends.numba.memory import segment_length
from spacy_crf_tagger.crf.backends.numba.tiles import TILE_WIDTH, layout_of
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend

# More and less than a segment, ends of segments, more than a block of eight.
LENGTHS = np.array([300, 1, 129, 128, 0, 127, 257, 40, 5, 384, 2, 0, 77])
SCHEME = TagScheme(["A", "B", "C", "D"])
SEGMENT = segment_length(SCHEME.n_tags)


@njit
def apply(values, exps, exponents, mantissas):
    for first in range(0, len(values), lanes.LANES):
        found = lanes.exp(lane_memory.load(values, first))
        lane_memory.store(exps, first, found)
        normal = lanes.replace(found, 0.0, 1.0)
        lane_memory.store(exponents, first, lanes.exponent(normal))
        lane_memory.store(mantissas, first, lanes.mantissa(normal))


@njit
def read_third(values):
    return lane_memory.read(values, 2)


def test_lanes_are_not_read_from_strided_arrays():
    """Their numbers are taken to lie side by side."""
    numbers = np.arange(6)
    assert read_third(numbers) == 2
    with pytest.raises(NumbaError, match="contiguous"):
        read_third(numbers[::2])


@settings(deadline=None)  # the first call compiles
@given(
    arrays(
        np.float64,
        8,
        elements=st.one_of(
            st.floats(-700, 0), st.floats(-1, 0), st.sampled_from([-np.inf, -1e300])
        ),
    )
)
def test_exp(values):
    exps, exponents, mantissas = (np.full(8, np.nan) for _ in range(3))
    apply(values, exps, exponents, mantissas)
    np.testing.assert_allclose(exps, np.exp(values), rtol=4e-16)
    normal = np.where(exps == 0, 1.0, exps)
    np.testing.assert_array_equal(mantissas * 2.0**exponents, normal)
    assert ((mantissas >= 1) & (mantissas < 2)).all()


SCORES = st.one_of(
    st.floats(-50, 50), st.sampled_from([-np.inf, 0.0, 1e300, -1e300, -1.7e308])
)


@settings(deadline=None)
@given(
    st.integers(1, 7).flatmap(
        lambda k: arrays(np.float64, k * k + 2 * k, elements=SCORES)
    )
)
def test_scaling(scores):
    n_tags = round((len(scores) + 1) ** 0.5) - 1
    parts = np.split(scores, [n_tags**2, n_tags**2 + n_tags])
    out = np.zeros(len(scores) + 3)
    *tops, lowest = numba_scaling.scale(*parts, out)
    assert tops == [part.max() for part in parts]
    finite = [part[part > -np.inf] for part in parts]
    with np.errstate(over="ignore"):
        drops = [part - part.max() for part in finite if len(part)]
    assert lowest == min([0.0, *(drop.min() for drop in drops)])
    expected = []
    for part, top in zip(parts, tops, strict=True):
        with np.errstate(over="ignore", under="ignore"):
            relative = part - top if top > -np.inf else part
            expected += [*np.where(relative < -708, 0.0, np.exp(relative)), 0.0]
    np.testing.assert_allclose(out, expected, rtol=4e-16)


def test_scaling_in_log_space():
    log_z = np.ones(4)
    numba_scaling.add_tops(np.array([0, 1, 2, 5]), 3.0, 20.0, 100.0, log_z)
    assert log_z.tolist() == [1.0, 121.0, 124.0, 133.0]
    log_z = np.zeros(2)
    numba_scaling.add_tops(np.array([1, 2]), -np.inf, 20.0, 100.0, log_z)
    assert log_z.tolist() == [120.0, -np.inf]


@given(st.integers(1, 12), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_tiles_hold_each_entry_that_is_possible_once(n_tags, share, seed):
    rng = np.random.default_rng(seed)
    possible = rng.random((n_tags, n_tags)) < share
    matrix = np.where(possible, 1 + np.arange(n_tags**2).reshape(n_tags, n_tags), 0.0)
    layout = layout_of(possible)
    entries = np.append(matrix, 0.0)
    filled = layout.fill(entries)
    for found, expected in (
        (filled, matrix),
        (layout.fill_transposed(entries), matrix.T),
    ):
        rebuilt = np.zeros((n_tags, n_tags + 1))
        seen = []
        for n, (first, behind) in enumerate(
            zip(found.limits[:-1], found.limits[1:], strict=True)
        ):
            assert len(found.columns[n]) == TILE_WIDTH
            seen.extend(found.columns[n])
            for e in range(first, behind):
                np.add.at(rebuilt[found.rows[e]], found.columns[n], found.values[e])
        np.testing.assert_array_equal(rebuilt[:, :-1], expected)
        assert not rebuilt[:, -1].any()
        # Every column is written in each step, also one that nothing leads to.
        assert sorted(tag for tag in seen if tag < n_tags) == list(range(n_tags))
    np.testing.assert_array_equal(layout.spread(filled.values), matrix)
    scores = layout.fill_scores(matrix)
    is_there = np.repeat(filled.columns < n_tags, np.diff(filled.limits), axis=0)
    np.testing.assert_array_equal(scores.values[is_there], filled.values[is_there])
    sources, limits, steps = layout.predecessors(matrix)
    for tag in range(n_tags):
        own = slice(limits[tag], limits[tag + 1])
        np.testing.assert_array_equal(sources[own], np.flatnonzero(possible[:, tag]))
        np.testing.assert_array_equal(steps[own], matrix[sources[own], tag])


def test_columns_that_have_the_same_rows_share_tiles():
    layout = layout_of(SCHEME.constraints.transitions)
    # O, B and U follow the same nine tags; I and L follow two, for each of four labels.
    assert len(layout.columns) == 3 + 4
    assert len(layout.rows) == 3 * 9 + 4 * 2


def test_long_patterns_are_looked_up_and_forgotten(monkeypatch):
    recent = tiles._Recent()
    monkeypatch.setattr(tiles, "_long_layouts", recent)
    n_tags = 129
    assert n_tags**2 > tiles._SHORT_PATTERN
    patterns = [np.ones((n_tags, n_tags), bool) for _ in range(3)]
    for number, pattern in enumerate(patterns):
        pattern[number, number] = False
    first, second, third = map(layout_of, patterns)
    assert layout_of(patterns[0].copy()) is first
    # A pattern that is changed afterwards is another one.
    patterns[0][5, 5] = False
    assert layout_of(patterns[0]) is not first
    assert first.possible[5, 5]
    monkeypatch.setattr(tiles, "_LARGEST_SIZE", len(third.places) + 1)
    kept = layout_of(~patterns[1])
    assert recent.size <= len(third.places) + 1
    assert layout_of(~patterns[1]) is kept
    assert layout_of(patterns[1]) is not second


def test_columns_come_in_the_order_of_their_patterns():
    """So that sums over tiles are rounded alike, however patterns are compared."""
    rng = np.random.default_rng(0)
    possible = rng.random((20, 20)) < 0.5
    possible[:, 10:] = possible[:, :10]
    _, kind = np.unique(possible, axis=1, return_inverse=True)
    expected = [np.flatnonzero(kind.reshape(-1) == n) for n in range(kind.max() + 1)]
    for own, other in zip(tiles._groups(possible), expected, strict=True):
        np.testing.assert_array_equal(own, other)


def make_lattice(seed=0, dtype=np.float64, lengths=LENGTHS, constraints=True):
    rng = np.random.default_rng(seed)
    n_tags = SCHEME.n_tags
    scores = [
        (2 * rng.normal(size=shape)).astype(dtype)
        for shape in ((lengths.sum(), n_tags), (n_tags, n_tags), n_tags, n_tags)
    ]
    potentials = Potentials(*scores, lengths)
    return Lattice.build(potentials, SCHEME.constraints if constraints else None)


def compare(lattice, atol=1e-9):
    """All that both backends find out."""
    rng = np.random.default_rng(1)
    weights = rng.random(len(lattice.lengths))
    ours = forward_backward(lattice, numba_backend, weights)
    theirs = forward_backward(lattice, torch_backend, weights)
    for name, own, other in zip(ours._fields, ours, theirs, strict=True):
        np.testing.assert_allclose(own, other, atol=atol, rtol=1e-9, err_msg=name)
    log_z = log_partition(lattice, numba_backend)
    np.testing.assert_array_equal(log_z, ours.log_z)
    pairs = SCHEME.inner_steps
    for own, other in zip(
        tag_posterior(lattice, pairs, numba_backend),
        tag_posterior(lattice, pairs, torch_backend),
        strict=True,
    ):
        np.testing.assert_allclose(own, other, atol=1e-9)


def test_lengths_are_chosen_well():
    assert SEGMENT == 128


@pytest.mark.parametrize("constraints", [True, False])
def test_many_segments(constraints):
    lattice = make_lattice(constraints=constraints)
    compare(lattice)
    ours, theirs = (viterbi(lattice, each) for each in (numba_backend, torch_backend))
    np.testing.assert_array_equal(ours.tags, theirs.tags)
    np.testing.assert_allclose(ours.scores, theirs.scores)


@pytest.mark.parametrize("n_sequences", range(1, 10))
def test_blocks_that_are_not_full(n_sequences):
    compare(make_lattice(lengths=LENGTHS[:n_sequences]))


def test_single_precision():
    compare(make_lattice(dtype=np.float32), atol=1e-6)


@pytest.mark.parametrize(
    "distant", [[0], [3], [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 12], [6, 12]]
)
def test_sequences_whose_scores_lie_far_apart_leave_the_others_alone(distant):
    lattice = make_lattice()
    offsets = np.append(0, np.cumsum(LENGTHS))
    for b in distant:
        lattice.emissions[offsets[b]] *= 1000.0
    compare(lattice)


def test_scores_that_drift_apart_step_by_step():
    lattice = make_lattice()
    # No step is far, but after ten of them a state is out of reach of a double.
    lattice.emissions[: LENGTHS[0], 1::4] -= 90.0
    compare(lattice)


def test_sequences_without_a_path_leave_the_others_alone():
    lattice = make_lattice()
    offsets = np.append(0, np.cumsum(LENGTHS))
    for b, token in ((0, 200), (2, 128), (3, 0), (7, 39)):
        lattice.emissions[offsets[b] + token] = -np.inf
    compare(lattice)
    log_z = log_partition(lattice, numba_backend)
    assert np.flatnonzero(log_z == -np.inf).tolist() == [0, 2, 3, 7]


def test_parameters_that_lie_far_apart():
    lattice = make_lattice()
    lattice.transitions[0, 0] += 150.0
    compare(lattice)


def test_long_and_short_sequences_do_not_share_results():
    together = make_lattice()
    offsets = np.append(0, np.cumsum(LENGTHS))
    marginals = forward_backward(together, numba_backend)
    best = viterbi(together, numba_backend)
    for b in np.flatnonzero(LENGTHS):
        own = slice(offsets[b], offsets[b + 1])
        alone = together.select(np.array([b]))
        np.testing.assert_array_equal(
            forward_backward(alone, numba_backend).tags, marginals.tags[own]
        )
        np.testing.assert_array_equal(
            viterbi(alone, numba_backend).tags, best.tags[own]
        )
