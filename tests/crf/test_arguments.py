"""Arguments that mean nothing are refused, and all others answered as they should."""

from dataclasses import replace
from typing import Any, Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_crf_tagger import crf
from spacy_crf_tagger.crf import (
    Constraints,
    Lattice,
    Potentials,
    SpanPosterior,
    TagScheme,
)
from spacy_crf_tagger.crf.backends.numba import backend as numba_backend
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend
from spacy_crf_tagger.crf.lattice import offsets_of
from spacy_crf_tagger.crf.risk import minimum_risk

from . import questions
from .brute_force import as_tensors, enumerate_paths, random_lattice, random_potentials
from .conftest import Engine

SCHEME = TagScheme(["A", "B"])


@pytest.mark.parametrize("kind", questions.KINDS)
@pytest.mark.parametrize("name", questions.QUESTIONS)
@settings(max_examples=20, deadline=None)  # the first call compiles
@given(seed=st.integers(0, 2**32 - 1))
def test_random_arguments(name: str, kind: str, seed: int) -> None:
    questions.run(name, seed, kind)


def lattice_of(**changes: Any) -> Lattice:
    potentials = random_potentials(np.random.default_rng(0), [4, 0, 2], SCHEME.n_tags)
    return Lattice.build(potentials._replace(**changes), SCHEME.constraints)


@pytest.mark.parametrize(
    "lengths",
    [
        [6.0],
        [True] * 6,
        [[4, 2]],
        6,
        "6",
        None,
        [7, -1],
        [2**62, 2**62, 2**62, 2**62 + 6],  # their sum overflows to 6
        np.array([2**64 - 1, 7], np.uint64),
        [2**70],
        [200_000],
        [],
    ],
    ids=str,
)
def test_lengths_are_checked_however_a_lattice_is_made(lengths: Any) -> None:
    lattice = lattice_of()
    scores = lattice.scores
    makers: list[Callable[[], Any]] = [
        lambda: Lattice.build(Potentials(*scores, lengths)),
        lambda: Lattice(*scores, lengths),
        lambda: replace(lattice, lengths=lengths),
    ]
    for make in makers:
        with pytest.raises(ValueError, match=r"[Ll]engths"):
            make()


def test_lengths_cannot_be_changed_afterwards() -> None:
    lengths = np.array([4, 0, 2])
    lattice = lattice_of(lengths=lengths)
    lengths[0] = 10**6
    for own in (lattice.lengths, lattice.select([0, 2]).lengths):
        assert own.max() == 4
        with pytest.raises(ValueError, match="read-only"):
            own[0] = 10**6


@pytest.mark.parametrize(
    "dtype", ["bool", "i1", "i8", "u4", "f2", ">f4", ">f8", "longdouble"]
)
@pytest.mark.parametrize("backend", [numba_backend, torch_backend])
def test_all_real_numbers_are_scores(dtype: str, backend: Any) -> None:
    """Among integers there is no -inf that could forbid anything."""
    ones = [np.ones(shape, dtype) for shape in ((3, 3), (3, 3), (3,), (3,))]
    allowed = TagScheme(["A"], "bio").constraints
    lattice = Lattice.build(Potentials(*ones, [3]), allowed)
    plain = Potentials(*(each.astype(np.float64) for each in ones), [3])
    expected = enumerate_paths(Lattice.build(plain, allowed))
    log_z = crf.log_partition(lattice, backend)
    np.testing.assert_allclose(log_z, expected.log_z)
    only = np.zeros((3, 3), dtype=bool)
    only[:, 2] = True  # I-A does not come first
    with pytest.raises(ValueError, match="sequence 0"):
        crf.viterbi(lattice.restrict(only), backend)


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16]
)
def test_all_real_tensors_are_scores(dtype: torch.dtype) -> None:
    ones = [torch.ones(shape, dtype=dtype) for shape in ((3, 3), (3, 3), (3,), (3,))]
    allowed = TagScheme(["A"], "bio").constraints
    found = crf.forward_backward(Lattice.build(Potentials(*ones, [3]), allowed))
    plain = Potentials(*(each.double().numpy() for each in ones), [3])
    expected = enumerate_paths(Lattice.build(plain, allowed))
    np.testing.assert_allclose(found.log_z, expected.log_z)
    np.testing.assert_allclose(found.tags, expected.tags)


@pytest.mark.parametrize(
    "make",
    [
        lambda zeros: zeros.to_sparse(),
        lambda zeros: zeros.to(torch.complex64),
        lambda zeros: zeros.to("meta"),
        lambda zeros: torch.quantize_per_tensor(zeros, 1.0, 0, torch.qint8),
    ],
    ids=["sparse", "complex", "meta", "quantized"],
)
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_hold_no_scores(make: Callable[[Any], Any]) -> None:
    scores = make(torch.zeros(3, 3))
    with pytest.raises(ValueError, match="must be real numbers in a dense tensor"):
        Lattice.build(Potentials(scores, None, None, None, [3]))


def test_arrays_and_tensors_do_not_mix() -> None:
    lattice, tensors = lattice_of(), as_tensors(lattice_of())
    with pytest.raises(ValueError, match="start scores are a tensor on cpu"):
        replace(lattice, start=tensors.start)
    with pytest.raises(ValueError, match="end scores are a NumPy array"):
        replace(tensors, end=lattice.end)
    with pytest.raises(ValueError, match="one is a NumPy array, the other a tensor"):
        crf.divergence(lattice, tensors)
    with pytest.raises(ValueError, match="Numba kernels take NumPy arrays"):
        crf.viterbi(tensors, numba_backend)


def test_gradients_are_not_those_of_torch() -> None:
    """A value with a part of the gradient would be worse than one without."""
    lattice = as_tensors(lattice_of())
    watched = replace(lattice, emissions=lattice.emissions.clone().requires_grad_())
    value, gradients = crf.divergence(watched, lattice)
    assert not value.requires_grad
    assert not any(each.requires_grad for each in gradients[:4])


HUGE = [1.1e6, 1e15, 1e30]


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("name", ["emissions", "transitions", "start", "end"])
def test_scores_whose_sums_have_no_digits(name: str, value: float) -> None:
    scores = random_potentials(np.random.default_rng(0), [4, 2], 3)
    getattr(scores, name).flat[0] = value
    with pytest.raises(ValueError, match=f"{name} scores contain .*Scale the scores"):
        Lattice.build(scores)
    getattr(scores, name).flat[0] = 1e6
    Lattice.build(scores)


QUESTIONS = [
    crf.log_partition,
    crf.forward_backward,
    crf.viterbi,
    lambda lattice, backend: crf.edge_marginals(lattice, [1], backend),
    lambda lattice, backend: crf.expected_weight(lattice, [1.0] * 3, backend),
    lambda lattice, backend: crf.k_best(lattice, 2, backend),
    lambda lattice, backend: crf.sample(lattice, 2, 0, backend),
    lambda lattice, backend: crf.path_loss(lattice, np.zeros(6, int), backend),
    lambda lattice, backend: crf.negative_log_likelihood(lattice, lattice, backend),
]


@pytest.mark.parametrize("value", [-1e9, -1e30, np.finfo(np.float32).min])
@pytest.mark.parametrize("question", QUESTIONS)
def test_large_negative_scores(
    question: Callable[..., Any], value: float, engine: Engine
) -> None:
    """They forbid like -inf where another path is left, and where none is, no digits
    are.
    """
    rng = np.random.default_rng(1)
    lattice = random_lattice(rng, [4, 2], 3, forbidden=0.4, always_possible=True)
    low = [np.where(np.isneginf(each), value, each) for each in lattice.scores]
    answers = [
        question(engine.prepare(each), engine.backend)
        for each in (lattice, Lattice(*low, lattice.lengths))
    ]
    if not isinstance(answers[0], tuple):
        answers = [(each,) for each in answers]
    if isinstance(answers[0], crf.KBestPaths):
        answers = [(each.tags[0], each.scores[0]) for each in answers]
    for forbidden, stands_in in zip(*answers, strict=True):
        parts = [
            each[:4] if isinstance(each, Potentials) else [each]
            for each in (forbidden, stands_in)
        ]
        for one, other in zip(*parts, strict=True):
            np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=1e-9)
    low[0][1] = value
    hopeless = engine.prepare(Lattice(*low, lattice.lengths))
    with pytest.raises(ValueError, match=r"sequence 0 has a score of .*by -inf"):
        question(hopeless, engine.backend)


def test_pairs_where_no_step_is_allowed(engine: Engine) -> None:
    lattice = random_lattice(np.random.default_rng(0), [1, 1], 3)
    lattice = replace(lattice, transitions=np.full((3, 3), -np.inf))
    found = crf.tag_posterior(engine.prepare(lattice), [[0, 1]], engine.backend)
    assert not np.asarray(found.conditionals).any()


WRONG = [None, "numba", 3, np.zeros(3), (1, 2)]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_things_in_the_place_of_others(wrong: Any) -> None:
    lattice, tags = lattice_of(), np.zeros(6, np.int64)
    calls: list[Callable[[], Any]] = [
        lambda: Lattice.build(wrong),
        lambda: crf.log_partition(wrong),
        lambda: crf.forward_backward(wrong),
        lambda: crf.viterbi(wrong),
        lambda: crf.edge_marginals(wrong, [1]),
        lambda: crf.path_loss(wrong, tags),
        lambda: crf.negative_log_likelihood(lattice, wrong),
        lambda: crf.divergence(wrong, lattice),
        lambda: crf.tag_posterior(wrong, [[0, 0]]),
        lambda: crf.expected_weight(wrong, np.zeros(9)),
        lambda: crf.k_best(wrong, 1),
        lambda: crf.sample(wrong, 1, 0),
        lambda: SpanPosterior(wrong, SCHEME),
        lambda: SpanPosterior(lattice, wrong),
        lambda: crf.negative_span_loss(wrong, [], SCHEME),
        lambda: crf.negative_span_loss(lattice, [], wrong),
        lambda: minimum_risk(wrong, 0.5),
    ]
    if wrong is not None:
        calls += [
            lambda: crf.viterbi(lattice, wrong),
            lambda: Lattice.build(Potentials(*lattice.scores, [4, 2]), wrong),
            lambda: crf.negative_span_loss(lattice, [wrong], SCHEME),
        ]
    for call in calls:
        with pytest.raises(ValueError, match=r"\w"):
            call()


def test_a_scheme_of_other_tags() -> None:
    others = TagScheme(["A", "B"], "bio")
    with pytest.raises(ValueError, match=r"take 5 tags .* the lattice has 9"):
        SpanPosterior(lattice_of(), others)
    with pytest.raises(ValueError, match=r"take 5 tags .* the lattice has 9"):
        crf.negative_span_loss(lattice_of(), [], others)
    with pytest.raises(ValueError, match="for 5 tags, but the scores for 9"):
        Lattice.build(Potentials(*lattice_of().scores, [6]), others.constraints)


@pytest.mark.parametrize("missing", ["transitions", "start", "end"])
def test_scores_that_are_missing_in_part(missing: str) -> None:
    scores = random_potentials(np.random.default_rng(0), [2], 3)
    with pytest.raises(ValueError, match="all of transition, start and end"):
        Lattice.build(scores._replace(**{missing: None}))


@pytest.mark.parametrize("k", [2**31, 10**30])
def test_more_paths_than_fit_into_memory(k: int, engine: Engine) -> None:
    lattice = engine.prepare(lattice_of())
    with pytest.raises(ValueError, match="Ask for at most"):
        crf.k_best(lattice, k, engine.backend)
    with pytest.raises(ValueError, match="Ask for at most"):
        crf.sample(lattice, k, 0, engine.backend)


def test_constraints_of_other_things() -> None:
    yes = np.ones(3, dtype=bool)
    for wrong in (np.ones((3, 3)), np.ones((3, 2), bool), yes, None, [[1]]):
        with pytest.raises(ValueError, match="Constraints' transitions"):
            Constraints(wrong, yes, yes)
    for start in (True, None, [[True], [True, False]], yes[:2]):
        with pytest.raises(ValueError, match="Constraints'"):
            Constraints(np.ones((3, 3), dtype=bool), start, yes)


def test_offsets_of_no_sequences() -> None:
    lattice = Lattice.build(Potentials(np.zeros((0, 3)), None, None, None, []))
    assert offsets_of(lattice.lengths).tolist() == [0]
    assert len(crf.log_partition(lattice)) == 0
