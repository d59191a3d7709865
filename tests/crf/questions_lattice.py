"""What a lattice is made of, and the questions to it; see `cases`."""

from dataclasses import replace
from typing import Any, List

import numpy as np
import torch

from spacy_crf_tagger import crf
from spacy_crf_tagger.crf import Lattice, Potentials
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend

from . import hostile
from .brute_force import enumerate_paths, rows_of, score_paths
from .cases import Case, Plain, ask, assert_close, has_digits, is_possible, question
from .hostile import LIMIT, pick


@question
def build(case: Case) -> bool:
    arrays = list(case.potentials)
    shapes = [scores.shape for scores in case.scores]
    place = int(case.rng.integers(5))
    if case.is_wrong:
        own = case.scores[place]
        if place == 4:
            arrays[4] = hostile.hostile_integers(case.rng, own, len(case.scores[0]) + 1)
        else:
            arrays[place] = hostile.hostile_floats(case.rng, own)
    given = arrays[place]
    emissions = hostile.as_scores(arrays[0], (None, None))
    lengths = hostile.as_integers(arrays[4], 2**62, (None,))
    meant = None
    if emissions is not None and emissions.shape[1] and lengths is not None:
        k = emissions.shape[1]
        others = [
            hostile.as_scores(each, shape)
            for each, shape in zip(arrays[1:4], ((k, k), (k,), (k,)), strict=True)
        ]
        of_one_kind = len({isinstance(each, torch.Tensor) for each in arrays[:4]}) == 1
        adds_up = sum(lengths.tolist()) == len(emissions)
        if of_one_kind and adds_up and all(each is not None for each in others):
            meant = Plain(emissions, *others, lengths)
    nothing_given = all(each is None for each in arrays[1:4])
    make = pick(case.rng, [lambda *all: Lattice.build(Potentials(*all)), Lattice])
    lattice = ask(lambda: make(*arrays), meant is not None or nothing_given, given)
    if lattice is None:
        return False
    assert shapes
    for name in ("emissions", "transitions", "start", "end", "lengths"):
        own = np.asarray(getattr(lattice, name), np.float64)
        np.testing.assert_array_equal(own, getattr(meant, name))
    expected = enumerate_paths(meant)
    log_z = ask(
        lambda: crf.log_partition(lattice, case.backend),
        has_digits(expected, meant.lengths),
    )
    if log_z is not None:
        assert_close(log_z, expected.log_z, meant)
    return True


@question
def constrained(case: Case) -> bool:
    k = case.plain.n_tags
    shapes = [(k, k), (k,), (k,)]
    masks: List[Any] = [case.rng.random(shape) < 0.7 for shape in shapes]
    if case.is_wrong:
        place = int(case.rng.integers(3))
        masks[place] = hostile.hostile_mask(case.rng, masks[place])
    meant = [hostile.as_mask(m, s) for m, s in zip(masks, shapes, strict=True)]
    potentials = case.potentials
    lattice = ask(
        lambda: Lattice.build(potentials, crf.Constraints(*masks)),
        all(mask is not None for mask in meant),
        masks,
    )
    if lattice is not None:
        before = (case.plain.transitions, case.plain.start, case.plain.end)
        after = (lattice.transitions, lattice.start, lattice.end)
        for scores, mask, result in zip(before, meant, after, strict=True):
            expected = np.where(mask, scores, -np.inf)
            np.testing.assert_array_equal(np.asarray(result), expected)
    return lattice is not None


@question
def restrict(case: Case) -> bool:
    shape = case.scores.emissions.shape
    mask: Any = case.rng.random(shape) < 0.7
    if case.is_wrong:
        mask = hostile.hostile_mask(case.rng, mask)
    meant = hostile.as_mask(mask, shape)
    lattice = case.lattice
    known = ask(lambda: lattice.restrict(mask), meant is not None, mask)
    if known is None:
        return False
    plain = replace(
        case.plain, emissions=np.where(meant, case.plain.emissions, -np.inf)
    )
    np.testing.assert_array_equal(np.asarray(known.emissions), plain.emissions)
    expected, free = enumerate_paths(plain), enumerate_paths(case.plain)
    fine = all(has_digits(each, plain.lengths) for each in (expected, free))
    answer = ask(
        lambda: crf.negative_log_likelihood(lattice, known, case.backend),
        fine and is_possible(expected),
    )
    if answer is not None:
        assert_close(answer[0], free.log_z - expected.log_z, case.plain)
        assert_close(answer[1].emissions, free.tags - expected.tags, case.plain)
        assert_close(
            answer[1].transitions, free.transitions - expected.transitions, case.plain
        )
    return True


@question
def add_scores(case: Case) -> bool:
    shape = case.scores.emissions.shape
    added: Any = case.rng.normal(size=shape).astype(pick(case.rng, ["f4", "f8"]))
    if case.is_wrong:
        added = hostile.hostile_floats(case.rng, added)
    meant = hostile.as_floats(added, shape)
    with np.errstate(all="ignore"):
        total = None if meant is None else case.plain.emissions + meant
    fine = total is not None and not np.isnan(total).any() and (total <= LIMIT).all()
    lattice = case.lattice
    answer = ask(lambda: lattice.add_scores(added), fine, added)
    if answer is not None:
        result = np.asarray(answer.emissions, np.float64)
        # In single precision, what is too low is -inf.
        low = total < -3e38
        np.testing.assert_allclose(result[~low], total[~low], rtol=1e-6, atol=1e-4)
        assert (result[low] < -2e38).all()
    return answer is not None


@question
def select(case: Case) -> bool:
    n_sequences = len(case.scores.lengths)
    size = int(case.rng.integers(0, 4)) if n_sequences else 0
    numbers: Any = case.rng.integers(0, max(n_sequences, 1), size=size)
    if case.is_wrong:
        numbers = hostile.hostile_integers(case.rng, numbers, n_sequences)
    meant = hostile.as_integers(numbers, n_sequences, (None,))
    lattice = case.lattice
    part = ask(lambda: lattice.select(numbers), meant is not None, numbers)
    if part is not None:
        rows = rows_of(case.scores.lengths)
        chosen = [rows[n] for n in meant.tolist()]
        everything = np.concatenate([np.zeros(0, np.int64), *chosen])
        np.testing.assert_array_equal(part.lengths, [len(each) for each in chosen])
        np.testing.assert_array_equal(
            np.asarray(part.emissions), case.scores.emissions[everything]
        )
    return part is not None


@question
def forward_backward(case: Case) -> bool:
    plain = case.plain
    size = len(plain.lengths)
    weights: Any = case.rng.normal(size=size)
    if case.is_wrong:
        weights = hostile.hostile_floats(case.rng, weights)
        if case.rng.random() < 0.1:
            weights = None
    meant = np.ones(size) if weights is None else hostile.as_weights(weights, size)
    expected = enumerate_paths(plain)
    fine = has_digits(expected, plain.lengths)
    lattice = case.lattice
    answer = ask(
        lambda: crf.forward_backward(lattice, case.backend, weights),
        fine and meant is not None,
        weights,
    )
    if answer is None:
        return False
    assert_close(answer.log_z, expected.log_z, plain)
    assert_close(answer.tags, expected.tags, plain)
    by_token = np.repeat(meant, plain.lengths)
    with np.errstate(over="ignore"):
        size = 1 + np.abs(meant).max(initial=0.0)
        edges = (expected.edges * by_token[:, None, None] / size).sum(0)
    assert_close(np.asarray(answer.transitions) / size, edges, plain)
    return True


@question
def edge_marginals(case: Case) -> bool:
    plain = case.plain
    inner = [row for rows in rows_of(plain.lengths) for row in rows[1:].tolist()]
    tokens: Any = np.array(inner, dtype=np.int64)
    case.rng.shuffle(tokens)
    if case.is_wrong:
        tokens = hostile.hostile_integers(case.rng, tokens, len(plain.emissions))
    meant = hostile.as_integers(tokens, len(plain.emissions), (None,))
    if meant is not None and not set(meant.tolist()) <= set(inner):
        meant = None
    expected = enumerate_paths(plain)
    fine = has_digits(expected, plain.lengths) and meant is not None
    lattice = case.lattice
    call = lambda: crf.edge_marginals(lattice, tokens, case.backend)  # noqa: E731
    answer = ask(call, fine, tokens)
    if answer is not None:
        assert_close(answer, expected.edges[meant], plain)
    return answer is not None


@question
def viterbi(case: Case) -> bool:
    plain = case.plain
    expected = enumerate_paths(plain)
    lattice = case.lattice
    fine = has_digits(expected, plain.lengths) and is_possible(expected)
    answer = ask(lambda: crf.viterbi(lattice, case.backend), fine)
    if answer is None:
        return False
    assert_close(answer.scores, expected.best, plain)
    for rows, score in zip(rows_of(plain.lengths), expected.best, strict=True):
        own = score_paths(plain, rows, np.asarray(answer.tags)[rows][None])
        assert_close(own, [score], plain)
    return True


@question
def path_loss(case: Case) -> bool:
    plain = case.plain
    n_tokens = len(plain.emissions)
    tags: Any = np.zeros(n_tokens, np.int64)
    if case.rng.random() < 0.5:
        tags = case.rng.integers(0, plain.n_tags, size=n_tokens)
    if case.is_wrong:
        tags = hostile.hostile_integers(case.rng, tags, plain.n_tags)
    meant = hostile.as_integers(tags, plain.n_tags, (n_tokens,))
    expected = enumerate_paths(plain)
    scores = None
    if meant is not None:
        scores = np.array(
            [score_paths(plain, r, meant[r][None])[0] for r in rows_of(plain.lengths)]
        )
    fine = scores is not None and (scores > -np.inf).all()
    fine = fine and has_digits(expected, plain.lengths)
    lattice = case.lattice
    answer = ask(lambda: crf.path_loss(lattice, tags, case.backend), fine, tags)
    if answer is not None:
        assert_close(answer[0], expected.log_z - scores, plain)
        one_hot = np.eye(plain.n_tags)[meant]
        assert_close(answer[1].emissions, expected.tags - one_hot, plain)
    return answer is not None


@question
def expected_weight(case: Case) -> bool:
    plain = case.plain
    weights: Any = case.rng.normal(size=plain.n_tags)
    if case.is_wrong:
        weights = hostile.hostile_floats(case.rng, weights)
    meant = hostile.as_weights(weights, plain.n_tags)
    expected = enumerate_paths(plain)
    fine = meant is not None and has_digits(expected, plain.lengths)
    lattice = case.lattice
    call = lambda: crf.expected_weight(lattice, weights, case.backend)  # noqa: E731
    answer = ask(call, fine, weights)
    if answer is None:
        return False
    size = 1 + np.abs(meant).max()
    values = [(expected.tags[r] @ (meant / size)).sum() for r in rows_of(plain.lengths)]
    assert_close(np.asarray(answer.values) / size, np.reshape(values, -1), plain)
    gradient = np.asarray(answer.gradients.emissions, np.float64) / size
    # The covariance of the sum and of 1, which is what a token's tags add up to.
    assert_close(gradient.sum(1), np.zeros(len(gradient)), plain)
    return True


@question
def tag_posterior(case: Case) -> bool:
    plain = case.plain
    k = plain.n_tags
    pairs: Any = case.rng.integers(0, k, size=(case.rng.integers(0, 4), 2))
    if case.is_wrong:
        pairs = hostile.hostile_integers(case.rng, pairs, k)
    # None stands for no pairs.
    given_pairs = np.zeros((0, 2), np.int64) if pairs is None else pairs
    meant = hostile.as_integers(given_pairs, k, (None, 2))
    expected = enumerate_paths(plain)
    lattice = case.lattice
    call = lambda: crf.tag_posterior(lattice, pairs, case.backend)  # noqa: E731
    if not has_digits(expected, plain.lengths):
        return False  # what each backend finds out about is refused
    answer = ask(call, meant is not None, pairs)
    if answer is None:
        return False
    assert_close(answer.tags, expected.tags, plain)
    before = np.zeros_like(expected.tags)
    before[1:] = expected.tags[:-1]
    edges = expected.edges[:, meant[:, 0], meant[:, 1]]
    given = before[:, meant[:, 0]]
    # Where the first tag is all but impossible, brute force has no digits.
    sure = given > 1e-6
    shares = edges[sure] / given[sure]
    np.testing.assert_allclose(
        np.asarray(answer.conditionals)[sure & (edges > 0)],
        shares[edges[sure] > 0],
        rtol=1e-3,
        atol=1e-4,
    )
    return True


@question
def long_sequences(case: Case) -> bool:
    """More tokens than a segment and sequences than a block of the kernels: too many
    paths for brute force, but not for the other backend.
    """
    scores = case.scores
    k = scores.emissions.shape[1]
    lengths = case.rng.integers(
        0, pick(case.rng, [3, 20, 300]), size=pick(case.rng, [1, 9])
    )
    emissions = case.rng.normal(size=(lengths.sum(), k)) * pick(case.rng, [1.0, 30.0])
    emissions = emissions.astype(scores.emissions.dtype)
    lattice = Lattice(emissions, *scores[1:4], lengths)
    pairs = case.scheme.inner_steps
    for ask_for in (
        lambda backend: [crf.viterbi(lattice, backend).scores],
        lambda backend: crf.forward_backward(lattice, backend),
        lambda backend: crf.tag_posterior(lattice, pairs, backend),
        lambda backend: (
            crf.edge_marginals(lattice, range(len(emissions))[1:2], backend)
            if lengths[0] > 1
            else []
        ),
    ):
        for ours, theirs in zip(ask_for(None), ask_for(torch_backend), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    return True


@question
def divided_by(case: Case) -> bool:
    temperature: Any = float(np.exp(case.rng.normal()))
    if case.is_wrong:
        temperature = hostile.hostile_number(case.rng)
    meant = hostile.as_number(temperature, 1e-6, 1e6)
    potentials = case.potentials
    call = lambda: potentials.divided_by(temperature)  # noqa: E731
    answer = ask(call, meant is not None, temperature)
    if answer is not None:
        for result, scores in zip(answer[:4], case.scores[:4], strict=True):
            with np.errstate(over="ignore"):
                expected = (scores.astype(np.float64) / meant).astype(scores.dtype)
            np.testing.assert_allclose(np.asarray(result), expected, rtol=1e-6)
    return answer is not None
