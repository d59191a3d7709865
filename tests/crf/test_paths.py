"""The k best paths against a list of all paths, and what they and samples share."""

import tracemalloc
from dataclasses import replace
from typing import List, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_crf_tagger.crf import (
    KBestPaths,
    Lattice,
    Potentials,
    TagScheme,
    k_best,
    log_partition,
    sample,
    viterbi,
)
from spacy_crf_tagger.crf.backends.numba import backend as numba_backend
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend
from spacy_crf_tagger.crf.backends.torch import paths as torch_paths

from .brute_force import (
    Floats,
    Ints,
    all_paths,
    as_tensors,
    path_log_probabilities,
    random_lattice,
    random_mask,
    random_potentials,
    rows_of,
    score_paths,
    score_tags,
)
from .conftest import Engine
from .test_extremes import IMPOSSIBLE
from .test_properties import every_lattice, lattices, tolerance_of

LENGTHS = [3, 0, 4, 1, 2]


class Ranked(NamedTuple):
    """The paths of one sequence, the best first."""

    tags: Ints  # [P, length]
    scores: Floats  # [P]


def rank_all_paths(lattice: Lattice) -> List[Ranked]:
    """All allowed paths; of equal ones first the one with the lower tags, read from
    the end.
    """
    ranked = []
    for rows in rows_of(lattice.lengths):
        tags = all_paths(len(rows), lattice.n_tags)
        scores = score_paths(lattice, rows, tags)
        order = np.lexsort((*tags.T, -scores))
        order = order[scores[order] > -np.inf]
        ranked.append(Ranked(tags[order], scores[order]))
    return ranked


def by_sequence(lattice: Lattice, result: KBestPaths) -> List[Ranked]:
    """Take a result apart, and check that there is nothing where no path is."""
    tags, scores = np.asarray(result.tags), np.asarray(result.scores)
    ranked = []
    for b, rows in enumerate(rows_of(lattice.lengths)):
        n_paths = int((scores[:, b] > -np.inf).sum())
        assert (scores[n_paths:, b] == -np.inf).all()
        assert (tags[n_paths:, rows] == -1).all()
        ranked.append(Ranked(tags[:n_paths, rows], scores[:n_paths, b]))
    return ranked


def find_k_best(engine: Engine, lattice: Lattice, k: int) -> List[Ranked]:
    result = k_best(engine.prepare(lattice), k, engine.backend)
    assert tuple(result.tags.shape) == (k, len(lattice.emissions))
    assert tuple(result.scores.shape) == (k, len(lattice.lengths))
    return by_sequence(lattice, result)


def assert_k_best(engine: Engine, lattice: Lattice, k: int) -> None:
    found = find_k_best(engine, lattice, k)
    for ours, expected in zip(found, rank_all_paths(lattice), strict=True):
        np.testing.assert_array_equal(ours.tags, expected.tags[:k])
        np.testing.assert_allclose(
            ours.scores, expected.scores[:k], rtol=1e-12, atol=1e-8
        )


@pytest.mark.parametrize("k", [1, 2, 7, 100, 1000])
@pytest.mark.parametrize("forbidden", [0.0, 0.2, 0.6])
@pytest.mark.parametrize("scales", [(1.0,), (1e-3, 1.0, 1e4)], ids=str)
def test_k_best_of_all(
    k: int, forbidden: float, scales: tuple, engine: Engine, dtype: type
) -> None:
    rng = np.random.default_rng(k)
    lattice = random_lattice(
        rng, LENGTHS, 5, scales, forbidden, always_possible=True, dtype=dtype
    )
    assert_k_best(engine, lattice, k)


@pytest.mark.parametrize("name", ["biluo", "bio"])
def test_k_best_of_a_tag_scheme(name: str, engine: Engine) -> None:
    scheme = TagScheme(["PER"], name)
    rng = np.random.default_rng(1)
    potentials = random_potentials(rng, LENGTHS, scheme.n_tags)
    allowed = random_mask(rng, potentials, forbidden=0.3, always_possible=True)
    assert_k_best(engine, Lattice.build(potentials, scheme.constraints), k=20)
    lattice = Lattice.build(potentials, scheme.constraints, allowed)
    assert_k_best(engine, lattice, k=20)


def test_k_best_without_transitions(engine: Engine) -> None:
    emissions = np.random.default_rng(2).normal(size=(8, 3))
    potentials = Potentials(emissions, None, None, None, np.array([4, 0, 3, 1]))
    assert_k_best(engine, Lattice.build(potentials), k=50)


def test_k_best_of_one_tag(engine: Engine) -> None:
    lattice = random_lattice(np.random.default_rng(3), LENGTHS, n_tags=1)
    assert_k_best(engine, lattice, k=3)


@pytest.mark.parametrize("k", [1, 3, 40])
@pytest.mark.parametrize("n_values", [1, 2, 3])
def test_of_equal_paths_the_one_with_lower_tags_from_the_end_is_first(
    k: int, n_values: int, engine: Engine
) -> None:
    rng = np.random.default_rng(n_values)
    lattice = random_lattice(rng, LENGTHS, n_tags=3)
    # Small integers, which are added up without rounding.
    scores = [
        rng.integers(0, n_values, size=array.shape).astype(float)
        for array in (
            lattice.emissions,
            lattice.transitions,
            lattice.start,
            lattice.end,
        )
    ]
    assert_k_best(engine, Lattice(*scores, lattice.lengths), k)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0], [1], [1, 0, 1]])
@pytest.mark.parametrize("k", [1, 5])
def test_k_best_of_batches_without_steps(lengths: list, k: int, engine: Engine) -> None:
    assert_k_best(engine, random_lattice(np.random.default_rng(0), lengths, 3), k)


def test_an_empty_sequence_has_one_path_of_score_zero(engine: Engine) -> None:
    lattice = random_lattice(np.random.default_rng(0), [0, 2, 0], n_tags=3)
    scores = np.asarray(k_best(engine.prepare(lattice), 2, engine.backend).scores)
    assert scores[:, [0, 2]].tolist() == [[0.0, 0.0], [-np.inf, -np.inf]]


@every_lattice
@given(lattice=lattices(), k=st.integers(1, 30))
def test_k_best_are_distinct_allowed_and_in_order(
    engine: Engine, lattice: Lattice, k: int
) -> None:
    result = k_best(engine.prepare(lattice), k, engine.backend)
    tolerance = tolerance_of(lattice)
    for found in by_sequence(lattice, result):
        assert 1 <= len(found.scores) <= k
        assert (np.diff(found.scores) <= 0).all()
        assert len({tuple(path) for path in found.tags}) == len(found.tags)
    for tags, scores in zip(*map(np.asarray, result), strict=True):
        complete = scores > -np.inf
        expected = score_tags(lattice, tags)[complete]
        np.testing.assert_allclose(scores[complete], expected, rtol=0, atol=tolerance)


@every_lattice
@given(lattice=lattices())
def test_the_first_of_the_best_is_that_of_viterbi(
    engine: Engine, lattice: Lattice
) -> None:
    prepared = engine.prepare(lattice)
    best, result = (
        viterbi(prepared, engine.backend),
        k_best(prepared, 3, engine.backend),
    )
    np.testing.assert_array_equal(result.tags[0], best.tags)
    np.testing.assert_array_equal(result.scores[0], best.scores)


@every_lattice
@given(lattice=lattices(), k=st.integers(1, 20), more=st.integers(1, 20))
def test_better_paths_do_not_depend_on_k(
    engine: Engine, lattice: Lattice, k: int, more: int
) -> None:
    prepared = engine.prepare(lattice)
    fewer = k_best(prepared, k, engine.backend)
    result = k_best(prepared, k + more, engine.backend)
    np.testing.assert_array_equal(result.tags[:k], fewer.tags)
    np.testing.assert_array_equal(result.scores[:k], fewer.scores)


@every_lattice
@given(lattice=lattices(min_sequences=2), k=st.integers(1, 10))
def test_neighbours_in_a_batch_do_not_change_the_k_best(
    engine: Engine, lattice: Lattice, k: int
) -> None:
    found = find_k_best(engine, lattice, k)
    for b, rows in enumerate(rows_of(lattice.lengths)):
        alone = replace(
            lattice, emissions=lattice.emissions[rows], lengths=np.array([len(rows)])
        )
        expected = find_k_best(engine, alone, k)[0]
        np.testing.assert_array_equal(found[b].tags, expected.tags)
        np.testing.assert_array_equal(found[b].scores, expected.scores)


@every_lattice
@given(lattice=lattices(), k=st.integers(1, 30))
def test_backends_find_the_same_k_best(lattice: Lattice, k: int) -> None:
    ours, theirs = k_best(lattice, k, numba_backend), k_best(lattice, k, torch_backend)
    np.testing.assert_array_equal(ours.tags, theirs.tags)
    np.testing.assert_array_equal(ours.scores, theirs.scores)


@pytest.mark.parametrize("forbidden", [0.0, 0.4])
def test_probabilities_add_up_to_one_at_most(engine: Engine, forbidden: float) -> None:
    rng = np.random.default_rng(5)
    lattice = random_lattice(
        rng, [5, 3, 0, 1], 3, forbidden=forbidden, always_possible=True
    )
    prepared = engine.prepare(lattice)
    log_z = np.asarray(log_partition(prepared, engine.backend))
    scores = np.asarray(k_best(prepared, 3**5, engine.backend).scores)
    totals = np.exp(scores - log_z).cumsum(axis=0)
    assert (totals <= 1.0 + 1e-9).all()
    np.testing.assert_allclose(totals[-1], 1.0)
    longest = path_log_probabilities(lattice)[0]
    assert totals[1, 0] == pytest.approx(np.exp(np.sort(longest)[-2:]).sum())


@pytest.mark.timeout(60)
def test_a_huge_k_is_no_error(engine: Engine) -> None:
    lattice = random_lattice(np.random.default_rng(6), [4, 0, 2], n_tags=3)
    assert_k_best(engine, lattice, k=10**6)


def one_path_for_each_tag(restricted: str, length: int, n_tags: int) -> Lattice:
    """Restricted by tokens, all of which but one have one tag, or by transitions, if
    every tag only follows itself.
    """
    lattice = random_lattice(np.random.default_rng(7), [length], n_tags)
    if restricted == "tokens":
        allowed = np.eye(n_tags, dtype=bool)[np.arange(length) % n_tags]
        allowed[length // 2] = True
        return lattice.restrict(allowed)
    same = np.eye(n_tags, dtype=bool)
    return replace(lattice, transitions=np.where(same, lattice.transitions, -np.inf))


@pytest.mark.parametrize("restricted", ["tokens", "transitions"])
def test_memory_is_for_the_paths_that_there_are(restricted: str) -> None:
    lattice = one_path_for_each_tag(restricted, length=100, n_tags=60)
    k_best(lattice, 1)
    tracemalloc.start()
    result = k_best(lattice, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (result.scores > -np.inf).sum() == 60
    assert peak < 3 * sum(array.nbytes for array in result)


@pytest.mark.parametrize("restricted", ["tokens", "transitions"])
def test_torch_merges_the_paths_that_there_are(
    restricted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lattice = one_path_for_each_tag(restricted, length=11, n_tags=4)
    expected = k_best(lattice, 1000, numba_backend)
    widths = []
    merge = torch_paths._merge

    def watched(lists, transitions, width):
        widths.append(width)
        return merge(lists, transitions, width)

    monkeypatch.setattr(torch_paths, "_merge", watched)
    result = k_best(lattice, 1000, torch_backend)
    np.testing.assert_array_equal(result.tags, expected.tags)
    # Tokens: four paths meet in the tag after the free one.
    after_free = [1] * 5 + [4] * 6 if restricted == "tokens" else [1] * 10 + [4]
    assert widths == after_free


@pytest.mark.parametrize("k", [1, 8])
def test_k_best_of_long_sequences(k: int) -> None:
    scheme = TagScheme(["PER", "LOC"])
    rng = np.random.default_rng(15)
    potentials = random_potentials(rng, [120, 0, 200, 3], scheme.n_tags)
    lattice = Lattice.build(potentials, scheme.constraints)
    ours, theirs = k_best(lattice, k, numba_backend), k_best(lattice, k, torch_backend)
    np.testing.assert_array_equal(ours.tags, theirs.tags)
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    np.testing.assert_array_equal(ours.tags[0], viterbi(lattice).tags)
    for tags, scores in zip(ours.tags, ours.scores, strict=True):
        complete = scores > -np.inf
        np.testing.assert_allclose(
            scores[complete], score_tags(lattice, tags)[complete], rtol=1e-12
        )


def test_chunks_of_a_step_do_not_change_the_k_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lattice = random_lattice(
        np.random.default_rng(8), [5, 2, 7, 7, 0, 1], 4, (1.0,), 0.2, True
    )
    whole = k_best(lattice, 9, torch_backend)
    monkeypatch.setattr(torch_paths, "_MAX_CELLS", 2 * 4**2)
    for ours, expected in zip(k_best(lattice, 9, torch_backend), whole, strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("kind", [np.ndarray, torch.Tensor])
def test_results_are_the_kind_of_array_that_the_lattice_has(
    kind: type, dtype: type
) -> None:
    lattice = random_lattice(np.random.default_rng(1), [2, 3], n_tags=3, dtype=dtype)
    module = np
    if kind is torch.Tensor:
        lattice, module = as_tensors(lattice), torch
    best, tags = k_best(lattice, 2), sample(lattice, 2, seed=0)
    assert all(isinstance(result, kind) for result in (*best, tags))
    assert best.tags.dtype == tags.dtype == module.int64
    assert best.scores.dtype == module.float64


@pytest.mark.usefixtures("repeated_warnings")
def test_arrays_that_cannot_be_written_to(backend) -> None:
    potentials = random_potentials(np.random.default_rng(2), [3, 2], n_tags=3)
    for array in potentials:
        array.flags.writeable = False
    lattice = Lattice.build(potentials)
    assert k_best(lattice, 3, backend).tags.shape == (3, 5)
    assert sample(lattice, 3, 0, backend).shape == (3, 5)


@pytest.mark.usefixtures("repeated_warnings")
def test_tensors_with_a_history_stay_as_they_are() -> None:
    lattice = as_tensors(random_lattice(np.random.default_rng(2), [3, 2], n_tags=3))
    before = lattice.emissions.clone()
    lattice.emissions.requires_grad_()
    assert not k_best(lattice, 3).scores.requires_grad
    sample(lattice, 3, seed=0)
    assert torch.equal(lattice.emissions.detach(), before)


@pytest.mark.parametrize("reason", IMPOSSIBLE)
def test_a_sequence_without_a_path(reason: str, engine: Engine) -> None:
    scores = {
        "emissions": np.zeros((3, 2)),
        "transitions": np.zeros((2, 2)),
        "start": np.zeros(2),
        "end": np.zeros(2),
        **IMPOSSIBLE[reason],
    }
    lattice = engine.prepare(Lattice.build(Potentials(**scores, lengths=[3])))
    with pytest.raises(ValueError, match="sequence 0 of the batch"):
        k_best(lattice, 2, engine.backend)
    with pytest.raises(ValueError, match="sequence 0 of the batch"):
        sample(lattice, 2, 0, engine.backend)


def test_the_sequence_without_a_path_is_named(engine: Engine) -> None:
    lattice = random_lattice(np.random.default_rng(0), [3, 0, 4, 2], n_tags=3)
    allowed = np.ones((9, 3), dtype=bool)
    allowed[4] = False
    lattice = engine.prepare(lattice.restrict(allowed))
    with pytest.raises(ValueError, match="sequence 2 of the batch"):
        k_best(lattice, 2, engine.backend)
    with pytest.raises(ValueError, match="sequence 2 of the batch"):
        sample(lattice, 2, 0, engine.backend)


@pytest.mark.parametrize("number", [0, -3])
def test_no_paths_are_not_to_be_had(number: int, engine: Engine) -> None:
    lattice = random_lattice(np.random.default_rng(0), [3], n_tags=3)
    with pytest.raises(ValueError, match=f"at least 1, not {number}"):
        k_best(engine.prepare(lattice), number, engine.backend)
    with pytest.raises(ValueError, match=f"at least 1, not {number}"):
        sample(engine.prepare(lattice), number, 0, engine.backend)
