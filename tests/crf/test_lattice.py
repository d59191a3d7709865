"""What a lattice refuses to be built from."""

from typing import Any

import numpy as np
import pytest
import torch

from spacy_crf_tagger.crf import Constraints, Lattice, Potentials, edge_marginals

from .brute_force import as_doubles, as_tensors, random_lattice, random_potentials

SCORES = ["emissions", "transitions", "start", "end"]


def potentials_with(**changes: Any) -> Potentials:
    potentials = random_potentials(np.random.default_rng(0), [2, 3], n_tags=4)
    return potentials._replace(**changes)


def as_kind(potentials: Potentials, tensors: bool) -> Potentials:
    return potentials.map(torch.from_numpy) if tensors else potentials


def assert_scores_equal(found: Potentials, expected: list) -> None:
    for own, other in zip(found[:4], expected, strict=True):
        np.testing.assert_array_equal(np.asarray(own), np.asarray(other))


@pytest.mark.parametrize("tensors", [False, True])
def test_a_function_is_applied_to_all_scores(tensors: bool) -> None:
    potentials = potentials_with()
    doubled = as_kind(potentials, tensors).map(lambda scores: scores + scores)
    assert_scores_equal(doubled, [2 * scores for scores in potentials[:4]])
    assert doubled.lengths is potentials.lengths
    assert isinstance(doubled.start, torch.Tensor) == tensors


@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("factor", [1.0, -1.0, 0.3])
def test_potentials_are_added_up(factor: float, tensors: bool) -> None:
    rng = np.random.default_rng(1)
    pair = [
        random_potentials(rng, [2, 3], n_tags=4, dtype=np.float32) for _ in range(2)
    ]
    a, b = (as_kind(potentials, tensors) for potentials in pair)
    total = a.plus(b, factor)
    expected = [
        own + more if factor == 1.0 else own + factor * more
        for own, more in zip(a[:4], b[:4], strict=True)
    ]
    assert_scores_equal(total, expected)
    assert total.emissions.dtype == a.emissions.dtype
    assert total.lengths is a.lengths
    assert_scores_equal(a, list(pair[0][:4]))  # as they were


@pytest.mark.parametrize("tensors", [False, True])
def test_potentials_are_scaled(tensors: bool) -> None:
    potentials = potentials_with()
    scaled = as_kind(potentials, tensors).scaled(0.3)
    assert_scores_equal(scaled, [scores * 0.3 for scores in potentials[:4]])
    divided = as_kind(potentials, tensors).divided_by(3.0)
    assert_scores_equal(divided, [scores / 3.0 for scores in potentials[:4]])


def test_potentials_without_transitions_stay_so() -> None:
    nothing = {"transitions": None, "start": None, "end": None}
    alone = potentials_with(**nothing)
    for changed in (
        alone.map(np.negative),
        alone.plus(alone, 2.0),
        alone.scaled(2.0),
        alone.divided_by(2.0),
    ):
        assert changed[1:4] == (None, None, None)
        assert not np.array_equal(changed.emissions, alone.emissions)
    for name in nothing:
        one_less = potentials_with(**{name: None})
        for pair in ((one_less, potentials_with()), (potentials_with(), one_less)):
            with pytest.raises(ValueError, match=f"only one has {name} scores"):
                pair[0].plus(pair[1])


@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", SCORES)
def test_scores_that_are_no_scores(name: str, value: float, tensors: bool) -> None:
    potentials = potentials_with()
    getattr(potentials, name).flat[-1] = value
    if tensors:
        lengths = potentials.lengths
        potentials = Potentials(*map(torch.from_numpy, potentials[:4]), lengths)
    with pytest.raises(ValueError, match=f"CRF {name} scores contain NaN or"):
        Lattice.build(potentials)


def test_forbidden_scores_are_scores() -> None:
    potentials = potentials_with()
    for name in SCORES:
        getattr(potentials, name).flat[0] = -np.inf
    Lattice.build(potentials)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transitions": np.zeros((4, 3))}, "transitions"),
        ({"transitions": np.zeros((5, 5))}, "transitions"),
        ({"start": np.zeros(3)}, "start"),
        ({"end": np.zeros((1, 4))}, "end"),
        ({"emissions": np.zeros(5)}, "Emissions"),
        ({"emissions": np.zeros((5, 4, 1))}, "Emissions"),
        ({"emissions": np.zeros((5, 0))}, "Emissions"),
        ({"emissions": np.zeros((4, 4))}, "4 rows"),
        ({"lengths": [2, 4]}, "5 rows"),
        ({"lengths": [6, -1]}, "5 rows"),
        ({"lengths": []}, "5 rows"),
    ],
)
def test_shapes_and_lengths_that_do_not_fit(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lattice.build(potentials_with(**changes))


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (5,), (4, 5)])
def test_masks_that_do_not_fit(shape: tuple) -> None:
    allowed = np.ones(shape, dtype=bool)
    with pytest.raises(ValueError, match="Mask of allowed tags"):
        Lattice.build(potentials_with(), allowed=allowed)
    with pytest.raises(ValueError, match="Mask of allowed tags"):
        Lattice.build(potentials_with()).restrict(allowed)


@pytest.mark.parametrize("token", [-1, 0, 2, 5, 6])
def test_tokens_without_a_token_before_them(token: int) -> None:
    lattice = Lattice.build(potentials_with(lengths=[2, 0, 3, 0]))
    with pytest.raises(ValueError, match=rf"Token {token} "):
        edge_marginals(lattice, [1, token])


@pytest.mark.parametrize("tensors", [False, True])
def test_restrictions_forbid_and_leave_the_rest(tensors: bool) -> None:
    rng = np.random.default_rng(1)
    whole = random_lattice(rng, [2, 3], n_tags=4)
    prepared = as_tensors(whole) if tensors else whole
    constraints = Constraints(
        rng.random((4, 4)) < 0.5, rng.random(4) < 0.5, rng.random(4) < 0.5
    )
    allowed = rng.random((5, 4)) < 0.5
    potentials = Potentials(*(getattr(prepared, name) for name in SCORES), [2, 3])
    built = Lattice.build(potentials, constraints, allowed)
    masks = (allowed, constraints.transitions, constraints.start, constraints.end)
    for before, after, mask in zip(
        as_doubles(whole), as_doubles(built), masks, strict=True
    ):
        np.testing.assert_array_equal(after, np.where(mask, before, -np.inf))
    np.testing.assert_array_equal(whole.emissions, prepared.emissions)


@pytest.mark.usefixtures("repeated_warnings")
@pytest.mark.parametrize("tensors", [False, True])
def test_masks_that_cannot_be_written_to(tensors: bool) -> None:
    lattice = random_lattice(np.random.default_rng(1), [2, 3], n_tags=4)
    prepared = as_tensors(lattice) if tensors else lattice
    allowed = np.broadcast_to([True, False, True, True], (5, 4))
    emissions = np.asarray(prepared.restrict(allowed).emissions)
    np.testing.assert_array_equal(
        emissions, np.where(allowed, lattice.emissions, -np.inf)
    )
